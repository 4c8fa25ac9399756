"""Synaptic input of many steps at once, by a wiring's rule instead of its list of synapses: gathers, and one product for a matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Index
from tritspike.runtime.network.wiring.maps import Follow, Map, Rule, meetings

if TYPE_CHECKING:
    import scipy.sparse as sp

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_GATHERED = 1 << 24  # numbers that are gathered at once


@dataclass(frozen=True, eq=False)
class Gather:
    """at: (targets, times) source neurons that each target meets; the number of source neurons where there is none."""

    at: Index

    @cached_property
    def columns(self) -> NDArray[np.int32]:
        """(targets * times,)."""
        return self.at.ravel().astype(np.int32)

    @cached_property
    def starts(self) -> Ints:
        """(1, targets + 1): where those of a target begin in `columns`."""
        return np.arange(len(self.at) + 1)[None] * self.at.shape[1]

    def counts(self, spikes: Bools) -> NDArray[np.float32] | Bools:
        """(steps, targets): how many of them fired; whether, where each target meets one."""
        padded = np.concatenate([spikes, np.zeros((len(spikes), 1), np.bool_)], 1)
        if self.at.shape[1] == 1:
            return padded[:, self.at[:, 0]]
        out = np.empty((len(spikes), len(self.at)), np.float32)
        step = max(1, _GATHERED // max(self.at.size, 1))
        for begin in range(0, len(spikes), step):
            out[begin : begin + step] = padded[begin : begin + step][:, self.at].sum(2, dtype=np.float32)
        return out


def gather(read: Map, source: Grid, target: Grid) -> Gather:
    """Of a map that names all of the source's coordinates."""
    return _gather(tuple(read.items()), source, target)


@lru_cache(maxsize=256)
def _gather(read: tuple[tuple[str, object], ...], source: Grid, target: Grid) -> Gather:
    at, row, _ = meetings(dict(read), source, target)  # type: ignore[arg-type]
    there = grids.flat(source, at) if source else np.zeros(len(row), np.int64)
    return Gather(np.where(there < 0, grids.size(source), there).reshape(grids.size(target), -1))


@dataclass(frozen=True, eq=False)
class Cells:
    """Where a matrix applies: once in every cell. found: the source neurons that its columns meet there.

    places: (cells, rows) int32 target neurons; straight: those of a cell lie end to end.
    """

    found: Gather
    places: NDArray[np.int32]
    straight: bool

    @property
    def hears(self) -> NDArray[np.int32]:
        """(cells * columns, times) source neurons, as `found` has them."""
        return self.found.columns.reshape(self.found.at.shape)


def cells(read: Map, rows: tuple[str, ...], source: Grid, target: Grid) -> Cells | None:
    """Of a matrix that is the same wherever `read` says; None where rows cut through an axis of pairs."""
    return _cells(tuple(read.items()), rows, source, target)


@lru_cache(maxsize=256)
def _cells(read: tuple[tuple[str, Rule], ...], rows: tuple[str, ...], source: Grid, target: Grid) -> Cells | None:
    outer = tuple(axis for axis in target if not set(axis.names) & set(rows))
    if any(set(axis.names) & set(rows) and not isinstance(axis, Axis) for axis in target):
        return None
    named = dict(read)
    columns = tuple(axis for axis in source if not set(axis.names) & named.keys())
    places = _places(target, outer, rows).reshape(grids.size(outer), -1).astype(np.int32)
    straight = bool((np.diff(places, axis=1) == 1).all())
    return Cells(gather({**named, **_each(columns)}, source, (*outer, *columns)), places, straight)


def by_matrix(weights: NDArray[np.int32], found: Cells, spikes: Bools) -> Ints:
    """(steps, neurons) input through a matrix.

    Counts and sums are below 2^24 by the bounds that every program is proved to keep, so float32 holds them exactly.
    """
    width = weights.shape[1]
    out = np.empty((len(spikes), found.places.size), np.int64)
    step = max(1, _GATHERED // max(len(found.places) * width, 1))
    for begin in range(0, len(spikes), step):
        counts = found.found.counts(spikes[begin : begin + step])
        product = counts.reshape(-1, width).astype(np.float32, copy=False) @ weights.T.astype(np.float32)
        out[begin : begin + step, found.places.ravel()] = product.reshape(len(counts), -1)
    return out


@dataclass(frozen=True, eq=False)
class Listed:
    """Synapses by target neuron: `starts` into `columns`, source neurons. weights: one each, or one for all of them."""

    starts: Index
    columns: NDArray[np.int32]
    weights: NDArray[np.int32]

    @classmethod
    def of(cls, matrix: sp.csr_matrix) -> Listed:
        """As a matrix has them."""
        columns, weights = (part.astype(np.int32, copy=False) for part in (matrix.indices, matrix.data))
        return cls(matrix.indptr.astype(np.int64)[None], columns, weights)

    @property
    def each(self) -> bool:
        """Whether every synapse has a weight of its own."""
        return len(self.weights) == len(self.columns)


def product(matrix: sp.csr_matrix, spikes: Bools) -> Ints:
    """(steps, neurons) input through synapses that are listed."""
    found: Ints = (matrix @ spikes.T.astype(np.int32)).T.astype(np.int64)
    return found


def _each(columns: Grid) -> Map:
    return {name: Follow(name) for axis in columns for name in axis.names}


def _places(target: Grid, outer: Grid, rows: tuple[str, ...]) -> Index:
    """(outer cells * rows,) target neurons in the order of a product."""
    sizes = grids.extents(target)
    count = math.prod(sizes[name] for name in rows)
    over = np.unravel_index(np.arange(count), tuple(sizes[name] for name in rows)) if rows else ()
    at = {name: np.repeat(along, count) for name, along in grids.coordinates(outer).items()}
    at |= {name: np.tile(along, grids.size(outer)) for name, along in zip(rows, over)}
    return grids.flat(target, at) if at else np.zeros(1, np.int64)
