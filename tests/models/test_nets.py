"""Layers composed by hand: what they compute after folding is what the network that is traced from them computes, spike by spike."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import net_modules as modules
import net_random
import numpy as np
import pytest
import torch
from net_modules import CASES, Attention, Mlp
from torch import nn

from tritspike import net as tn
from tritspike.models import nets
from tritspike.models.nets import Dense, Input, Lif, Recurrent, fold, outcome, trace
from tritspike.models.nets.scan import Registers, scan
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.lava.stock import installed
from tritspike.runtime.network.compare import first_difference

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TRAINED = {"digits_mlp": (60, 0.9), "digits_conv": (60, 0.8), "digits_recurrent": (60, 0.75), "encoder_other": (120, 0.65)}


def folded_module(case):
    """A module with statistics of its own, in integers, what it hears, and its timing."""
    make, given, timing = CASES[case]
    torch.manual_seed(0)
    model = make().train()
    for norm in (part for part in model.modules() if isinstance(part, nn.BatchNorm1d)):
        nn.init.constant_(norm.bias, 0.4)  # enough that all layers spike, and padding would
    for _ in range(30):
        model(*given)
    fold(model.eval())
    return model, given, timing


@pytest.fixture(params=CASES, ids=str)
def folded(request):
    return folded_module(request.param)


def test_torch_s_integers_are_the_network_s_on_every_spike(folded):
    model, given, timing = folded
    played, ours = outcome(model, *given)
    program = tn.lower(trace(model), timing)
    for executor in ("reference", "fast"):
        theirs = tn.run(program, played, executor, record=True)
        assert ours.read.keys() == theirs.read.keys() and ours.spikes.keys() < theirs.spikes.keys()
        assert first_difference(ours, theirs) is None
    assert [name for name, some in ours.spikes.items() if not some.any()] == []
    assert all(some.any() for some in ours.read.values())


@pytest.mark.parametrize("seed", range(15))
def test_random_streams_are_computed_as_their_networks(seed):
    model, given, timing = net_random.stream(seed)
    played, ours = outcome(model, given)
    program = tn.lower(trace(model), timing)
    for executor in ("reference", "fast"):
        assert first_difference(ours, tn.run(program, played, executor, record=True)) is None


def test_texts_that_fill_their_positions_have_no_padding():
    model, (given,), timing = folded_module("attention over texts")
    played, ours = outcome(model, given.of)
    assert not played["pad"].any() and played["pad"].shape == (12, 4, 6)
    assert first_difference(ours, tn.run(tn.lower(trace(model), timing), played, record=True)) is None


def test_training_goes_on_in_integers(folded):
    model, given, _ = folded
    found = model(*given)
    loss = sum(one.square().mean() for one in (found if isinstance(found, tuple) else (found,)))
    loss.backward()
    unused = {f"{name}.synapses.shift" for name, layer in model.named_modules() if isinstance(layer, Dense) and not layer.biased}
    grads = {name: p.grad for name, p in model.named_parameters() if name not in unused}
    assert [n for n, g in grads.items() if g is None or not torch.isfinite(g).all() or not g.any()] == []


@pytest.mark.parametrize(
    "case", ["mlp with current memory", "pooled", "causal attention over texts", "stream", "tokens ago", "loop over two layers", "never reset"]
)
@pytest.mark.skipif(not installed(), reason="lava-nc is not installed")
def test_stock_lava_computes_the_same(case):
    model, given, timing = folded_module(case)
    played, ours = outcome(model, *given)
    windows = 12 if case == "never reset" else 2 * (getattr(timing, "slot", 0) or 1)
    some = {name: one[:windows] for name, one in played.items()}
    theirs = tn.run(tn.lower(trace(model), timing), some, "lava", record=True)
    cut = tn.Outcome({k: v[:windows] for k, v in ours.read.items()}, {k: v[:windows] for k, v in ours.spikes.items()})
    assert first_difference(cut, theirs) is None


# neurons with a current that lasts


@pytest.mark.parametrize("idle", [0, 2])
@pytest.mark.parametrize("scale", [None, 50])
def test_the_scan_s_gradients_are_those_of_its_equations(scale, idle):
    torch.manual_seed(0)
    unit = 1 if scale is None else scale * 64
    leaves = [(torch.randn(*shape) * unit).round(decimals=3 if scale is None else 0).requires_grad_() for shape in ((6, 3, 4), (4,), (3, 4), (3, 4))]
    keep_u = np.array([2048, 0, 1000, 3900])
    lasting = torch.tensor(4096 / (4096 - keep_u)).float()
    threshold = np.ones(4, np.float32) if scale is None else np.array([64 * round(scale * n) for n in lasting.tolist()])
    drive, bias = (leaves[0] / lasting, leaves[1]) if scale is None else (leaves[0], leaves[1] * lasting)
    how = Registers(3000, keep_u, threshold, 3, 3 + idle)
    spikes, after = scan(drive, bias, how, scale is not None, (leaves[2], leaves[3]))
    said, (u, v) = literally(drive, bias, how, (leaves[2], leaves[3]))
    weights = torch.randn(3, 6, 3, 4)
    for ours, theirs in ((spikes, said), (after[0], u), (after[1], v)):
        assert torch.allclose(ours.float(), theirs.float(), atol=64 if scale else 1e-4)
    found, wanted = (
        torch.autograd.grad((s * weights[0]).sum() + (u * weights[1, 0]).sum() / unit + (v * weights[2, 0]).sum() / unit, leaves, retain_graph=True)
        for s, (u, v) in ((spikes.float(), after), (said, (u, v)))
    )
    for ours, theirs in zip(found, wanted):
        assert theirs.abs().max() * unit > 0.1 and torch.allclose(ours, theirs, rtol=2e-2, atol=2e-3 / unit)


class Surrogate(torch.autograd.Function):
    """A spike whose slope is the arctan's, of an excess in thresholds."""

    @staticmethod
    def forward(ctx, excess):
        ctx.save_for_backward(excess)
        return (excess > 0).float()

    @staticmethod
    def backward(ctx, grad):
        return grad / (1 + (np.pi * ctx.saved_tensors[0]) ** 2)


