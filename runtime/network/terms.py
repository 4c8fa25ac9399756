"""What a population hears, written down: a term is one way from a source, and terms add up. Shapes are checked where they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import given
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid
from tritspike.runtime.network.wiring import Dense, Join, Sparse, Wiring
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Rule

_LONGEST = 1 << 16  # windows, or tokens, of a delay; cells of a stride or of padding
_FARTHEST = 1 << 31  # cells


@dataclass(frozen=True)
class Handle:
    """A population that is there already: its name and its grid."""

    name: str
    grid: Grid

    def __str__(self) -> str:
        return f"{self.name} over {shown(self.grid)}"


@dataclass(frozen=True, eq=False)
class Term:
    """a[t] += (W s[t-1]) << exponent of `source`, over a target of `grid`. delay: whole windows, or tokens, that it waits beyond."""

    source: Handle
    wiring: Wiring
    grid: Grid
    exponent: int = 0
    delay: int = 0

    def __post_init__(self) -> None:
        given.number(self.delay, f"the delay from {self.source.name}", 0, _LONGEST)

    def __add__(self, other: Term | Sum) -> Sum:
        return Sum((self,)) + other

    def __radd__(self, other: Any) -> Sum:
        return Sum(()) + other + self

    def scaled(self, exponent: int) -> Term:
        """Its weights times 2^exponent."""
        return replace(self, exponent=given.number(exponent, f"the exponent from {self.source.name}", 0, arith.EXPONENT_LIMIT))

    def weighing(self, weight: int) -> Term:
        """Its synapses, which are all alike, of one stored weight m << e. Raises `InputError` for other numbers, and for a matrix."""
        most = arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT
        mantissa, exponent = arith.mantissa_exponent(given.number(weight, f"the weight from {self.source.name}", -most, most))
        if not isinstance(self.wiring, Join) or mantissa << exponent != weight:
            raise InputError(f"{self.source.name}: a weight of {weight}", f"m << e with |m| <= {arith.WEIGHT_LIMIT}, of synapses that are all alike")
        return replace(self, wiring=replace(self.wiring, weight=mantissa), exponent=exponent)


@dataclass(frozen=True, eq=False)
class Sum:
    """Terms that reach the same target."""

    terms: tuple[Term, ...]

    def __add__(self, other: Term | Sum) -> Sum:
        if not isinstance(other, Term | Sum):
            if isinstance(other, int) and not other:  # where sum() begins
                return self
            raise InputError(f"a term and {type(other).__name__} do not add up", "terms, such as linear(source, codes) or same(source)")
        return Sum((*self.terms, *(other.terms if isinstance(other, Sum) else (other,))))

    __radd__ = __add__

    @property
    def grid(self) -> Grid:
        """Of the target. Raises `InputError` where the terms do not agree."""
        first, *others = self.terms
        for term in others:
            if term.grid != first.grid:
                raise InputError(
                    f"{term.source.name} gives {shown(term.grid)}, {first.source.name} {shown(first.grid)}", "terms of one sum have one shape"
                )
        return first.grid


def shown(grid: Grid) -> str:
    """As `position 12, hidden 16`."""
    return ", ".join(f"{' x '.join(axis.names)} {axis.cells}" for axis in grid) or "one neuron"


def linear(
    source: Handle,
    codes: ArrayLike,
    gain: ArrayLike = 1,
    *,
    over: Sequence[str] | None = None,
    into: str | Axis | Sequence[Axis] = "features",
    shift: Mapping[str, int] | None = None,
    pool: Sequence[str] = (),
    at: Mapping[str, int] | None = None,
    delay: int = 0,
) -> Term:
    """weight(row, column) = gain[row] * codes[row, column], the same along every axis of `source` that is neither `over` nor `pool`.

    codes: (rows, columns) whole numbers in -127..127; columns run over the axes `over` (default: those that do not grow with a text, and are not
    pooled), rows over the new axis or axes `into`. gain: (rows,) or one number. shift: how far off each target looks along an axis, such as
    {"position": -1}; nothing is beyond the ends. pool: axes that are summed over with the same weights.
    at: axes of which one cell alone is heard, such as {"position": 0}.
    """
    matrix = _codes(codes, _source(source).name)
    own = [axis for axis in source.grid if isinstance(axis, Axis)]
    pool, one = given.names(pool, "pool"), given.table(at, "at", 0, _FARTHEST)
    shifts = given.table(shift, "shift", -_FARTHEST, _FARTHEST)
    columns = [a.name for a in own if not a.grows and a.name not in pool and a.name not in one] if over is None else given.names(over, "over")
    _require_axes(source, [*columns, *pool, *one, *shifts])
    _require_once(columns, pool, list(one), list(shifts))
    sizes = grids.extents(source.grid)
    wanted = int(np.prod([sizes[name] for name in columns], dtype=np.int64))
    if matrix.shape[1] != wanted:
        raise InputError(f"codes have {matrix.shape[1]} columns, {source} has {wanted} along {', '.join(columns) or 'no axis'}")
    kept = tuple(axis for axis in source.grid if not set(axis.names) & {*columns, *pool, *one})
    read: dict[str, Rule] = {name: Follow(name, 1, shifts.get(name, 0)) for axis in kept for name in axis.names}
    read |= dict.fromkeys(pool, SUM) | {name: At(value) for name, value in one.items()}
    rows = (Axis(into, len(matrix)),) if isinstance(into, str) else given.axes(into, f"into from {source.name}")
    if grids.size(rows) != len(matrix):
        raise InputError(f"codes from {source.name} have {len(matrix)} rows, {shown(rows)} has {grids.size(rows)}")
    return Term(source, Dense(matrix, _gain(gain, len(matrix), source.name), read), (*kept, *rows), delay=delay)


def same(source: Handle, weight: int = 1, *, delay: int = 0) -> Term:
    """One synapse of `weight` from each neuron to its like: a residual path."""
    read = {name: Follow(name) for name in grids.names(_source(source).grid)}
    return Term(source, Join(_weight(weight, source.name), read), source.grid, delay=delay)


def onto(source: Handle, target: Grid, weight: int = 1, *, renamed: Mapping[str, str] | None = None, delay: int = 0) -> Term:
    """A synapse of `weight` to every neuron of `target` that agrees on the axes of `source`, under their new names: a mask, or a side of a product.

    Axes of `source` that `target` lacks are summed over.
    """
    names, target = dict(renamed or {}), given.axes(target, f"the target of {_source(source).name}")
    there = set(grids.names(target))
    _require_axes(source, list(names))
    read: dict[str, Rule] = {n: Follow(names.get(n, n)) if names.get(n, n) in there else SUM for n in grids.names(source.grid)}
    return Term(source, Join(_weight(weight, source.name), read), target, delay=delay)


def summed(source: Handle, over: Sequence[str], weight: int = 1, *, delay: int = 0) -> Term:
    """The sum along the axes `over`, each synapse of `weight`; of pairs, one side may be summed over and the other stays."""
    over = given.names(over, "over")
    _require_axes(_source(source), over)
    left = tuple(side for axis in source.grid for side in _left(axis, over))
    return onto(source, left, weight, delay=delay)


def pooled(source: Handle, sizes: Mapping[str, int], weight: int = 1, *, delay: int = 0) -> Sum:
    """The sum over neighbourhoods of so many cells along these axes, which do not overlap: a term for each place in one."""
    extents = grids.extents(_source(source).grid)
    _require_axes(source, list(given.table(sizes, "a pool", 1, _FARTHEST)))
    sizes = {name: given.number(size, f"a pool along {name} of {source}", 1, extents[name]) for name, size in sizes.items()}
    grid = tuple(replace(a, size=a.size // sizes.get(a.name, 1)) if isinstance(a, Axis) else a for a in source.grid)
    places = [dict(zip(sizes, cell)) for cell in np.ndindex(*sizes.values())]
    reads = [{name: Follow(name, sizes.get(name, 1), at.get(name, 0)) for name in grids.names(source.grid)} for at in places]
    return Sum(tuple(Term(source, Join(_weight(weight, source.name), read), grid, delay=delay) for read in reads))


def _left(axis: Axis | grids.Pairs, over: Sequence[str]) -> tuple[Axis | grids.Pairs, ...]:
    if isinstance(axis, Axis):
        return () if axis.name in over else (axis,)
    sides = tuple(side for side in (axis.query, axis.key) if side.name not in over)
    return (axis,) if len(sides) == 2 else sides


def conv2d(source: Handle, codes: ArrayLike, gain: ArrayLike = 1, *, stride: int = 1, padding: int = 0, delay: int = 0) -> Sum:
    """A convolution over the first two axes of `source`, a picture's, whose third holds channels: a term for each place of the kernel.

    codes: (out, in, height, width) whole numbers in -127..127; gain: (out,) or one number. The result has the same names of axes.
    """
    kernel = given.array(codes, f"codes from {_source(source).name}")
    stride, padding = given.number(stride, "stride", 1, _LONGEST), given.number(padding, "padding", 0, _LONGEST)
    if kernel.ndim != 4 or not kernel.size or len(source.grid) != 3 or not all(isinstance(axis, Axis) for axis in source.grid):
        raise InputError(
            f"a kernel of shape {kernel.shape} over {source}", "codes are (out, in, height, width), the source is (rows, columns, channels)"
        )
    *places, channels = (axis for axis in source.grid if isinstance(axis, Axis))
    if kernel.shape[1] != channels.size:
        raise InputError(f"a kernel of {kernel.shape[1]} channels over {source}")
    out = tuple(replace(a, size=(a.size + 2 * padding - k) // stride + 1) for a, k in zip(places, kernel.shape[2:]))
    if min(axis.size for axis in out) < 1:
        raise InputError(f"a kernel of {kernel.shape[2]} x {kernel.shape[3]} over {source}: larger than what it reads", "padding=")
    grid = (*out, Axis(channels.name, len(kernel)))
    gains = _gain(gain, len(kernel), source.name)
    taps = [(y, x) for y in range(kernel.shape[2]) for x in range(kernel.shape[3])]
    reads = [{a.name: Follow(a.name, stride, at - padding) for a, at in zip(places, tap)} for tap in taps]
    wirings = [Dense(_codes(kernel[:, :, y, x], source.name), gains, read) for (y, x), read in zip(taps, reads)]
    return Sum(tuple(Term(source, wiring, grid, delay=delay) for wiring in wirings))


def sparse(source: Handle, rows: ArrayLike, columns: ArrayLike, weights: ArrayLike, target: Grid, *, delay: int = 0) -> Term:
    """Synapses one by one: neuron columns[n] of `source` to neuron rows[n] of `target` with weights[n]; several of one pair add up."""
    target = given.axes(target, f"the target of {_source(source).name}")
    shape = grids.size(target), grids.size(source.grid)
    arrays = {name: given.array(side, name) for name, side in (("rows", rows), ("columns", columns), ("weights", weights))}
    listed = {name: side if side.size else np.zeros(0, np.int64) for name, side in arrays.items()}
    for name, found in listed.items():
        if not _whole(found, arith.WEIGHT_LIMIT if name == "weights" else max(shape)) or found.shape != listed["rows"].shape or found.ndim != 1:
            raise InputError(f"{name} from {source.name}: {given.told(found)}", f"as many whole numbers of each, weights in {_WEIGHTS}")
    at = [listed[name].astype(np.int64) for name in ("rows", "columns")]
    for side, most, what in zip(at, shape, ("target", source.name)):
        if len(side) and not 0 <= side.min() <= side.max() < most:
            raise InputError(f"neurons {side.min()}..{side.max()} of {what}, which has 0..{most - 1}")
    pairs, inverse = np.unique(at[0] * shape[1] + at[1], return_inverse=True)
    total = np.zeros(len(pairs), np.int64)
    np.add.at(total, inverse, listed["weights"].astype(np.int64))
    if np.abs(total).max(initial=0) > arith.WEIGHT_LIMIT:
        raise InputError(f"several synapses of one pair from {source.name} add up to {np.abs(total).max()}", f"a weight in {_WEIGHTS}")
    some = total != 0
    row, column = np.divmod(pairs[some], shape[1])
    return Term(source, Sparse(total[some].astype(np.int32), row, column, shape), target, delay=delay)


def _codes(codes: ArrayLike, where: str) -> NDArray[np.int8]:
    found = given.array(codes, f"codes from {where}")
    if found.ndim != 2 or not _whole(found, arith.WEIGHT_LIMIT):
        raise InputError(f"codes from {where}: {given.told(found)}", "a matrix of whole numbers in -127..127")
    return found.astype(np.int8)


def _gain(gain: ArrayLike, rows: int, where: str) -> NDArray[np.int64]:
    found = given.array(gain, f"gain from {where}")
    if not _whole(found, arith.WEIGHT_LIMIT) or found.shape not in ((), (rows,)):
        raise InputError(f"gain from {where}: {given.told(found)}", f"one of {_WEIGHTS}, or one for each of {rows} rows")
    return np.broadcast_to(found.astype(np.int64), (rows,)).copy()


_WEIGHTS = f"-{arith.WEIGHT_LIMIT}..{arith.WEIGHT_LIMIT}"


def _whole(found: NDArray[Any], most: int) -> bool:
    """Whether all are whole numbers of at most that size."""
    return bool(np.issubdtype(found.dtype, np.integer)) and (not found.size or -most <= int(found.min()) <= int(found.max()) <= most)


def _weight(value: Any, where: str) -> int:
    return given.number(value, f"the weight from {where}", -arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT)


def _source(found: Any) -> Handle:
    if not isinstance(found, Handle):
        raise InputError(f"a term reads {type(found).__name__}", "a population: what net.input(...) or net.lif(...) gave")
    return found


def _require_axes(source: Handle, wanted: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in grids.names(source.grid)]
    if unknown:
        raise InputError(f"no axis {unknown[0]!r}: {source}")


def _require_once(*uses: list[str]) -> None:
    """Raises `InputError` for an axis that is used in two ways, of which one would be forgotten."""
    found = [name for some in uses for name in some]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"the axis {twice!r} in two of over, pool, at and shift", "one of them for each axis; codes run over those of `over`")
