"""ONNX's and QONNX's operators in numpy's float32: what a file says, evaluated as it says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.frontend.qonnx import convolution

Array = NDArray[Any]
Attributes = Mapping[str, Any]
Operator = Callable[[list[Array], Attributes], Array]


def levels(found: list[Array], a: Attributes) -> tuple[Array, Array, int, int]:
    """(scale, zero point, lowest, highest) of a Quant node's inputs behind the first: its values are scale * (n - zero point)."""
    scale, zero, width = found[:3]
    bits = int(np.asarray(width).item())
    if not 1 <= bits <= 8:
        raise ValueError(f"a quantiser of {bits} bits, where 1 to 8 are taken")
    signed, narrow = bool(a.get("signed", 1)), bool(a.get("narrow", 0))
    low = -(1 << (bits - 1)) + narrow if signed else 0
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 - narrow
    return scale, zero, low, high


def _quant(found: list[Array], a: Attributes) -> Array:
    scale, zero, low, high = levels(found[1:], a)
    whole = _ROUNDINGS[str(a.get("rounding_mode", "ROUND")).upper()](np.clip(found[0] / scale + zero, low, high))
    return ((whole - zero) * scale).astype(np.float32)


def _bipolar(found: list[Array], a: Attributes) -> Array:
    return np.where(found[0] >= 0, found[1], -found[1]).astype(np.float32)


def _norm(found: list[Array], a: Attributes) -> Array:
    x, scale, shift, mean, var = found[:5]
    sides = (1, -1) + (1,) * (x.ndim - 2)
    part = scale / np.sqrt(var + np.float32(a.get("epsilon", 1e-5)))
    return (x - mean.reshape(sides)) * part.reshape(sides) + shift.reshape(sides)


def _gemm(found: list[Array], a: Attributes) -> Array:
    x, w = (f.T if a.get(name, 0) else f for f, name in zip(found, ("transA", "transB")))
    out = np.float32(a.get("alpha", 1.0)) * (x @ w)
    return out + np.float32(a.get("beta", 1.0)) * found[2] if len(found) > 2 else out


def _unsqueeze(found: list[Array], a: Attributes) -> Array:
    return np.expand_dims(found[0], tuple(int(n) for n in (a["axes"] if len(found) < 2 else found[1])))


def _reshape(found: list[Array], a: Attributes) -> Array:
    sides = [found[0].shape[n] if side == 0 and not a.get("allowzero", 0) else int(side) for n, side in enumerate(found[1])]
    return found[0].reshape(sides)


def _flatten(found: list[Array], a: Attributes) -> Array:
    axis = int(a.get("axis", 1))
    return found[0].reshape(int(np.prod(found[0].shape[:axis])), -1)


def _clip(found: list[Array], a: Attributes) -> Array:
    low, high = (found[n] if len(found) > n else a.get(name) for n, name in ((1, "min"), (2, "max")))
    return np.clip(found[0], low, high)


_ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "ROUND_TO_ZERO": np.trunc,
    "DOWN": np.trunc,
}
EACH: dict[str, Operator] = {  # one number at a time, or a channel with its own constants
    "Add": lambda f, a: f[0] + f[1],
    "Sub": lambda f, a: f[0] - f[1],
    "Mul": lambda f, a: f[0] * f[1],
    "Div": lambda f, a: f[0] / f[1],
    "Pow": lambda f, a: f[0] ** f[1],
    "Neg": lambda f, a: -f[0],
    "Sqrt": lambda f, a: np.sqrt(f[0]),
    "Relu": lambda f, a: np.maximum(f[0], 0),
    "Clip": _clip,
    "Identity": lambda f, a: f[0],
    "Dropout": lambda f, a: f[0],
    "BatchNormalization": _norm,
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
}
CONV = "Conv"
PRODUCTS: dict[str, Operator] = {"MatMul": lambda f, a: f[0] @ f[1], "Gemm": _gemm, CONV: convolution.evaluated}
SHAPING: dict[str, Operator] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": lambda f, a: np.transpose(f[0], a.get("perm")),
    "Unsqueeze": _unsqueeze,
    "Squeeze": lambda f, a: np.squeeze(f[0], tuple(int(n) for n in a["axes"]) if "axes" in a else None),
}
SIZES: dict[str, Operator] = {  # they make shapes
    "Shape": lambda f, a: np.array(f[0].shape, np.int64),
    "Gather": lambda f, a: np.take(f[0], f[1], int(a.get("axis", 0))),
    "Concat": lambda f, a: np.concatenate(f, int(a["axis"])),
    "Cast": lambda f, a: f[0],
    "Constant": lambda f, a: np.asarray(a["value"]),
}
QUANTISERS = ("Quant", "IntQuant", "BipolarQuant")
OPS: dict[str, Operator] = EACH | PRODUCTS | SHAPING | SIZES
