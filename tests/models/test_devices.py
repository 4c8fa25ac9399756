"""Scans in torch against those in numba, and training steps on a GPU that is not there: tensors of shapes and devices alone."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import fields, replace

import numpy as np
import pytest
import random_checkpoint
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny_language import tiny
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from tritspike.models import devices, membranes
from tritspike.models.ahead import Ahead
from tritspike.models.bispikclm import SpikingLM
from tritspike.models.data import encode, pack
from tritspike.models.distil import Answers, Distiller
from tritspike.models.flow import Flow
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.scan import Registers, register, scan
from tritspike.models.sizes import BertConfig, FlowConfig, language_config
from tritspike.models.spad import SpadDistiller
from tritspike.models.spad_stream import StreamDistiller
from tritspike.models.spiking import Weight, lif
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.streams import Stream, crops
from tritspike.models.student_options import LossWeights, SpadWeights
from tritspike.models.teacher import CausalTeacher, Teacher
from tritspike.models.train_flow import Judged
from tritspike.runtime.errors import InputError
from tritspike.runtime.tasks.labelled import task_named

SEEDS = st.integers(0, 1 << 30)


@pytest.fixture()
def scans(monkeypatch):
    def use(kind):
        monkeypatch.setenv(devices.SCANS, kind)

    return use


def _both(call):
    """(numba's, torch's)."""
    found = []
    for kind in ("numba", "torch"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(devices.SCANS, kind)
            found.append(call())
    return found


def _close(ours, theirs):
    return torch.allclose(ours, theirs, rtol=2e-6, atol=2e-6 * float(theirs.abs().max()))


@given(SEEDS, st.integers(1, 5), st.integers(1, 4), st.integers(0, 4096), st.sampled_from([None, 0, 1, 20_000, (1 << 17) - 1]), st.integers(0, 40))
@example(0, 3, 2, 4096, (1 << 17) - 1, 30)
def test_both_scans_of_windows_fire_alike(seed, window, windows, keep, vth, bits):
    rng = np.random.default_rng(seed)
    drive = rng.integers(-(1 << bits), (1 << bits) + 1, (window * windows, 5, 7)) if vth is not None else rng.normal(0.4, 1, (window * windows, 5, 7))
    weights = torch.from_numpy(rng.normal(size=drive.shape)).float()

    def call():
        given = torch.tensor(drive, dtype=torch.float32, requires_grad=True)
        spikes = lif(given, keep, vth, window)
        (spikes.float() * weights).sum().backward()
        return spikes, given.grad

    (ours, ours_back), (theirs, theirs_back) = _both(call)
    assert torch.equal(ours, theirs) and ours.dtype == theirs.dtype == torch.bfloat16
    assert _close(ours_back, theirs_back)


@given(SEEDS, st.integers(1, 3), st.integers(0, 3), st.integers(1, 4), st.booleans(), st.booleans())
def test_both_scans_of_streams_fire_alike(seed, frame, idle, tokens, integer, begins):
    rng, unit = np.random.default_rng(seed), 5000 if integer else 1
    keep_u, keep = rng.integers(0, 4096, 6), int(rng.integers(0, 4097))
    threshold = rng.integers(0, 1 << 17, 6) << 6 if integer else np.ones(6, np.float32)
    some = torch.from_numpy(rng.random(tokens) < 0.4) if begins else None
    shapes = ((tokens * frame, 3, 6), (6,), (3, 6), (3, 6))
    values = [np.rint(rng.normal(0, unit * 100, shape)) if integer else rng.normal(0, unit, shape) for shape in shapes]
    weights = [torch.from_numpy(rng.normal(size=shape)).float() for shape in (shapes[0], shapes[2], shapes[3])]

    def call():
        leaves = [torch.tensor(value, dtype=torch.float32, requires_grad=True) for value in values]
        how = Registers(keep, keep_u, threshold, frame, frame + idle, some)
        spikes, after = scan(leaves[0], leaves[1], how, integer, (leaves[2], leaves[3]))
        return (spikes, *after), torch.autograd.grad(sum((s.float() * w).sum() for s, w in zip((spikes, *after), weights)), leaves)

    (ours, ours_back), (theirs, theirs_back) = _both(call)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs))
    assert all(_close(a, b) for a, b in zip(ours_back, theirs_back))


@given(st.floats(-30, 30), st.integers(1, (1 << 17) - 1))
@example(-np.inf, 224)
def test_a_learned_weight_is_the_same_integer(log, scale):
    def call():
        weight = Weight(1.0)
        torch.nn.init.constant_(weight.log, log)
        weight.fold(scale)
        return float(weight().detach()), weight.integer() * 64.0

    ours, theirs = _both(call)
    assert ours == theirs and ours[0] == ours[1]


@given(st.lists(st.floats(-3e6, 3e6, width=32), max_size=5))
@example([4095.0 * 128])
@example([4095.0 * 64, 1.0])
@example([4095.5])
def test_a_register_s_exponent_is_the_smallest_that_holds_all(values):
    found = register(torch.tensor(values, dtype=torch.float32))
    e = next((e for e in range(7) if all(abs(v) <= 4095 << e for v in values)), 7)
    wanted = [max(-4095, min(4095, float(np.rint(np.float32(v) / (1 << e))))) * (1 << e) for v in values]
    assert found.tolist() == wanted


def test_scans_are_taken_whole_by_torch_compile():
    """No graph breaks, and the same numbers."""
    drive, grad = torch.randint(-(1 << 20), 1 << 20, (4, 50)).float(), torch.randn(4, 50)
    whole = {
        f: torch.compile(f, fullgraph=True, backend="eager") for f in (membranes.fired, membranes.fired_back, membranes.token, membranes.token_back)
    }
    for integer, threshold in ((True, 9999 * 64), (False, 1.0)):
        given = (drive if integer else grad, 3000, threshold, integer)
        plain = membranes.fired(*given)
        assert all(torch.equal(a, b) for a, b in zip(plain, whole[membranes.fired](*given)))
        back = (grad, plain[1], 3000, threshold)
        assert torch.equal(membranes.fired_back(*back), whole[membranes.fired_back](*back))
        kind = torch.int64 if integer else torch.float32
        rest, keep_u = torch.zeros(2, 50, dtype=kind), torch.randint(0, 4096, (50,))
        limits = torch.full((50,), threshold, dtype=kind)
        token = (drive.view(2, 2, 50).to(kind), rest[0], 3000, keep_u, limits, 5, integer, rest, rest)
        plain = membranes.token(*token)
        assert all(torch.equal(a, b) for a, b in zip(plain, whole[membranes.token](*token)))
        back = (grad.view(2, 2, 50), plain[1], 3000, keep_u, 1 / limits.float(), torch.ones(2, 50), torch.ones(2, 50))
        assert all(torch.equal(a, b) for a, b in zip(membranes.token_back(*back), whole[membranes.token_back](*back)))


# what may be asked for


@pytest.mark.parametrize("name", ["cuda", "cuda:3", "gpu", "cuda:x", "auto:0", ""])
def test_a_device_that_is_not_there_is_refused(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device"):
        devices.chosen(name)


def test_auto_is_a_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.chosen("auto") == devices.chosen("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda at: None)
    assert devices.chosen("auto", 1) == devices.chosen("cuda:1") == torch.device("cuda:1") and devices.chosen("cpu").type == "cpu"
    with pytest.raises(InputError, match="device 2 of 2"):
        devices.chosen("cuda:2")


def test_scans_that_are_none_are_refused(scans):
    scans("fast")
    with pytest.raises(InputError, match="TRITSPIKE_LIF=fast"):
        lif(torch.zeros(1, 1), 3000, None)
    scans("numba")
    with pytest.raises(InputError, match="TRITSPIKE_LIF=numba on meta"):
        lif(torch.zeros(1, 1, device="meta"), 3000, None)


def test_integers_are_not_trained_where_float32_products_lose_bits():
    devices.require_exact()
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        with pytest.raises(InputError, match="precision high, integers need all bits"):
            devices.require_exact()
    finally:
        torch.set_float32_matmul_precision(before)


def test_batches_come_ahead_in_any_order_and_faults_where_they_are_asked_for():
    def make(name, step):
        if step == 7:
            raise ValueError("seven")
        return name, step

    for threads in (False, True):
        ahead = Ahead(make, threads)
        for key in (("float", 0), ("float", 1), ("float", 2), ("integer", 0), ("float", 6)):
            assert ahead.at(*key) == key
        with pytest.raises(ValueError, match="seven"):
            ahead.at("float", 7)
        assert ahead.at("integer", 3) == ("integer", 3)


# steps on a GPU that is not there, by tensors of shapes and devices alone


class NoWaiting(TorchDispatchMode):
    """Refuses what brings numbers to the host. (What asks for one, or for a shape that depends on one, fails of itself on such tensors.)"""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default and args[0].device.type != "cpu" and found.device.type == "cpu":
            raise AssertionError("a copy to the host")
        return found


def _texts(seed=0):
    return encode(random_checkpoint.small_tokenizer(), random_checkpoint.texts(seed, 6, 12), 12)


def _answers(classes=2):
    return Answers.of(torch.randn(6, classes), torch.tensor([0.0, 1, float("nan"), 1, float("nan"), 0]))


def _window(teacher):
    config = BertConfig(vocabulary=48, classes=2, hidden=16, layers=1, heads=2, head_dim=4, ffn=16, steps=2, max_length=12, embedding_rank=8)
    student = SpikingBert(replace(config, readout="first"))
    weights = LossWeights(hidden=0.1, attention=0.1, rate=1.0, rate_target=0.0, operations=1.0, operations_target=0.0)
    return student, Distiller(student, teacher, task_named("sst2"), weights), (pack(_texts(), range(6)), _answers(), 0)


def _flow(teacher):
    c = FlowConfig(
        48, hidden=16, layers=1, ffn=16, traces=8, memory=(1, 4), mixer="both", recall=(4,), key=2, value=2, steps=2, rank=8, classes=2, slot=12
    )
    return Flow(c), Judged(task_named("sst2"), LossWeights(rate=1.0, rate_target=0.0)), (pack(_texts(), range(6)), _answers())


def _language(teacher):
    student = SpikingLM(language_config(40, hidden=16, layers=2, heads=2, head_dim=4, ffn=16, steps=2, max_length=12, embedding_rank=8))
    stream = Stream(np.arange(200, dtype=np.int32) % 40)
    return student, SpadDistiller(student, _causal(), SpadWeights(rate=1.0, rate_target=0.0)), crops([stream], 1.0, np.random.default_rng(0), 3, 12)


def _stream(teacher):
    student = Flow(FlowConfig(40, hidden=16, layers=2, ffn=16, traces=8, memory=(1, 4), steps=2, rank=8, window=2))
    return student, StreamDistiller(student, _causal(), SpadWeights(attention=0.0)), (torch.randint(40, (3, 17)), 8, {})


def _causal():
    model = tiny("gpt2", 44).eval()
    model.set_attn_implementation("eager")
    return CausalTeacher(model, random_checkpoint.small_tokenizer())


def _there(mode, device, value):
    """A real value as one of shapes alone on a device."""
    if isinstance(value, torch.Tensor):
        return mode.from_tensor(value).detach().to(device)
    if isinstance(value, Answers | Batch):
        tensors = {f.name: getattr(value, f.name) for f in fields(value) if isinstance(getattr(value, f.name), torch.Tensor)}
        return replace(value, **{name: _there(mode, device, tensor) for name, tensor in tensors.items()})
    return value


def _move(mode, device, module):
    for part in module.modules():
        for name, tensor in part._parameters.items():
            if tensor is not None:
                part._parameters[name] = torch.nn.Parameter(_there(mode, device, tensor), tensor.requires_grad)
        part._buffers.update({name: _there(mode, device, tensor) for name, tensor in part._buffers.items() if tensor is not None})


def _made(made, folded, teacher):
    """(student, distiller, what it is given)."""
    student, distiller, given = made(copy.deepcopy(teacher))
    if folded:
        student.eval().fold(50)
    return student.train(), distiller, given


def _moved(mode, device, student, distiller, given):
    for module in (student, distiller, *(one.model for one in getattr(distiller, "teacher", []))):
        _move(mode, device, module)
    return [_there(mode, device, value) for value in given]


MADE = pytest.mark.parametrize("made", [_window, _flow, _language, _stream])
FOLDED = pytest.mark.parametrize("folded", [False, True])


@MADE
@FOLDED
def test_a_step_never_waits_for_its_device(made, folded, teacher, monkeypatch):
    """Nor the way back. Torch without CUDA has no gradients on its devices, not even of shapes alone: "meta" is the device that is not the host."""
    monkeypatch.setattr(Teacher, "halved", lambda self: nullcontext())
    student, distiller, given = _made(made, folded, teacher)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:  # torch.tensor(..., device="meta") makes none of its own
        moved = _moved(mode, torch.device("meta"), student, distiller, given)
        with NoWaiting():
            distiller(student, *moved).backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in student.parameters() if p.requires_grad)


@pytest.mark.parametrize("wait", [lambda x: x.sum().item(), lambda x: float(x.sum()), lambda x: x.cpu(), lambda x: x.nonzero(), lambda x: x[x > 0]])
def test_what_waits_is_seen(wait):
    ones = torch.ones(3)
    seen = (AssertionError, DataDependentOutputException, DynamicOutputShapeException)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, NoWaiting(), pytest.raises(seen):
        wait(_there(mode, torch.device("meta"), ones))


@pytest.mark.parametrize("made", [_window, _stream])
def test_halved_products_are_of_floats_alone(made, teacher, monkeypatch):
    """As on CUDA: other floats, and the same integers."""
    for folded in (False, True):
        found = []
        for halved in (lambda device: nullcontext(), lambda device: torch.autocast("cpu", torch.bfloat16)):
            torch.manual_seed(0)
            student, _, given = _made(made, folded, teacher)
            monkeypatch.setattr(devices, "halved", halved)
            with torch.no_grad():
                student(given[0])
            found.append(student.x.driven)
        assert torch.equal(*found) is folded and torch.allclose(*found, rtol=0.1, atol=0.1)