def literally(drive, bias, how, state):
    """The equations step by step, with autograd; the reset is not differentiated."""
    (u, v), keep_u, threshold = state, torch.from_numpy(how.keep_u), torch.from_numpy(how.threshold)
    spikes = []
    for token in drive.split(how.frame):
        for now in (*token, *(torch.zeros(()) for _ in range(how.period - how.frame))):
            u = u * (keep_u / 4096) + now
            v = v * (how.keep / 4096) + u + bias
            spikes.append(Surrogate.apply((v - threshold) / threshold))
            v = torch.where(spikes[-1].detach() > 0, torch.zeros(()), v)
    active = torch.arange(len(spikes)) % how.period < how.frame
    return torch.stack(spikes)[active], (u, v)


# what is refused


def test_what_is_not_folded_or_no_layer_is_refused():
    with pytest.raises(InputError, match=r"^x: not folded \(hint: fold\(module\)"):
        trace(Mlp())
    with pytest.raises(InputError, match="Linear has no layers"):
        fold(nn.Linear(2, 2))
    model = Mlp()
    fold(model.eval())
    with pytest.raises(InputError, match="x: folded already"):
        fold(model)
    with pytest.raises(InputError, match=r"Mlp: not folded"):
        outcome(Mlp(), modules.FLAT)
    with pytest.raises(InputError, match="a module is needed, not str"):
        trace("Mlp")
    with pytest.raises(InputError, match="scale is -3"):
        fold(Mlp(), -3)
    with pytest.raises(InputError, match=r"resets is 'never' \(hint: one of Resets"):
        Lif(resets="never")
    with pytest.raises(InputError, match="x: spikes of other numbers than 0 and 1"):
        outcome(model, modules.FLAT * 0.5)


