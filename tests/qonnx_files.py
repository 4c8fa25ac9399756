"""QONNX files written here: a quantised input, a product, batch norm, a quantiser, a product, a scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

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
