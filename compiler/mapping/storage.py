"""What a projection takes from the core that holds its target: words of synaptic memory, input axons, output slots at the source.

A source neuron's synapses on one slice are a list, packed as `words.py` says. Formats:

    dense    a list for every source neuron, over all of the slice that it may reach, without indices; where that lies side by side
    sparse   a list for every source neuron, of its synapses that are not zero, with indices
    shared   the sparse lists of one place along some source coordinates, for all places: a population axon for each, whose channel number
             chooses the list and whose base says where in the slice it starts; costs `population_axon_slots` at the source
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping.words import index_bits, packed_bits, weight_bits
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.mapping import DENSE, SHARED, SPARSE, Form
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, cells, even, lengths
from tritspike.runtime.network.grid import Axis, Grid, Index, Pairs
from tritspike.runtime.network.network import Network, Synapse
from tritspike.runtime.network.wiring.reach import Extents, Lists, Ties

_THIN = 8  # rows: counting slices thinner than this costs more time than it saves cores
_FEW = 512  # rows: counting as many costs nothing


@dataclass(frozen=True, eq=False)
class Stored:
    """Costs of one projection in one format, each (slices,): bits and input axons."""

    bits: Index
    axons: Index


@dataclass(frozen=True, eq=False)
class Projection:
    """A synapse between grids, and what storing it depends on."""

    synapse: Synapse
    source: Grid
    target: Grid

    @cached_property
    def weight_bits(self) -> int:
        """Of one weight. A sign takes a bit only where signs are mixed."""
        return weight_bits(*self.synapse.wiring.weight_range())

    @cached_property
    def ties(self) -> Ties:
        """How lists depend on where neurons are."""
        return self.synapse.wiring.ties(self.target)

    @cached_property
    def alike(self) -> tuple[Axis | Pairs, ...]:
        """Source axes along which lists are alike, those that grow with a text first."""
        found = [axis for axis in self.source if set(axis.names) <= set(self.ties.alike)]
        return tuple(sorted(found, key=lambda axis: not grids.grows((axis,))))

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """All there are; on equal costs the first is taken."""
        places = [tuple(n for axis in self.alike[:k] for n in axis.names) for k in range(len(self.alike), -1, -1)]
        places = [p for p in places if len(p) < len(grids.names(self.source))]  # an axon of one channel is one of `sparse`, which costs less
        contiguous = grids.names(self.target)[len(grids.names(self.target)) - len(self.reached) :] == self.reached
        return (*(Form(SHARED, p) for p in places), Form(SPARSE), *([Form(DENSE)] if contiguous else []))

    @cached_property
    def reached(self) -> tuple[str, ...]:
        """Target coordinates, in order, along which one source neuron reaches more than one place."""
        return tuple(n for n in grids.names(self.target) if n in self.ties.rows or n in self.ties.spread)

    @cached_property
    def one_side(self) -> tuple[str, ...] | None:
        """Query and key of causal pairs of the target of which a source has one side: on the diagonal, lists are not alike."""
        for axis in self.target:
            if isinstance(axis, Pairs) and axis.causal and len(set(axis.names) & set(self.reached)) == 1:
                return axis.names
        return None

    def entry_bits(self, extents: Extents, profile: HardwareProfile) -> Index:
        """(slices,) bits of a synapse with its index, which tells apart what lies from the first coordinate on that is reached."""
        names = grids.names(self.target)
        behind = names[names.index(self.reached[0]) :] if self.reached else ()
        return self.weight_bits + index_bits(_along(extents, behind), profile)

    def cut(self, pieces: Sequence[int], counter: Callable[[Tiling], Lists]) -> Histogram:
        """Lists of the slices of an even cut along `ties.rows`, counted once."""
        if tuple(pieces) not in self._known:
            all_pieces = dict.fromkeys(grids.names(self.target), 1) | dict(zip(self.ties.rows, pieces))
            self._known[tuple(pieces)] = Histogram.of(counter(even(self.target, list(all_pieces.values()))))
        return self._known[tuple(pieces)]

    @cached_property
    def _known(self) -> dict[tuple[int, ...], Histogram]:
        return {}


@dataclass(frozen=True, eq=False)
class Histogram:
    """values: numbers of synapses, ascending; counts: (groups, values) lists of each."""

    values: Index
    counts: Index

    @classmethod
    def of(cls, lists: Lists) -> Histogram:
        """Of the lists of one place."""
        values = np.flatnonzero(np.bincount(lists.synapses))
        number, groups = np.zeros(int(values.max(initial=0)) + 1, np.int64), int(lists.group.max()) + 1
        number[values] = np.arange(len(values))
        counts = np.bincount(lists.of * len(values) + number[lists.synapses], minlength=groups * len(values))
        return cls(values, counts.reshape(groups, len(values)))

    @property
    def lists(self) -> Index:
        """(groups,) lists."""
        return self.counts.sum(1)

    @property
    def longest(self) -> int:
        """Most synapses of a list."""
        return int(self.values.max(initial=0))

    def bits(self, spread: Index, each: Index, profile: HardwareProfile) -> Index:
        """(costs,) bits of all lists of the fullest group, where each is `spread` times as long and a synapse takes `each`."""
        return (self._packed(spread, each, profile) @ self.counts.T).max(1, initial=0)

    def bits_of(self, group: Index, spread: Index, each: Index, profile: HardwareProfile) -> Index:
        """(costs,) the same of one group each."""
        return np.asarray((self._packed(spread, each, profile) * self.counts[group]).sum(1))

    def _packed(self, spread: Index, each: Index, profile: HardwareProfile) -> Index:
        return packed_bits(np.multiply.outer(spread, self.values), each[:, None], profile)


def projections(network: Network) -> dict[str, Projection]:
    """By synapse name."""
    return {s.name: Projection(s, *network.grids(s)) for s in network.synapses}


def stored(p: Projection, tiling: Tiling, forms: Sequence[Form], profile: HardwareProfile) -> list[Stored]:
    """Costs of each slice in each format: exact but on causal diagonals, where they are at most so much."""
    extents = _extents(p.target, lengths(tiling.boxes))
    wiring, lists = p.synapse.wiring, p.synapse.wiring.lists(p.source, p.target)(tiling)
    wanted = cells(wiring.sources_of(p.source, p.target, tiling.boxes), p.source, wiring.steps(p.source))
    histogram = Histogram.of(lists)
    rows, which = _distinct([lists.group, _along(extents, p.ties.spread), p.entry_bits(extents, profile)], len(tiling))
    bits = histogram.bits_of(rows[:, 0], rows[:, 1], rows[:, 2], profile)[which]
    crossing = np.zeros(len(tiling), np.bool_)
    if p.one_side:
        query, key = (tiling.boxes[:, grids.names(p.target).index(side)] for side in p.one_side)
        crossing = key[:, 1] - 1 > query[:, 0]
    return [_costs(p, form, _Place(bits, histogram.lists[lists.group]), wanted, extents, crossing, profile) for form in forms]


def bound(p: Projection, pieces: Extents, extents: Extents, forms: Sequence[Form], profile: HardwareProfile) -> list[Stored]:
    """At most so much for any slice of these extents, where a grid is cut into so many pieces along each coordinate."""
    most = p.synapse.wiring.most_sources(p.source, extents)
    any_extent = next(iter(extents.values()))
    wanted = [np.minimum(np.prod([most[n] for n in axis.names], axis=0), axis.cells) for axis in p.source]
    crossing = np.ones_like(any_extent) > 0
    if p.one_side:  # a slice one wide does not cross the diagonal
        crossing = (extents[p.one_side[0]] > 1) & (extents[p.one_side[1]] > 1)
    place = _fullest(p, pieces, extents, profile)
    columns = np.stack(wanted, 1) if wanted else np.zeros((len(any_extent), 0), np.int64)
    return [_costs(p, form, place, columns, extents, crossing, profile) for form in forms]


@dataclass(frozen=True, eq=False)
class _Place:
    """Lists of one place along what is alike, each (slices,): their bits and their number."""

    bits: Index
    lists: Index


def _costs(
    p: Projection, form: Form, place: _Place, wanted: Index, extents: Extents, crossing: NDArray[np.bool_], profile: HardwareProfile
) -> Stored:
    """wanted: (slices, source axes) cells that reach each. crossing: where lists that are alike elsewhere are not."""
    alike = _cells(p, wanted, [n for axis in p.alike for n in axis.names])
    if form.name == DENSE:
        columns = _cells(p, wanted, [n for n in grids.names(p.source) if n not in p.ties.alike])
        return Stored(alike * columns * packed_bits(_along(extents, p.reached), p.weight_bits, profile), alike * columns)
    if form.name == SPARSE:
        return Stored(alike * place.bits, alike * place.lists)
    positions = _cells(p, wanted, form.positions)
    copies = np.where(crossing & (p.one_side is not None), positions, 1)
    return Stored(alike // np.maximum(positions, 1) * place.bits * copies, np.where(alike * place.lists > 0, positions, 0))


def _cells(p: Projection, wanted: Index, names: Sequence[str]) -> Index:
    return wanted[:, [n for n, axis in enumerate(p.source) if set(axis.names) <= set(names)]].prod(1)


def _fullest(p: Projection, pieces: Extents, extents: Extents, profile: HardwareProfile) -> _Place:
    """Of the fullest slice of each cut; where slices are very thin, at most so much."""
    counter = p.synapse.wiring.lists(p.source, p.target)
    sizes = grids.extents(p.target)
    spread, each = _along(extents, p.ties.spread), p.entry_bits(extents, profile)
    cuts, which = _distinct([pieces[n] for n in p.ties.rows], len(spread))
    whole = p.cut([1] * len(p.ties.rows), counter)
    bits, lists = np.empty((2, len(spread)), np.int64)
    for number, cut in enumerate(cuts.tolist()):
        here = np.flatnonzero(which == number)
        if np.prod(cut) * _THIN <= max(int(np.prod([sizes[n] for n in p.ties.rows])), _FEW):
            found = p.cut(cut, counter)
            costs, one = _distinct([spread[here], each[here]], len(here))
            bits[here] = found.bits(costs[:, 0], costs[:, 1], profile)[one]
            lists[here] = found.lists.max()
        else:
            longest = np.minimum(whole.longest * spread[here], _along(extents, p.reached)[here])
            lists[here] = whole.lists.max()
            bits[here] = lists[here] * packed_bits(longest, each[here], profile)
    return _Place(bits, lists)


def _distinct(columns: list[Index], length: int) -> tuple[Index, Index]:
    """Distinct rows, and which of them each is."""
    if not columns:
        return np.zeros((1, 0), np.int64), np.zeros(length, np.int64)
    rows, which = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    return rows, which.ravel()


def _extents(grid: Grid, found: Index) -> dict[str, Index]:
    return dict(zip(grids.names(grid), found.T))


def _along(extents: Extents, names: Sequence[str]) -> Index:
    """(slices,) product of some extents."""
    return np.prod([extents[name] for name in names], axis=0, dtype=np.int64) if names else np.ones_like(next(iter(extents.values())))
