"""QONNX in: every integer of the head is the file's, of published networks and of small ones made here; and what is refused by name."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
from command import ROOT

from tritspike.compiler.frontend.qonnx.lowering import build
from tritspike.compiler.lower import lower_network
from tritspike.runtime.errors import FileError
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper
from qonnx_compared import compared, refusal
from qonnx_files import model, ternary


@pytest.mark.parametrize("name, populations", [("TFC_1W1A", 5), ("TFC_2W2A", 9)])
def test_published_networks_give_the_files_integers(name, populations, qonnx_dir):
    found = build(qonnx_dir / f"{name}.onnx")
    assert len(found.network.populations) == populations
    assert compared(found, 4000, ("fast",), wide=1.0) > 40 and compared(found, 20, ("reference",), wide=1.0) > 10


@pytest.mark.skipif("TORCH_LIBS_PYTHON" not in os.environ, reason="TORCH_LIBS_PYTHON names no Python with qonnx: make .venv/.torch-libs")
@pytest.mark.parametrize("name", ["TFC_1W1A", "TFC_2W2A"])
def test_qonnx_s_own_executor_gives_them_too(name, qonnx_dir, tmp_path):
    file, x, out = qonnx_dir / f"{name}.onnx", tmp_path / "x.npy", tmp_path / "out.npy"
    found = build(file)
    given, last = np.random.default_rng(3).uniform(-1, 1, (20, *found.graph.shape[1:])).astype(np.float32), found.products[-1]
    np.save(x, given)
    command = [os.environ["TORCH_LIBS_PYTHON"], ROOT / "tests" / "interchange" / "qonnx_run.py", file, x, last.op.gives, out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = np.load(out).reshape(len(given), -1)
    ours = arrays.run(lower_network(found.network, found.timing), found.encode(given), "fast", How()).read["head"]
    assert (found.sums(ours) * last.unit * last.gain == theirs).all() and len(np.unique(theirs)) > 20


@pytest.mark.parametrize("name", ["TFC_1W1A", "TFC_2W2A"])
def test_a_published_network_on_lava(name, qonnx_dir):
    pytest.importorskip("lava.magma")
    assert compared(build(qonnx_dir / f"{name}.onnx"), 40, ("lava",), wide=1.0) > 20


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"falling": True},
        {"bits": 3},
        {"bits": 2, "signed": 0, "narrow": 0},
        {"scale": 0.25, "bits": 4},
        {"bits": 2, "narrow": 0},
    ],
)
def test_small_networks(how, tmp_path):
    found = build(model(tmp_path / "m.onnx", (ternary(1, 6, 5), ternary(2, 5, 3)), **how))
    assert compared(found) > 4


def test_weights_of_one_scale_an_output(tmp_path):
    first = ternary(1, 6, 5) * np.array([0.5, 1, 2, 0.25, 3])
    assert compared(build(model(tmp_path / "m.onnx", (first, ternary(2, 5, 3) * 3)))) > 4


def test_it_says_where_the_file_s_own_sums_round(tmp_path):
    plain = (ternary(1, 6, 5), ternary(2, 5, 3))
    assert "round" not in build(model(tmp_path / "m.onnx", plain, scale=0.25)).lines()[-1]
    assert "where float32 does not round the file's own sums (first, second)" in build(model(tmp_path / "m.onnx", plain, scale=0.1)).lines()[-1]


def test_what_a_chip_cannot_be_is_refused_by_name(tmp_path):
    plain = (ternary(1, 6, 5), ternary(2, 5, 3))
    path = tmp_path / "m.onnx"
    odd = [helper.make_node("Softmax", ["h"], ["y"], "soft"), helper.make_node("Erf", ["h"], ["z"], "gelu")]
    found = refusal(model(path, plain, last=odd))
    assert "soft: operator 5 is Softmax" in found and "gelu: operator 6 is Erf" in found
    assert "what it reads of activations is h, h" in refusal(model(path, plain, last=[helper.make_node("MatMul", ["h", "h"], ["y"], "both")]))
    rough = plain[0] + 0.1 * np.arange(6)[:, None]
    assert "first: weights is no few whole numbers times one scale an output" in refusal(model(path, (rough, plain[1])))
    wave = [helper.make_node("Mul", ["n", "n"], ["s"], "square")]
    assert "what it reads of activations is n, n" in refusal(model(path, plain, more=wave))
    assert "its scale is 0.0, allowed more than 0" in refusal(model(path, plain, scale=0))
    assert "its zero point is 0.30" in refusal(model(path, plain, extra={"zero": np.float32(0.3)}))
    for far in (257, 1e30):
        assert f"its zero point is {float(np.float32(far))}, allowed whole, or half of a whole number, in -256..256" in refusal(
            model(path, plain, extra={"zero": np.float32(far)})
        )
    assert "numbers is not finite" in refusal(model(path, plain, extra={"W": np.full((6, 5), np.nan, np.float32)}))
    assert "what follows it is not finite" in refusal(model(path, plain, extra={"v": np.full(5, -1, np.float32)}))
    extra = {"scale": np.float32([1, 2, 3, 4, 5, 6])}
    assert "its scale is an array, allowed one number" in refusal(model(path, plain, extra=extra))


def test_a_chain_that_is_not_monotone_is_refused(tmp_path):
    bend = [helper.make_node("Relu", ["n"], ["r"], "relu"), helper.make_node("Sub", ["r", "n"], ["t"], "turn")]
    assert "one chain, without a way beside it" in refusal(model(tmp_path / "m.onnx", (ternary(1, 6, 5), ternary(2, 5, 3)), more=bend))
    even = [helper.make_node("Pow", ["n", "two"], ["s"], "square")]
    path = model(tmp_path / "m.onnx", (ternary(1, 6, 5), ternary(2, 5, 3)), more=even, extra={"two": np.float32(2)})
    assert "first: what follows it is not monotone" in refusal(path)


def test_hostile_files(tmp_path):
    path = model(tmp_path / "m.onnx", (ternary(1, 6, 5), ternary(2, 5, 3)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "not a whole ONNX file" in refusal(path, FileError)
    found = onnx.load_from_string(whole)
    found.graph.initializer[0].data_location = TensorProto.EXTERNAL
    found.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    path.write_bytes(found.SerializeToString())
    assert "initializer is in another file" in refusal(path)
    found = onnx.load_from_string(whole)
    found.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "n"
    path.write_bytes(found.SerializeToString())
    assert "no dynamic ones" in refusal(path)
