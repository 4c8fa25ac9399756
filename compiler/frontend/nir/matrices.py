"""Nodes that only weigh, as sparse matrices over numbers in the order in which NIR flattens them (last axis fastest)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tritspike.compiler.frontend.nir.nodes import Convolution, Floats, Node, Pool, Product, Scale, Shape
from tritspike.hw_profiles.errors import Finding

if TYPE_CHECKING:
    import scipy.sparse as sp

MOST_WEIGHTS = 1 << 25  # of one matrix


class Unfit(Exception):
    """What a node hears does not fit what it does."""

    def __init__(self, node: Node, what: str, found: object, allowed: object) -> None:
        super().__init__(what)
        self.finding = Finding(node.name, what, found, allowed)


def shape_behind(node: Node, heard: Shape) -> Shape:
    """What comes out of a node that hears numbers of a shape. Raises `Unfit`."""
    size = int(np.prod(heard))
    if isinstance(node, Product):
        _require_size(node, size, node.weight.shape[1])
        return (len(node.weight),)
    if isinstance(node, Convolution | Pool):
        return _pictured(node, heard)
    if isinstance(node, Scale) and node.scale.size not in (1, size):
        raise Unfit(node, "numbers that it scales", size, node.scale.size)
    return heard


def _require_size(node: Node, size: int, allowed: int) -> None:
    if size != allowed:
        raise Unfit(node, "numbers that it hears", size, allowed)


def _pictured(node: Convolution | Pool, heard: Shape) -> Shape:
    """(channels, height, width) or (channels, width)."""
    wanted, heard = _wanted(node), _one_sample(node, heard)
    if len(heard) != wanted:
        raise Unfit(node, "what it hears", f"of shape {heard}", "(channels, height, width)" if wanted == 3 else "(channels, width)")
    if isinstance(node, Convolution):
        _require_size(node, heard[0], node.weight.shape[1] * node.groups)
    spaces = [_out(node, axis, side) for axis, side in enumerate(_sides(heard))]
    if min(spaces) < 1:
        raise Unfit(node, "a kernel", f"larger than {heard}", "no larger than what it reads")
    channels = len(node.weight) if isinstance(node, Convolution) else heard[0]
    return (channels, *spaces) if wanted == 3 else (channels, spaces[1])


def _wanted(node: Convolution | Pool) -> int:
    return 2 if node.kind == "Conv1d" else 3


def _one_sample(node: Node, heard: Shape) -> Shape:
    """Without axes of length 1 in front of a picture: Norse and snnTorch write the batch of the sample that they export with."""
    more = max(len(heard) - _wanted(node), 0) if isinstance(node, Convolution | Pool) else 0
    return heard[more:] if all(side == 1 for side in heard[:more]) else heard


def _sides(heard: Shape) -> tuple[int, int]:
    return (heard[1], heard[2]) if len(heard) == 3 else (1, heard[1])


def _kernel(node: Convolution | Pool) -> tuple[int, int]:
    return (node.weight.shape[2], node.weight.shape[3]) if isinstance(node, Convolution) else node.size


def _dilation(node: Convolution | Pool) -> tuple[int, int]:
    return node.dilation if isinstance(node, Convolution) else (1, 1)


def _before(node: Convolution | Pool, axis: int) -> tuple[int, int]:
    """Padding before and behind along an axis."""
    if node.padding is not None:
        return node.padding[axis], node.padding[axis]
    whole = _dilation(node)[axis] * (_kernel(node)[axis] - 1)
    return whole // 2, whole - whole // 2


def _out(node: Convolution | Pool, axis: int, side: int) -> int:
    reach = _dilation(node)[axis] * (_kernel(node)[axis] - 1) + 1
    return (side + sum(_before(node, axis)) - reach) // node.stride[axis] + 1


def matrix(node: Node, heard: Shape, out: Shape) -> tuple[sp.csr_matrix, Floats | None]:
    """(outputs, inputs) of float64, and what is added to each output. Raises `Unfit` for one that is too large."""
    import scipy.sparse as sp

    size = int(np.prod(heard))
    if isinstance(node, Product):
        return sp.csr_matrix(node.weight), node.bias
    if isinstance(node, Scale):
        return sp.diags(np.broadcast_to(node.scale.ravel(), (size,))).tocsr(), None
    if isinstance(node, Convolution | Pool):
        return _taps(node, _one_sample(node, heard), out)
    return sp.identity(size, format="csr"), None


def _taps(node: Convolution | Pool, heard: Shape, out: Shape) -> tuple[sp.csr_matrix, Floats | None]:
    """The sum over the kernel's places of channels (out, in) times places (out, in)."""
    import scipy.sparse as sp

    rows, columns = _sides(out), _sides(heard)
    kernel = _kernel(node)
    most = int(np.prod(out)) * kernel[0] * kernel[1] * (node.weight.shape[1] if isinstance(node, Convolution) else 1)
    if most > MOST_WEIGHTS:
        raise Unfit(node, "weights, one by one", f"{most:,}", f"up to {MOST_WEIGHTS:,}")
    total = sp.csr_matrix((int(np.prod(out)), int(np.prod(heard))))
    for at in np.ndindex(*kernel):
        space = sp.kron(*(_tap(node, axis, at[axis], rows[axis], columns[axis]) for axis in (0, 1)))
        total += sp.kron(_channels(node, at, heard[0]), space, format="csr")
    bias = node.bias if isinstance(node, Convolution) else None
    return total.tocsr(), None if bias is None else np.repeat(bias, rows[0] * rows[1])


def _tap(node: Convolution | Pool, axis: int, place: int, rows: int, columns: int) -> sp.csr_matrix:
    """(out, in) along one axis: 1 where an output reads an input at one place of the kernel."""
    import scipy.sparse as sp

    row = np.arange(rows)
    column = row * node.stride[axis] + place * _dilation(node)[axis] - _before(node, axis)[0]
    there = (column >= 0) & (column < columns)
    return sp.csr_matrix((np.ones(there.sum()), (row[there], column[there])), shape=(rows, columns))


def _channels(node: Convolution | Pool, at: tuple[int, ...], channels: int) -> sp.csr_matrix:
    """(out, in) weights of the channels at one place of the kernel."""
    import scipy.sparse as sp

    if isinstance(node, Convolution):
        return sp.block_diag(np.split(node.weight[:, :, at[0], at[1]], node.groups), format="csr")
    each = 1.0 / (node.size[0] * node.size[1]) if node.kind == "AvgPool2d" else 1.0
    return sp.identity(channels, format="csr") * each
