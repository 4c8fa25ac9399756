"""QONNX files written here: products or convolutions behind quantisers, with batch norm between them, and a scale at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, shape_inference

QONNX = "qonnx.custom_ops.general"


def quant(name, reads, gives, **attributes):
    return helper.make_node("Quant", [reads, "scale", "zero", "bits"], [gives], name, domain=QONNX, **attributes)


def model(path: Path, weights, *, bits=2, scale=1.0, signed=1, narrow=1, falling=False, more=(), last=(), extra=None) -> Path:
    rng = np.random.default_rng(0)
    first, second = weights
    n = len(first[0])
    norm = {"w": rng.uniform(0.5, 2, n), "b": rng.uniform(-1, 1, n), "m": rng.uniform(-3, 3, n), "v": rng.uniform(1, 9, n)}
    norm["w"] *= -1 if falling else rng.choice([-1, 1], n)
    constants = {k: np.float32(v) for k, v in norm.items()} | {"W": np.float32(first), "V": np.float32(second), "half": np.float32(0.5)}
    constants |= {"scale": np.float32(scale), "zero": np.float32(0), "bits": np.float32(bits), **(extra or {})}
    kinds = {"signed": signed, "narrow": narrow, "rounding_mode": "ROUND"}
    nodes = [
        quant("q0", "x", "a", **kinds),
        helper.make_node("MatMul", ["a", "W"], ["p"], "first"),
        helper.make_node("BatchNormalization", ["p", "w", "b", "m", "v"], ["n"], "norm", epsilon=1e-5),
        *more,
        quant("q1", "n" if not more else more[-1].output[0], "c", **kinds),
        helper.make_node("MatMul", ["c", "V"], ["h"], "second"),
        *(last or [helper.make_node("Mul", ["h", "half"], ["y"], "end")]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, len(first)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, len(second[0])])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def ternary(seed, *shape):
    return np.random.default_rng(seed).integers(-1, 2, shape)


def pictures(path: Path, *, kind="Quant", turned=False, head="MatMul", last=(), **conv) -> Path:
    """Two convolutions and a product: of 2 channels, 6 x 7. kind: of the quantisers between them; turned: channels last before the head."""
    rng, given = np.random.default_rng(0), {"kernel_shape": [3, 3], "pads": [1, 0, 1, 0], "strides": [1, 2], **conv}
    kernels = {"K": ternary(1, 4, 2, 3, 3), "L": ternary(2, 6, 4 // given.get("group", 1), 3, 3)}
    side = {"scale": np.float32(1), "zero": np.float32(0), "bits": np.float32(2), "half": np.float32(0.5)}
    constants = kernels | side | {f"{a}{n}": v for n, size in enumerate((4, 6)) for a, v in _norm(rng, size).items()}
    few = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}

    def stopped(name, reads, gives):
        return quant(name, reads, gives, **few) if kind == "Quant" else helper.make_node(kind, [reads, "scale"], [gives], name, domain=QONNX)

    def normed(n, reads):
        return helper.make_node("BatchNormalization", [reads, *(f"{a}{n}" for a in "wbmv")], [f"n{n}"], f"norm{n}", epsilon=1e-5)

    first = {name: value for name, value in given.items() if name != "group"}
    nodes = [quant("q0", "x", "a", **few), helper.make_node("Conv", ["a", "K"], ["p"], "first", **first), normed(0, "p"), stopped("q1", "n0", "c")]
    nodes += [helper.make_node("Conv", ["c", "L"], ["h"], "second", **{**given, "strides": [2, 1]})]
    if head == "MatMul":
        nodes += [normed(1, "h"), stopped("q2", "n1", "d"), *_flat(turned), helper.make_node("MatMul", ["f", "V"], ["g"], "third")]
        constants["V"] = ternary(3, _outputs(nodes, constants), 3)
    nodes += list(last) or [helper.make_node("Mul", ["g" if head == "MatMul" else "h", "half"], ["y"], "end")]
    return _written(path, nodes, constants, [1, 2, 6, 7])


def _norm(rng, n):
    found = {"w": rng.uniform(0.5, 2, n) * rng.choice([-1, 1], n), "b": rng.uniform(-1, 1, n)}
    return found | {"m": rng.uniform(-3, 3, n), "v": rng.uniform(1, 9, n)}


def _flat(turned):
    turn = [helper.make_node("Transpose", ["d"], ["t"], "turn", perm=[0, 2, 3, 1])] if turned else []
    return [*turn, helper.make_node("Flatten", ["t" if turned else "d"], ["f"], "flat", axis=1)]


def _outputs(nodes, constants):
    """Of the second convolution: what onnx's own shape inference says of it."""
    convs = [n for n in nodes if n.op_type == "Conv"]
    linked = [helper.make_node("Conv", ["x", "K"], ["p"]), helper.make_node("Conv", ["p", "L"], ["h"])]
    for made, there in zip(linked, convs):
        made.attribute.extend(there.attribute)
    tensors = [numpy_helper.from_array(np.float32(constants[k]), k) for k in "KL"]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 7])], [helper.make_tensor_value_info("h", TensorProto.FLOAT, None)]
    found = shape_inference.infer_shapes(helper.make_model(helper.make_graph(linked, "g", *ends, tensors)))
    return int(np.prod([d.dim_value for d in found.graph.output[0].type.tensor_type.shape.dim]))


def _written(path, nodes, constants, shape):
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", *ends, [numpy_helper.from_array(np.float32(v), k) for k, v in constants.items()])
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path
