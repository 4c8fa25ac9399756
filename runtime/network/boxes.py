"""Grids cut into boxes. Geometry only: one row a slice, never one a neuron.

A box is [start, stop) along each *coordinate* of its grid, so that a box of pairs is a rectangle of queries and keys; where they are causal,
only its pairs whose key is not behind the query exist. Boxes are `clip`ped: smallest for the neurons that they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid, Index, Pairs

Boxes = NDArray[np.int64]  # (slices, coordinates, 2): start and stop along each coordinate


def whole(grid: Grid) -> Boxes:
    """(1, coordinates, 2): the box of everything."""
    sizes = np.array(list(grids.extents(grid).values()), np.int64)
    return np.stack([np.zeros_like(sizes), sizes], 1)[None]


def lengths(boxes: Boxes) -> Index:
    """(slices, coordinates) extents, 0 where a box is empty."""
    return np.maximum(boxes[..., 1] - boxes[..., 0], 0)


def clip(boxes: Boxes, grid: Grid) -> Boxes:
    """The same neurons in the smallest boxes: of causal pairs no query before the first key, no key behind the last query."""
    out = boxes
    for axis, at in _columns(grid):
        if isinstance(axis, Pairs) and axis.causal:
            query, key = at
            out = out.copy() if out is boxes else out
            out[:, query, 0] = np.maximum(boxes[:, query, 0], boxes[:, key, 0])
            out[:, key, 1] = np.minimum(boxes[:, key, 1], boxes[:, query, 1])
    return out


def cells(boxes: Boxes, grid: Grid, steps: Index | None = None) -> Index:
    """(slices, axes) cells of each box along each axis. steps: (coordinates,) from a value to the next; of pairs 1."""
    found, step = lengths(boxes), np.ones(boxes.shape[1], np.int64) if steps is None else steps
    out = np.empty((len(boxes), len(grid)), np.int64)
    for n, (axis, at) in enumerate(_columns(grid)):
        if isinstance(axis, Pairs):
            out[:, n] = _causal(boxes[:, at[0]], boxes[:, at[1]]) if axis.causal else found[:, list(at)].prod(1)
        else:
            out[:, n] = -(-found[:, at[0]] // step[at[0]])
    return out


def count(boxes: Boxes, grid: Grid, steps: Index | None = None) -> Index:
    """(slices,) neurons in each box."""
    return cells(boxes, grid, steps).prod(1)


def neurons(box: NDArray[np.int64], grid: Grid) -> Index:
    """Numbers, ascending, of one box's neurons in their population."""
    sides = np.meshgrid(*(np.arange(start, stop) for start, stop in box), indexing="ij") if len(box) else []
    found = grids.flat(grid, {name: side.ravel() for name, side in zip(grids.names(grid), sides)}) if sides else np.zeros(1, np.int64)
    return np.sort(found[found >= 0])


def _columns(grid: Grid) -> list[tuple[grids.Axis | Pairs, tuple[int, ...]]]:
    """Each axis with the numbers of its coordinates."""
    number = {name: n for n, name in enumerate(grids.names(grid))}
    return [(axis, tuple(number[name] for name in axis.names)) for axis in grid]


def _causal(query: Index, key: Index) -> Index:
    """(slices,) causal pairs of rectangles."""
    (top, bottom), (left, right) = query.T, key.T
    found = _below(bottom, right) - _below(top, right) - _below(bottom, left) + _below(top, left)
    return np.where((bottom > top) & (right > left), found, 0)


def _below(queries: Index, keys: Index) -> Index:
    """Pairs with query < queries, key < keys and key <= query."""
    least = np.minimum(queries, keys)
    return least * (least + 1) // 2 + np.maximum(queries - keys, 0) * keys


