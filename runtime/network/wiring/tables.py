"""Synapses counted by factors: axes that rules tie together make a part, parts multiply, and only within a part are cells listed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Boxes
from tritspike.runtime.network.grid import Grid, Index, Pairs
from tritspike.runtime.network.neuron import Register, Values
from tritspike.runtime.network.wiring.maps import Follow, Map, meetings


@dataclass(frozen=True)
class Part:
    """Axes of the source that the map names and axes of the target, tied by rules. row_names: the target's coordinates of a matrix's rows in it."""

    read: Map
    source: Grid
    target: Grid
    row_names: tuple[str, ...]

    def meetings(self) -> tuple[Index, Index]:
        """(source cell, target cell) of each."""
        at, target, _ = meetings(self.read, self.source, self.target)
        if not self.source:
            return np.zeros(len(target), np.int64), target
        source = grids.flat(self.source, {**{name: np.zeros(len(target), np.int64) for name in grids.names(self.source)}, **at})
        return source[source >= 0], target[source >= 0]


def parts(read: Map, source: Grid, target: Grid, rows: Sequence[str]) -> Iterator[Part]:
    """Those of a wiring; all rows are in one."""
    mapped = [axis for axis in source if set(axis.names) & read.keys()]
    of_target = {name: n for n, axis in enumerate(target) for name in axis.names}
    of_source = {name: len(target) + n for n, axis in enumerate(mapped) for name in axis.names}
    links = [(of_source[name], of_target[rule.target]) for name, rule in read.items() if isinstance(rule, Follow)]
    links += [(of_target[a], of_target[b]) for a, b in itertools.pairwise(rows)]
    label = list(range(len(target) + len(mapped)))
    for a, b in links:
        label = [label[a] if n == label[b] else n for n in label]
    for number in dict.fromkeys(label):
        theirs = tuple(axis for n, axis in enumerate(target) if label[n] == number)
        ours = tuple(axis for n, axis in enumerate(mapped) if label[len(target) + n] == number)
        inside = set(grids.names(theirs))
        rules = {name: read[name] for name in grids.names(ours) if name in read}
        yield Part(rules, ours, theirs, tuple(rows) if rows and rows[0] in inside else ())


def most(found: Iterable[Part]) -> int:
    """Meetings of one target neuron, at most."""
    return int(np.prod([np.bincount(part.meetings()[1], minlength=1).max() for part in found], dtype=np.int64))


def each_meets_one(found: Iterable[Part]) -> bool:
    """Whether every target neuron has exactly one meeting."""
    return all((np.bincount(part.meetings()[1], minlength=grids.size(part.target)) == 1).all() for part in found)


def count_in(found: Sequence[Part], nonzero: NDArray[np.bool_], target: Grid, boxes: Boxes) -> Index:
    """(slices,) synapses on the neurons of each box. nonzero: (rows, columns) of a matrix."""
    names, total = grids.names(target), np.ones(len(boxes), np.int64)
    for part in found:
        at = [names.index(name) for name in grids.names(part.target)]
        total = total * sums(over(part.target, _on_targets(part, nonzero)), boxes[:, at])
    return total if any(part.row_names for part in found) else total * int(nonzero.sum())


def _on_targets(part: Part, nonzero: NDArray[np.bool_]) -> Index:
    """(target cells,) synapses of each."""
    each = np.bincount(part.meetings()[1], minlength=grids.size(part.target))
    return each * nonzero.sum(1)[row_number(part.target, part.row_names)] if part.row_names else each


def fan_out(found: Sequence[Part], nonzero: NDArray[np.bool_], source: Grid, read: Map) -> Register:
    """Synapses on each source neuron: one number, or one for each cell of the coordinates that matter."""
    sizes = grids.extents(source)
    columns = tuple(name for name in grids.names(source) if name not in read)
    shape = [sizes[name] for name in columns]
    factors = [_on_sources(part, nonzero, columns, shape) for part in found]
    if not any(part.row_names for part in found):
        factors.append(_values(columns, nonzero.sum(0).reshape(shape)))
    whole = int(np.prod([f for f in factors if isinstance(f, int)], dtype=np.int64))
    differ = [f for f in factors if isinstance(f, Values)]
    along = tuple(name for f in differ for name in f.along)
    return Values(along, reduce(np.multiply.outer, [f.numbers for f in differ]) * whole) if differ else whole


def _on_sources(part: Part, nonzero: NDArray[np.bool_], columns: tuple[str, ...], shape: list[int]) -> Register:
    import scipy.sparse as sp

    source, target = part.meetings()
    if not part.row_names:
        each = np.bincount(source, minlength=grids.size(part.source))
        return int(each[0]) if (each == each[0]).all() else Values(grids.names(part.source), over(part.source, each))
    row = row_number(part.target, part.row_names)[target]
    reached = sp.csr_matrix((np.ones(len(row), np.int64), (source, row)), shape=(grids.size(part.source), len(nonzero)))
    cells = over(part.source, reached @ nonzero.astype(np.int64))
    return _values((*grids.names(part.source), *columns), cells.reshape((*cells.shape[:-1], *shape)))


def _values(along: tuple[str, ...], numbers: NDArray[np.int64]) -> Register:
    return Values(along, numbers.astype(np.int64)) if along else int(numbers)


def over(grid: Grid, each: Index) -> Index:
    """(neurons, ...) of a grid laid out over its coordinates, 0 where causal pairs have no cell."""
    if not any(isinstance(axis, Pairs) for axis in grid):
        return each.reshape((*grids.shape(grid), *each.shape[1:]))
    out = np.zeros((*grids.extents(grid).values(), *each.shape[1:]), np.int64)
    out[tuple(grids.coordinates(grid).values())] = each
    return out


def sums(table: Index, boxes: Boxes) -> Index:
    """(slices,) sums of a table over its coordinates in boxes of these."""
    return corners(below_of(table, table.ndim), boxes)


def corners(below: NDArray[Any], boxes: Boxes) -> Index:
    """(slices, ...) sums in boxes, from sums below an index of the coordinates that the boxes have."""
    axes = boxes.shape[1]
    total = np.zeros((len(boxes), *below.shape[axes:]), np.int64)
    stop = np.maximum(boxes[..., 0], boxes[..., 1])
    for corner in itertools.product((0, 1), repeat=axes):
        at = tuple(stop[:, n] if side else boxes[:, n, 0] for n, side in enumerate(corner))
        total += (-1) ** (axes - sum(corner)) * below[at]
    return total


def below_of(table: NDArray[Any], axes: int) -> NDArray[Any]:
    """Sums of all that is below an index of the first `axes` axes: a box is a difference of those."""
    below = np.pad(table, [(1, 0)] * axes + [(0, 0)] * (table.ndim - axes)) if axes else table
    for axis in range(axes):
        below = below.cumsum(axis, dtype=below.dtype)
    return below


def row_number(target: Grid, names: Sequence[str]) -> Index:
    """(neurons,) row of a matrix of each target neuron."""
    sizes, at, found = grids.extents(target), grids.coordinates(target), np.zeros(grids.size(target), np.int64)
    for name in names:
        found = found * sizes[name] + at[name]
    return found