ACTS = {
    "relu": (lambda x: torch.relu(x), "relu"),
    "times": (lambda x: x * 2, r"\*"),
    "mean": (lambda x: x.mean(0), r"\.mean"),
    "index": (lambda x: x[0], "indexing"),
    "plus": (lambda x: x + 1, r"\+ of a drive and something else"),
    "cat": (lambda x: torch.cat([x, x]), "cat"),
    "softmax": (lambda x: nn.functional.softmax(x, -1), "softmax"),
    "if": (lambda x: x if x else None, "a condition"),
    "linear": (nn.Linear(30, 30), "linear"),
    "dropout": (nn.Dropout(), "dropout"),
    "chunk": (lambda x: x.chunk(3), r"\.chunk"),
    "minus": (lambda x: 1 - x, "-"),
    "sign": (lambda x: -x, "a sign or a complement"),
    "equal": (lambda x: None if x == 1 else x, "a comparison"),
    "more": (lambda x: x > 0, "a comparison"),
    "power": (lambda x: x**2, r"\*\*"),
    "both": (lambda x: x & x, "&"),
    "float": (lambda x: float(x), "a number of"),
    "loop": (lambda x: [*x], "a loop or a length"),
    "set": (lambda x: x.__setitem__(0, 1), "setting"),
}


@pytest.mark.parametrize("act", ACTS, ids=str)
def test_an_operation_that_no_chip_does_is_named_with_its_line(act):
    do, what = ACTS[act]

    class Bad(Mlp):
        def forward(self, x):
            return self.digit(self.hidden(do(self.first(self.x(x)))))

    model, refused = Bad(), rf"test_nets\.py:\d+: ({what}) on spikes, which no chip's neuron does"
    with pytest.raises(InputError, match=refused):
        model(modules.FLAT)
    fold(model.eval())
    with pytest.raises(InputError, match=refused):
        trace(model)


def forward(**parts):
    """A module with these layers whose forward the caller writes."""

    class Some(nn.Module):
        def __init__(self, act):
            super().__init__()
            self.act, self.x = act, Input(tn.Axis("features", 20))
            for name, layer in parts.items():
                setattr(self, name, layer)

        def forward(self, x):
            return self.act(self, x)

    return Some


