"""Which sources reach a box of targets, and what a slice hears of them: geometry, from the map alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Boxes, Tiling, clip, count, overlaps
from tritspike.runtime.network.grid import Axis, Grid, Index
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule

Side = NDArray[np.int64]  # (slices, 2): start and stop along one coordinate
Extents = Mapping[str, Index]  # by coordinate, of each of some boxes
Between = tuple[Index, Index, Index]  # target slice, source slice, source neurons of that slice which reach this one


@dataclass(frozen=True)
class Ties:
    """How lists of synapses, one for each source neuron, depend on where that is and on the box of targets that they are cut to.

    alike: the source's coordinates that a list does not depend on, but for where its targets begin. rows: the target's coordinates along
    which a list has gaps. spread: those along which it has the same synapses again and again; along all others it has one place.
    """

    alike: tuple[str, ...]
    rows: tuple[str, ...]
    spread: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Lists:
    """Lists of synapses of the slices of a tiling, one for each source neuron of one place along what is `alike`, and once for all `spread`.

    group: (slices,) slices of one group hold the same lists; of: (lists,) each list's group; synapses: (lists,) never 0.
    """

    group: Index
    of: Index
    synapses: Index


@dataclass(frozen=True)
class Stage:
    """Which stage of a stack of `sources` like populations reaches the first one of a stack of `targets`, along a first axis of both."""

    axis: str
    tap: int
    sources: int
    targets: int

    @property
    def rule(self) -> Follow:
        """Beyond the first target stage it leads beyond the last source stage."""
        return Follow(self.axis, self.sources, self.tap)


def behind(read: Map, along: str) -> bool:
    """Whether a target neuron hears source neurons that come before it along an axis."""
    rule = read.get(along)
    return isinstance(rule, Follow) and rule.target == along and rule.offset < 0


def sources_of(read: Map, source: Grid, target: Grid, boxes: Boxes) -> Boxes:
    """(slices, source coordinates, 2): the smallest box around the source neurons that reach each box; empty for empty ones.

    It holds no others, except between strides (`steps` tells which), where two source coordinates follow one target coordinate, and where both
    sides of causal pairs are followed by what is not the same causal pairs.
    """
    names, own = grids.names(target), grids.names(source)
    boxes, sizes = clip(boxes, target), grids.extents(source)
    out = np.zeros((len(boxes), len(own), 2), np.int64)
    for at, name in enumerate(own):
        rule = read.get(name, SUM)  # a column: all its values, too
        out[:, at] = _followed(rule, sizes[name], boxes[:, names.index(rule.target)]) if isinstance(rule, Follow) else _fixed(rule, sizes[name])
    out = clip(out, source)
    out[(count(boxes, target) == 0) | (count(out, source) == 0)] = 0
    return out


def _fixed(rule: Rule, size: int) -> tuple[int, int]:
    if isinstance(rule, At):
        return (rule.value, rule.value + 1) if 0 <= rule.value < size else (0, 0)
    return 0, size


def _followed(rule: Follow, size: int, side: Side) -> Side:
    """From the first target value that has a source to the last one that has."""
    first = np.maximum(side[:, 0], -(rule.offset // rule.stride))
    last = np.minimum(side[:, 1] - 1, (size - 1 - rule.offset) // rule.stride)
    found = np.stack([first * rule.stride + rule.offset, last * rule.stride + rule.offset + 1], 1)
    return np.where((first <= last)[:, None], found, 0)


def steps(read: Map, source: Grid) -> Index:
    """(source coordinates,) strides between the values that are read, 1 for pairs."""
    sizes = {axis.name for axis in source if isinstance(axis, Axis)}
    rules = [(name in sizes, read.get(name)) for name in grids.names(source)]
    return np.array([rule.stride if alone and isinstance(rule, Follow) else 1 for alone, rule in rules], np.int64)


def most_sources(read: Map, source: Grid, lengths: Extents) -> Extents:
    """By source coordinate, how many values reach a box of targets of these lengths, wherever it lies: at most."""
    found: dict[str, Index] = {}
    any_length = next(iter(lengths.values()), np.ones(1, np.int64))
    for name, size in grids.extents(source).items():
        rule = read.get(name, SUM)
        most = lengths[rule.target] if isinstance(rule, Follow) else np.full_like(any_length, 1 if isinstance(rule, At) else size)
        found[name] = np.minimum(most, size)
    return found


def most_senders(read: Map, target: Grid, lengths: Extents) -> Extents:
    """By source coordinate, how many values in a box of sources of these lengths reach anything: at most."""
    found: dict[str, Index] = {}
    sizes = grids.extents(target)
    for name, length in lengths.items():
        rule = read.get(name, SUM)
        most = np.minimum(-(-length // rule.stride), sizes[rule.target]) if isinstance(rule, Follow) else length
        found[name] = np.minimum(length, 1) if isinstance(rule, At) else most
    return found


def between(senders: Tiling, wanted: Boxes, step: Index) -> Between:
    """Of boxes of sources, which slices of `senders` hold how many of them."""
    return overlaps(senders, wanted, step)


def listed_between(rows: Index, columns: Index, senders: Tiling, hearers: Tiling) -> Between:
    """The same of synapses one by one."""
    most = grids.size(senders.grid)
    heard = np.unique(hearers.owners()[rows] * most + columns)
    hearer, column = np.divmod(heard, max(most, 1))
    pairs, neurons = np.unique(hearer * len(senders) + senders.owners()[column], return_counts=True)
    target, source = np.divmod(pairs, len(senders))
    return target, source, neurons.astype(np.int64)


def listed_lists(rows: Index, columns: Index, sources: int) -> Callable[[Tiling], Lists]:
    """Of synapses one by one; sorted once, so that each tiling takes time in proportion to them."""
    import scipy.sparse as sp

    order = np.argsort(columns, kind="stable")
    rows, columns, one = rows[order], columns[order], np.ones(len(order), np.int64)

    def lists(tiling: Tiling) -> Lists:
        found = sp.csr_matrix((one, (tiling.owners()[rows], columns)), shape=(len(tiling), sources))
        return Lists(np.arange(len(tiling)), np.repeat(np.arange(len(tiling)), np.diff(found.indptr)), found.data)

    return lists


def spread_of(target: Grid, followed: set[str], rows: Sequence[str]) -> tuple[str, ...]:
    """Coordinates that a source neuron reaches all values of, alike."""
    return tuple(name for name in grids.names(target) if name not in followed and name not in rows)
