"""QONNX with convolutions: the file's integers, whatever strides, padding, groups; and forms that are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from qonnx_compared import compared, refusal
from qonnx_files import model, pictures

from tritspike.compiler.frontend.qonnx import convolution
from tritspike.compiler.frontend.qonnx.lowering import build

FORMS = [
    {},
    {"kind": "BipolarQuant"},  # padding is 0 there, which is neither of its values
    {"turned": True},
    {"group": 2},
    {"kernel_shape": [3, 3], "dilations": [2, 1], "pads": [2, 1, 2, 1]},
    {"pads": [0, 0, 0, 0]},
    {"head": "Conv"},
]


@pytest.mark.parametrize("how", FORMS, ids=str)
def test_every_integer_is_the_file_s(how, tmp_path):
    found = build(pictures(tmp_path / "m.onnx", **how))
    assert compared(found, 200) > 4
    assert len(found.network.populations) == 3 + (2 if how.get("kind") is None else 1) * (1 if how.get("head") else 2)


@settings(max_examples=25)
@given(
    kind=st.sampled_from(["Quant", "BipolarQuant"]),
    head=st.sampled_from(["MatMul", "Conv"]),
    turned=st.booleans(),
    group=st.sampled_from([1, 2]),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.just(1)),
    pads=st.tuples(st.integers(2, 3), st.integers(1, 3)),
)
def test_any_form(tmp_path_factory, strides, dilations, pads, **how):
    conv = {"strides": list(strides), "dilations": list(dilations), "pads": [*pads, *pads]}
    compared(build(pictures(tmp_path_factory.mktemp("qonnx") / "m.onnx", **how, **conv)), 50)


@pytest.mark.parametrize("seed", range(20))
def test_a_convolution_is_onnx_s_own(seed):
    """Against onnx's reference, and as a matrix of its weights."""
    rng = np.random.default_rng(seed)
    sides, group = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    shape = (2 * group, *rng.integers(7, 10, sides))
    weight = rng.integers(-9, 10, (3 * group, 2, *rng.integers(1, 4, sides))).astype(np.float32)
    conv = {"strides": rng.integers(1, 3, sides), "dilations": rng.integers(1, 3, sides), "pads": np.tile(rng.integers(0, 3, sides), 2)}
    conv = {name: [int(n) for n in value] for name, value in conv.items()} | {"group": group}
    x = rng.integers(-5, 6, (4, *shape)).astype(np.float32)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "w", "y")]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"], **conv)], "g", infos[:2], infos[2:])
    (theirs,) = ReferenceEvaluator(helper.make_model(graph)).run(None, {"x": x, "w": weight})
    matrix, out = convolution.spread("conv", weight.astype(np.float64), conv, shape)
    assert (convolution.evaluated([x, weight], conv) == theirs).all() and theirs.any()
    assert ((matrix @ x.reshape(4, -1).T).T.reshape(4, *out) == theirs).all()


def test_forms_that_are_not_read_are_refused_by_name(tmp_path):
    path = tmp_path / "m.onnx"
    assert "first: pads is [1, 0, 0, 0], allowed as many on both sides of an axis" in refusal(pictures(path, pads=[1, 0, 0, 0]))
    assert "first: strides is [0, 1], allowed 2 numbers in 1..1024" in refusal(pictures(path, strides=[0, 1]))
    assert "first: pads is [1, 1, 1], allowed 4 numbers in 0..1024" in refusal(pictures(path, pads=[1, 1, 1]))
    assert "second: group is 4, allowed a divisor of 6" in refusal(pictures(path, group=4))
    assert "first: kernel_shape is [5, 3], allowed [3, 3], the weights'" in refusal(pictures(path, kernel_shape=[5, 3]))
    assert "first: auto_pad is SAME_UPPER, allowed pads, in numbers" in refusal(pictures(path, auto_pad="SAME_UPPER"))
    pool = [helper.make_node("MaxPool", ["h"], ["y"], "pool", kernel_shape=[2, 2])]
    assert "pool: operator 5 is MaxPool" in refusal(pictures(path, head="Conv", last=pool))
    found = onnx.load_from_string(pictures(path).read_bytes())
    next(n for n in found.graph.node if n.name == "second").input.append("b1")
    path.write_bytes(found.SerializeToString())
    assert "second: Conv is with a third input, allowed of weights alone: a bias as an Add behind it" in refusal(path)


def test_sums_are_asked_within_bounds(tmp_path):
    """Each of all outputs at each integer that some output can reach: beyond 2^25 of them the file is refused, not tried."""
    wide = np.ones((300, 9_000), int)
    assert "first: sums that are reachable is" in refusal(model(tmp_path / "m.onnx", (wide, np.ones((9_000, 1), int)), bits=4))