WRONG = {
    "no input": (dict(first=Dense(20, 5)), lambda m, x: m.first(x), r"Dense is given what the module is called with .*Input\(axes\)"),
    "drive for spikes": (dict(a=Dense(20, 5), b=Dense(5, 5)), lambda m, x: m.b(m.a(m.x(x))), r"Dense is given a drive .*Lif makes of a drive"),
    "spikes for a drive": (dict(a=Lif()), lambda m, x: m.a(m.x(x)), r"Lif is given spikes .*a drive, which Dense"),
    "sizes": (dict(a=Dense(21, 5)), lambda m, x: m.a(m.x(x)), r"test_nets.py:.* is made for 21 cells, hears 20 of features 20"),
    "axes": (dict(a=Dense(tn.Axis("pixel", 20), 5)), lambda m, x: m.a(m.x(x)), r"is made for 20 cells, hears 0 of features 20"),
    "taps": (dict(a=Dense(20, 5, taps=2)), lambda m, x: m.a(m.x(x)), r"no axis 'position'"),
    "sums": (dict(a=Dense(20, 5), b=nets.Skip()), lambda m, x: m.a(m.x(x)) + m.b(m.x(x)), r"features 5.*features 20|features 20.*features 5"),
    "pairs": (dict(a=nets.Coincide("features")), lambda m, x: m.a(m.x(x), m.x(x)), r"no axis 'position' to pair along"),
    "scores": (dict(a=nets.Gather()), lambda m, x: m.a(m.x(x), m.x(x)), r"Gather's scores are over features 20"),
    "gate": (dict(y=Input(tn.Axis("f", 20)), a=nets.Both()), lambda m, x: m.a(m.x(x), m.y(x)), r"over features 20 and over f 20"),
    "token ago": (dict(a=nets.Delay()), lambda m, x: m.a(m.x(x)), r"a token ago, and windows"),
    "pool": (dict(a=nets.Pool("row")), lambda m, x: m.a(m.x(x)), r"Pool along 'row'"),
    "convolution": (dict(a=nets.Conv(1, 1, 1)), lambda m, x: m.a(m.x(x)), r"a convolution of 1 channels hears features 20"),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_shapes_that_do_not_meet_are_said_by_name(case):
    parts, act, said = WRONG[case]
    with pytest.raises(InputError, match=said):
        forward(**parts)(act)(modules.FLAT)


def test_inputs_of_another_shape_are_refused():
    said = r"spikes of shape \(5, 12, 19\) \(hint: \(steps, samples, 20\) over features 20\)"
    with pytest.raises(InputError, match=said):
        Mlp()(modules.spikes(5, 12, 19))
    with pytest.raises(InputError, match=r"spikes of shape \(2, 10, 4, 8\) \(hint: \(3, samples, tokens, 8\)"):
        modules.Streamed()(modules.spikes(2, 10, 4, 8))
    with pytest.raises(InputError, match=r"sequences of 5 tokens \(hint: of 4, the slot"):
        modules.Streamed()(modules.spikes(3, 10, 5, 8))
    with pytest.raises(InputError, match=r"lengths over position 6, hidden 12"):
        Attention(modules.TEXT)(nets.Texts(torch.zeros(2, 6, dtype=torch.long), torch.tensor([0, 7])))
    with pytest.raises(InputError, match=r"keep_u is 4096"):
        Lif(keep_u=4096)


def test_state_that_outlives_a_sample_is_refused_where_it_would_mix():
    model, _, _ = folded_module("never reset")
    with pytest.raises(InputError, match=r"trace: 2 samples of a stream, and state that is not cleared between them"):
        outcome(model, modules.spikes(3, 2, 4, 8))
    model.first.biased = True
    with pytest.raises(InputError, match=r"trace: a bias of neurons that are never reset"):
        trace(model)
    model.trace.resets = tn.Resets.SEQUENCE  # cleared as its first token begins
    trace(model)


def test_inputs_that_do_not_belong_together_are_refused():
    two = modules.TwoWays()
    with pytest.raises(InputError, match=r"spikes of Windows\(steps=5\) meet those of Windows\(steps=4\)"):
        two(modules.FLAT, modules.spikes(4, 12, 7))
    with pytest.raises(InputError, match=r"never reset, and windows that are of different samples"):
        Mlp(resets=tn.Resets.NEVER)(modules.FLAT)
    position = tn.Axis("position", 20, grows=True)
    both = forward(y=Input(position), gate=nets.Both())(lambda m, x: m.gate(m.x(x[0]), m.y(x[1])))
    both.x = Input(position)
    texts = [nets.Texts(modules.FLAT, torch.full((12,), n)) for n in (3, 4)]
    for others in (texts[1], modules.FLAT):
        with pytest.raises(InputError, match="texts of other lengths meet"):
            both([texts[0], others])
    assert both([texts[0], texts[0]]).tensor.shape[1] == 12 * 3


def test_a_recurrence_whose_body_gives_something_else_is_refused():
    model = modules.Streamed()
    model.cell.axes = (tn.Axis("others", 16),)
    with pytest.raises(InputError, match=r"the body of a recurrence gives features 16 .*spikes over others 16"):
        model(modules.SEQUENCES)
    model.cell = Recurrent(modules.Cell(), 15)
    with pytest.raises(InputError, match=r"made for 16 cells, hears 15"):
        model(modules.SEQUENCES)


# examples


def example(name: str):
    """Its `main`, of an example of at most 60 lines."""
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 60
    spec = importlib.util.spec_from_file_location(name, path)
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    return found.main


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_example_is_the_program_that_runs(name, capsys, request, monkeypatch):
    """Trained for less than it is by itself: what it reaches is well above chance."""
    if name == "encoder_other":
        monkeypatch.setenv("GLUE_DIR", str(request.getfixturevalue("glue_dir")))
    steps, least = TRAINED[name]
    accuracy, differs = example(name)(float_steps=steps, integer_steps=20)
    assert differs is None and accuracy > least and "equal: reference == " in capsys.readouterr().out


def test_an_imported_file_loses_little(capsys):
    pytest.importorskip("nir", reason="nir is not installed")
    accuracy, own = example("nir_file")(samples=150)
    assert accuracy > own - 0.03 and "equal: reference == fast == lava on 3 samples" in capsys.readouterr().out


def test_a_stream_goes_on_from_its_file(capsys):
    assert example("stream")(tokens=6) == (True, True) and "equal: reference == fast == lava" in capsys.readouterr().out


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*TRAINED, "nir_file", "stream"}
