"""Spikes and synaptic events of a whole chip, counted from what a plan computed: relays and coincidence neurons included, none of them built."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from weakref import WeakKeyDictionary

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.executors.fast.plan import Plan
from tritspike.runtime.executors.fast.rows import Buffers, Ints, Place
from tritspike.runtime.executors.fast.stages import Stage
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid
from tritspike.runtime.network.network import Scheduled, Synapse
from tritspike.runtime.network.neuron import Register, each
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.network.rows import Rows

_COPIED = 64  # rows that are copied at once to be counted apart


@dataclass(frozen=True, eq=False)
class Spikes:
    """Of a population: (rows,) by row of a window, (channels,) by channel and, at the few rows that some synapses treat apart, by channel too.

    What lies over pairs, and what no buffer holds, is one row.
    """

    rows: Ints
    channels: Ints
    apart: dict[int, Ints]


@dataclass(frozen=True, eq=False)
class FanOut:
    """Synapses on each neuron of a source: (rows,) where only the row matters; else (channels,), and `apart` by how many more at some rows."""

    rows: Ints | None
    channels: Ints
    apart: dict[int, Ints]

    @classmethod
    def of(cls, found: Register, grid: Grid, along: str | None) -> FanOut:
        """Rows that differ from the most are apart: where a matrix looks beyond the ends, or hears one row alone."""
        rows = _rows(grid, along)
        table = np.broadcast_to(each(found, grid), grids.size(grid)).reshape(rows, -1)
        if (table == table[:, :1]).all():
            return cls(table[:, 0].copy(), table[0], {})
        kinds, counts = np.unique(table, axis=0, return_counts=True)
        usual = kinds[counts.argmax()]
        return cls(None, usual, {int(row): table[row] - usual for row in np.flatnonzero((table != usual).any(1))})

    def events(self, spikes: Spikes) -> int:
        """Spikes, each as often as its neuron has synapses."""
        if self.rows is not None:
            return int(spikes.rows @ self.rows)
        return int(spikes.channels @ self.channels) + sum(int(spikes.apart[row] @ more) for row, more in self.apart.items())


def _rows(grid: Grid, along: str | None) -> int:
    """Rows of a population; one of what does not lie in rows."""
    first = grid[0] if grid else None
    return first.size if isinstance(first, Axis) and first.name == along else 1


@dataclass(frozen=True, eq=False)
class _Known:
    """By synapse, its synapses on each neuron; by population, the rows at which some of those that hear it treat it apart."""

    fans: dict[str, FanOut]
    apart: dict[str, set[int]]


_KNOWN: WeakKeyDictionary[Plan, _Known] = WeakKeyDictionary()


def _known(program: Scheduled, plan: Plan) -> _Known:
    """Of a plan, made once."""
    if plan not in _KNOWN:
        fans = {s.name: _fan(program, plan, s) for s in program.network.synapses}
        found = _Known(fans, {name: set() for name in plan.places})
        for s in program.network.synapses:
            found.apart.setdefault(plan.repeats.get(s.source, s.source), set()).update(fans[s.name].apart)
        _KNOWN[plan] = found
    return _KNOWN[plan]


def _fan(program: Scheduled, plan: Plan, s: Synapse) -> FanOut:
    source, target = program.network.grids(s)
    found = s.wiring.fan_out(source, target)
    over_pairs = any(not isinstance(axis, Axis) for axis in source)
    assert not over_pairs or isinstance(found, int), "the rules take nothing that hears some pairs and not others"
    return FanOut.of(found, () if over_pairs else source, plan.along)


class Counter:
    """Counts of one batch, taken stage by stage, so that no spikes need be kept for it; `using` has the counting kernels."""

    def __init__(self, program: Scheduled, plan: Plan, rows: Rows, played: Buffers, using: ModuleType) -> None:
        self.program, self.plan, self.rows, self.using = program, plan, rows, using
        self.known, self.found = _known(program, plan), dict[str, Spikes]()
        self.row = np.arange(len(rows.window)) - np.repeat(rows.starts[:-1], rows.lengths)
        self._tally(played)

    def take(self, stage: Stage, buffers: Buffers) -> None:
        """Count what a stage has just written."""
        self._tally({name: buffers[name] for name in stage.writes(1)})
        self.found |= {name: _one_row(count) for name, count in stage.coincidences(self.rows, buffers, self.using).items()}

    def _tally(self, written: Buffers) -> None:
        for name, place in self.plan.places.items():
            if place.buffer in written:
                self.found[name] = self._spikes(name, written[place.buffer], place)

    def _spikes(self, name: str, words: bits.Words, place: Place) -> Spikes:
        """A score's words, one run a head, are all counted, and are one row."""
        if words.ndim == 4:
            flat = words.reshape(*words.shape[:2], -1)
            return _one_row(int(self._count(flat, 0, flat.shape[2] * bits.WORD, self.row)[1].sum()))
        channels, rows = self._count(words, place.first, place.width, self.row)
        apart = {row: self._apart(words, place, row) for row in sorted(self.known.apart[name])}
        return Spikes(rows, channels, apart)

    def _apart(self, words: bits.Words, place: Place, row: int) -> Ints:
        """(channels,) spikes at one row of every window."""
        at, channels = np.flatnonzero(self.row == row), np.zeros(place.width, np.int64)
        for begin in range(0, len(at), _COPIED):
            some = at[begin : begin + _COPIED]
            channels += self._count(np.ascontiguousarray(words[some]), place.first, place.width, self.row[some])[0]
        return channels

    def _count(self, words: bits.Words, first: int, width: int, row: Ints) -> tuple[Ints, Ints]:
        """(channels,) and (rows,) spikes."""
        channels, rows = np.zeros(width, np.int64), np.zeros(self.rows.positions, np.int64)
        self.using.tally(words, first, row, channels, rows)
        return channels, rows

    def activity(self) -> Activity:
        """Of all stages that were taken."""
        network = self.program.network
        spikes = {p.name: self._of(self.plan.repeats.get(p.name, p.name)) for p in network.populations}
        return Activity(
            samples=len(self.rows),
            spikes={name: int(found.rows.sum()) for name, found in spikes.items()},
            events={s.name: self.known.fans[s.name].events(spikes[s.source]) for s in network.synapses},
        )

    def _of(self, name: str) -> Spikes:
        """Padding lies behind each text's end; whatever else has no place is read by its membrane, and silent."""
        if name in self.found:
            return self.found[name]
        steps, grid = self.program.timing.steps, self.program.network.by_name[name].grid
        padded = any(port.population == name for port in self.program.network.ports)
        behind = (~self.rows.real).sum(0) * steps if padded else np.zeros(_rows(grid, self.plan.along), np.int64)
        return Spikes(behind.astype(np.int64), np.zeros(grids.size(grid) // len(behind), np.int64), {})


def _one_row(count: int) -> Spikes:
    return Spikes(np.array([count], np.int64), np.zeros(0, np.int64), {})
