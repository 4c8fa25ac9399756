"""Populations cut into boxes of their grid, and which source neurons reach a box. Geometry only: one row a slice, never one a neuron.

A population's grid has the axes of `runtime/wiring.py` behind a first axis s, its stages (one, except in relays); the pair axis p stands
for its i and j, so that a box [start, stop) along each axis is a rectangle of pairs. In a causal model only its pairs j <= i exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.host.program import Program
from tritspike.runtime.program import Population, Synapse
from tritspike.runtime.wiring import Along, Dims, Matrix, Pool, Shift

Index = NDArray[np.int64]
Boxes = NDArray[np.int64]  # (slices, axes, 2): start and stop along each axis
POSITIONS = "sij"  # axes that a population axon numbers; its channel number runs over the others


def grid_axes(axes: str) -> str:
    """The axes of a box of a population over `axes`."""
    return "s" + axes.replace("p", "ij")


def extent(axis: str, population: Population, dims: Dims) -> int:
    """Length of one axis of a population's grid."""
    return population.stages if axis == "s" else dims.axis(axis)


def clip(boxes: Boxes, axes: str, causal: bool) -> Boxes:
    """The same pairs in the smallest boxes: in a causal model no row above the first column, no column beyond the last row."""
    if not causal or "i" not in axes or "j" not in axes:
        return boxes
    i, j, out = axes.index("i"), axes.index("j"), boxes.copy()
    out[:, i, 0] = np.maximum(boxes[:, i, 0], boxes[:, j, 0])
    out[:, j, 1] = np.minimum(boxes[:, j, 1], boxes[:, i, 1])
    return out


def lengths(boxes: Boxes) -> Index:
    """(slices, axes) extents, 0 where a box is empty."""
    return np.maximum(boxes[..., 1] - boxes[..., 0], 0)


def count(boxes: Boxes, axes: str, causal: bool) -> Index:
    """(slices,) neurons in each box."""
    found = lengths(boxes)
    if not causal or "i" not in axes or "j" not in axes:
        return found.prod(1)
    i, j = axes.index("i"), axes.index("j")
    others = np.delete(found, [i, j], axis=1).prod(1)
    (top, bottom), (left, right) = boxes[:, i].T, boxes[:, j].T
    pairs = _below(bottom, right) - _below(top, right) - _below(bottom, left) + _below(top, left)
    return others * np.where((found[:, i] > 0) & (found[:, j] > 0), pairs, 0)


def _below(rows: Index, columns: Index) -> Index:
    """Pairs with i < rows, j < columns and j <= i."""
    least = np.minimum(rows, columns)
    return least * (least + 1) // 2 + np.maximum(rows - columns, 0) * columns


def neurons(box: NDArray[np.int64], population: Population, dims: Dims) -> Index:
    """Flat indices, ascending, of one box's neurons in their population."""
    names = grid_axes(population.axes)
    grid = dict(zip(names, np.meshgrid(*(np.arange(a, b) for a, b in box), indexing="ij")))
    if "p" in population.axes:
        i, j = grid["i"], grid["j"]
        grid["p"] = i * (i + 1) // 2 + j if dims.causal else i * dims.positions + j
    shape = [extent(a, population, dims) for a in "s" + population.axes]
    flat = np.ravel_multi_index([grid[a] for a in "s" + population.axes], shape, mode="clip")
    keep = grid["j"] <= grid["i"] if dims.causal and "p" in population.axes else np.ones(flat.shape, np.bool_)
    return np.sort(flat[keep])


def read_axes(synapse: Synapse, source: Population) -> str:
    """The source's grid axes as the target reads them: "" stands for an axis summed over in full."""
    if isinstance(synapse.wiring, Along):
        return grid_axes(synapse.wiring.source)
    if isinstance(synapse.wiring, Shift):
        return grid_axes(source.axes)
    kept = "" if isinstance(synapse.wiring, Pool) else "i"
    return "".join(a if a in kept + "s" else "_" for a in grid_axes(source.axes))


def preimage(program: Program, synapse: Synapse, boxes: Boxes) -> Boxes:
    """(slices, source axes, 2): the source neurons that reach each box of the target. Exact, also where a model is causal."""
    source, target, dims = program.by_name[synapse.source], program.by_name[synapse.target], program.dims
    own, read, names = grid_axes(source.axes), read_axes(synapse, source), grid_axes(target.axes)
    out = np.zeros((len(boxes), len(own), 2), np.int64)
    for at, (axis, name) in enumerate(zip(own, read)):
        out[:, at] = boxes[:, names.index(name)] if name in names else (0, extent(axis, source, dims))
    if isinstance(synapse.wiring, Pool) and synapse.wiring.first:
        out[:, own.index("i")] = (0, 1)
    if isinstance(synapse.wiring, Matrix) and synapse.wiring.offset:
        at = own.index("i")
        out[:, at] = np.clip(out[:, at] + synapse.wiring.offset, 0, dims.positions)
    out[:, 0] = _stages(synapse, boxes[:, 0])
    return clip(out, own, dims.causal)