@dataclass(frozen=True, eq=False)
class Tiling:
    """A grid cut along each coordinate: `cuts` holds each one's boundaries, 0 first and its extent last. Slices are the boxes that hold a neuron."""

    grid: Grid
    cuts: tuple[tuple[int, ...], ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Boxes along each coordinate."""
        return tuple(len(c) - 1 for c in self.cuts)

    @cached_property
    def _all(self) -> Boxes:
        at = np.unravel_index(np.arange(int(np.prod(self.shape, dtype=np.int64))), self.shape) if self.shape else ()
        edges = [np.asarray(c, np.int64) for c in self.cuts]
        return np.stack([np.stack([e[a], e[a + 1]], 1) for e, a in zip(edges, at)], 1) if edges else np.zeros((1, 0, 2), np.int64)

    @cached_property
    def index(self) -> Index:
        """Slice number of every box of the full grid of cuts, -1 where it holds no neuron."""
        some = count(clip(self._all, self.grid), self.grid) > 0
        return np.where(some, np.cumsum(some) - 1, -1)

    @cached_property
    def boxes(self) -> Boxes:
        """(slices, coordinates, 2)."""
        return clip(self._all[self.index >= 0], self.grid)

    @cached_property
    def sizes(self) -> Index:
        """(slices,) neurons."""
        return count(self.boxes, self.grid)

    def owners(self) -> Index:
        """(neurons,) the slice of each."""
        at = grids.coordinates(self.grid)
        found = np.zeros(grids.size(self.grid), np.int64)
        for name, cuts, pieces in zip(grids.names(self.grid), self.cuts, self.shape):
            found = found * pieces + np.searchsorted(cuts, at[name], "right") - 1
        return self.index[found]

    def covers(self) -> bool:
        """Whether the cuts begin and end where the grid does."""
        return [(c[0], c[-1]) for c in self.cuts] == [(0, size) for size in grids.extents(self.grid).values()]

    def __len__(self) -> int:
        return len(self.boxes)


def even(grid: Grid, pieces: Sequence[int]) -> Tiling:
    """Cut into so many pieces along each coordinate."""
    return Tiling(grid, tuple(even_cuts(size, n) for size, n in zip(grids.extents(grid).values(), pieces)))


def even_cuts(length: int, pieces: int) -> tuple[int, ...]:
    """Boundaries of `pieces` ranges whose lengths differ by at most one."""
    return tuple(n * length // pieces for n in range(pieces + 1))


def overlaps(tiling: Tiling, wanted: Boxes, steps: Index | None = None) -> tuple[Index, Index, Index]:
    """(row of `wanted`, slice, neurons in both) wherever a box of `wanted` and a slice share neurons. steps: of `wanted`, as in `cells`."""
    step = np.ones(len(tiling.cuts), np.int64) if steps is None else steps
    keep = np.flatnonzero(count(wanted, tiling.grid, step))
    first, last = np.empty((2, len(keep), len(tiling.cuts)), np.int64)
    for at, cuts in enumerate(tiling.cuts):
        first[:, at] = np.searchsorted(cuts, wanted[keep, at, 0], "right") - 1
        last[:, at] = np.searchsorted(cuts, wanted[keep, at, 1], "left")
    row, tile = _enumerate(first, last - first, tiling.shape)
    slices = tiling.index[tile]
    row, slices = row[slices >= 0], slices[slices >= 0]
    shared = count(clip(_intersect(wanted[keep[row]], tiling.boxes[slices], step), tiling.grid), tiling.grid, step)
    return keep[row[shared > 0]], slices[shared > 0], shared[shared > 0]


def _enumerate(first: Index, spans: Index, shape: tuple[int, ...]) -> tuple[Index, Index]:
    """Every box first + [0, span) of the full grid of cuts, of each row: (row, its flat number)."""
    totals = spans.prod(1)
    row = np.repeat(np.arange(len(totals)), totals)
    rest = np.arange(totals.sum()) - np.repeat(np.cumsum(totals) - totals, totals)
    found = np.zeros(len(row), np.int64)
    stride = np.ones(len(row), np.int64)
    for at in reversed(range(len(shape))):
        here = first[row, at] + rest // stride % spans[row, at]
        found += here * int(np.prod(shape[at + 1 :], dtype=np.int64))
        stride *= spans[row, at]
    return row, found


def _intersect(wanted: Boxes, slices: Boxes, step: Index) -> Boxes:
    """Beginning with a value that a step from the start of `wanted` leads to."""
    begin = wanted[..., 0]
    start = begin + -(-np.maximum(slices[..., 0] - begin, 0) // step) * step
    return np.stack([start, np.minimum(wanted[..., 1], slices[..., 1])], -1)
