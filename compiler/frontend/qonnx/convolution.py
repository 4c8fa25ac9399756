"""Convolutions: as a file's operator computes them, and as the sparse matrix of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.frontend.nir.matrices import matrix, shape_behind
from tritspike.compiler.frontend.nir.nodes import Convolution, Floats, Shape

if TYPE_CHECKING:
    import scipy.sparse as sp

Array = NDArray[Any]
_MOST_STEP = 1 << 10  # of strides, dilations, padding
_MOST_PADDED = 1 << 26  # numbers of a sample with its padding


def evaluated(found: list[Array], a: Mapping[str, Any]) -> Array:
    """Conv of (batch, channels, [height,] width), in the numbers' own type: the sum over windows, groups one by one."""
    x, weight = found[:2]
    node = _node("", weight.astype(np.float64), a)
    wide = x if x.ndim == 4 else x[:, :, None]
    wide = _padded(wide, node.padding or (0, 0))
    kernel, taps = node.weight.shape[2:], weight.reshape(node.weight.shape)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(node.dilation, kernel))
    windows = np.lib.stride_tricks.sliding_window_view(wide, reach, axis=(2, 3))  # type: ignore[call-overload]  # its stub takes one axis
    windows = windows[:, :, :: node.stride[0], :: node.stride[1], :: node.dilation[0], :: node.dilation[1]]
    parts = zip(np.split(windows, node.groups, 1), np.split(taps, node.groups))
    out = np.concatenate([np.einsum("ncyxij,ocij->noyx", w, t, optimize=True) for w, t in parts], 1)
    return out if x.ndim == 4 else out[:, :, 0]


def _padded(x: Array, padding: tuple[int, int]) -> Array:
    """Raises `ValueError` for what would fill the memory."""
    sides = [side + 2 * more for side, more in zip(x.shape[2:], padding)]
    if x.shape[1] * sides[0] * sides[1] > _MOST_PADDED:
        raise ValueError(
            f"a convolution of {x.shape[1]} channels of {sides[0]} x {sides[1]}, padding counted, where {_MOST_PADDED:,} numbers are taken"
        )
    return np.pad(x, ((0, 0), (0, 0), *((side, side) for side in padding)))


def spread(name: str, weight: Floats, a: Mapping[str, Any], heard: Shape) -> tuple[sp.csr_matrix, Shape]:
    """((outputs, inputs) of whatever numbers `weight` holds, the shape of the outputs). Raises `Unfit` for what does not fit `heard`."""
    node = _node(name, weight, a)
    shape = shape_behind(node, heard)
    return matrix(node, heard, shape)[0], shape


def unread(weight: Array, a: Mapping[str, Any]) -> tuple[str, object, str] | None:
    """(what, found, allowed) of a form that is not read, or that is none: asked before anything is computed."""
    if weight.ndim not in (3, 4) or not weight.size:
        return "weights", f"of shape {weight.shape}", "(out, in, width) or (out, in, height, width)"
    if a.get("auto_pad", "NOTSET") != "NOTSET":
        return "auto_pad", a["auto_pad"], "pads, in numbers"
    sides = weight.ndim - 2
    for name, least, count in (("strides", 1, sides), ("dilations", 1, sides), ("pads", 0, 2 * sides)):
        found = [int(n) for n in a.get(name, [1] * count)]
        if len(found) != count or not least <= min(found) <= max(found) <= _MOST_STEP:
            return name, found, f"{count} numbers in {least}..{_MOST_STEP}"
    kernel = [int(n) for n in a.get("kernel_shape", weight.shape[2:])]
    if kernel != list(weight.shape[2:]):
        return "kernel_shape", kernel, f"{list(weight.shape[2:])}, the weights'"
    pads, group = list(a.get("pads", [0] * 2 * sides)), int(a.get("group", 1))
    if pads[:sides] != pads[sides:]:
        return "pads", pads, "as many on both sides of an axis"
    return None if group >= 1 and not len(weight) % group else ("group", group, f"a divisor of {len(weight)}, the channels that come out")


def _node(name: str, weight: Floats, a: Mapping[str, Any]) -> Convolution:
    """With a height of 1 in one dimension."""
    flat = weight.ndim == 3
    pads = [int(n) for n in a.get("pads", [0] * 4)][: weight.ndim - 2]
    return Convolution(
        name=name,
        kind="Conv1d" if flat else "Conv2d",
        weight=weight[:, :, None] if flat else weight,
        bias=None,
        stride=_pair(a.get("strides"), 1),
        padding=_pair(pads, 0),
        dilation=_pair(a.get("dilations"), 1),
        groups=int(a.get("group", 1)),
    )


def _pair(found: Any, over: int) -> tuple[int, int]:
    """(height, width) of what stands for each axis; `over` where nothing does, and for the height of one dimension."""
    sides = [over, over] if found is None else [int(n) for n in found]
    return (over, sides[0]) if len(sides) == 1 else (sides[0], sides[1])