def _stages(synapse: Synapse, stages: NDArray[np.int64]) -> NDArray[np.int64]:
    """A shift register's stage s hears s - 1; any other synapse comes from one stage and reaches stage 0 alone."""
    if isinstance(synapse.wiring, Shift):
        return np.stack([np.maximum(stages[:, 0] - 1, 0), stages[:, 1] - 1], 1)
    one = np.array([synapse.source_stage, synapse.source_stage + 1])
    return np.where(stages[:, :1] == 0, one, 0)


@dataclass(frozen=True, eq=False)
class Tiling:
    """A population cut along each axis: `cuts` holds each axis's boundaries, 0 first and its length last. Slices are the boxes that hold a neuron."""

    population: Population
    dims: Dims
    cuts: tuple[tuple[int, ...], ...]

    @property
    def axes(self) -> str:
        """Axes of the boxes."""
        return grid_axes(self.population.axes)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Boxes along each axis."""
        return tuple(len(c) - 1 for c in self.cuts)

    @cached_property
    def _all(self) -> Boxes:
        at = np.unravel_index(np.arange(int(np.prod(self.shape))), self.shape)
        edges = [np.asarray(c, np.int64) for c in self.cuts]
        return np.stack([np.stack([e[a], e[a + 1]], 1) for e, a in zip(edges, at)], 1)

    @cached_property
    def index(self) -> Index:
        """Slice number of every box of the full grid of cuts, -1 where it holds no neuron."""
        some = count(self._all, self.axes, self.dims.causal) > 0
        return np.where(some, np.cumsum(some) - 1, -1)

    @cached_property
    def boxes(self) -> Boxes:
        """(slices, axes, 2)."""
        return clip(self._all[self.index >= 0], self.axes, self.dims.causal)

    @cached_property
    def sizes(self) -> Index:
        """(slices,) neurons."""
        return count(self.boxes, self.axes, self.dims.causal)

    def covers(self) -> bool:
        """Whether the cuts begin and end where the population's grid does."""
        return [(c[0], c[-1]) for c in self.cuts] == [(0, extent(a, self.population, self.dims)) for a in self.axes]

    def __len__(self) -> int:
        return len(self.boxes)


def even_cuts(length: int, pieces: int) -> tuple[int, ...]:
    """Boundaries of `pieces` ranges whose lengths differ by at most one."""
    return tuple(n * length // pieces for n in range(pieces + 1))


def overlaps(tiling: Tiling, wanted: Boxes) -> tuple[Index, Index, Index]:
    """(row of `wanted`, slice, neurons in both) wherever a box of `wanted` and a slice of `tiling` share neurons."""
    keep = np.flatnonzero(count(wanted, tiling.axes, tiling.dims.causal))
    first, last = np.empty((2, len(keep), len(tiling.cuts)), np.int64)
    for at, cuts in enumerate(tiling.cuts):
        first[:, at] = np.searchsorted(cuts, wanted[keep, at, 0], "right") - 1
        last[:, at] = np.searchsorted(cuts, wanted[keep, at, 1], "left")
    row, tile = _enumerate(first, last - first, tiling.shape)
    slices = tiling.index[tile]
    row, slices = row[slices >= 0], slices[slices >= 0]
    both = _intersect(wanted[keep[row]], tiling.boxes[slices], tiling)
    shared = count(both, tiling.axes, tiling.dims.causal)
    return keep[row[shared > 0]], slices[shared > 0], shared[shared > 0]


def _enumerate(first: Index, spans: Index, shape: tuple[int, ...]) -> tuple[Index, Index]:
    """Every grid cell first + [0, span) of each row: (row, flat cell)."""
    totals = spans.prod(1)
    row = np.repeat(np.arange(len(totals)), totals)
    rest = np.arange(totals.sum()) - np.repeat(np.cumsum(totals) - totals, totals)
    cell = np.zeros(len(row), np.int64)
    stride = np.ones(len(row), np.int64)
    for at in reversed(range(len(shape))):
        here = first[row, at] + rest // stride % spans[row, at]
        cell += here * int(np.prod(shape[at + 1 :], dtype=np.int64))
        stride *= spans[row, at]
    return row, cell


def _intersect(a: Boxes, b: Boxes, tiling: Tiling) -> Boxes:
    both = np.stack([np.maximum(a[..., 0], b[..., 0]), np.minimum(a[..., 1], b[..., 1])], -1)
    return clip(both, tiling.axes, tiling.dims.causal)
