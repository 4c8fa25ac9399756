"""Every population's windows, as the literal simulator would record them, from the spikes in a plan's buffers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.executors.fast.plan import Plan
from tritspike.runtime.executors.fast.rows import Buffers
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.network import Population, Scheduled, Synapse
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.wiring import Join
from tritspike.runtime.network.wiring.maps import meetings

Bools = NDArray[np.bool_]


def windows(program: Scheduled, plan: Plan, rows: Rows, buffers: Buffers, ask: Ask) -> dict[str, Bools]:
    """(windows, steps, neurons) of every population that was asked for."""
    known = _Known(program, plan, rows, buffers)
    return {p.name: known.of(p.name) for p in program.network.populations if ask.wants(p.name)}


@dataclass(frozen=True, eq=False)
class _Known:
    """What is recorded from, and what was asked for so far."""

    program: Scheduled
    plan: Plan
    rows: Rows
    buffers: Buffers
    spikes: dict[str, Bools] = field(default_factory=dict)

    def of(self, name: str) -> Bools:
        """Spikes of a population, made once."""
        if name not in self.spikes:
            self.spikes[name] = self._make(self.program.network.by_name[name])
        return self.spikes[name]

    def _make(self, p: Population) -> Bools:
        plan, network = self.plan, self.program.network
        played = {port.population: port.plays for port in network.ports}
        if p.name in played:
            return self.rows.played(played[p.name], p.grid)
        if p.name in plan.repeats:
            return self.of(plan.repeats[p.name])
        if p.name in plan.products:
            first, second = (self._spread(s, p) for s in network.inputs(p.name))
            return first & second
        if p.name not in plan.places:
            return np.zeros((len(self.rows), self.program.timing.steps, p.size), np.bool_)  # membranes that are read and never fire
        return self._pairs(p) if any(isinstance(axis, Pairs) for axis in p.grid) else self._rows(p)

    def _rows(self, p: Population) -> Bools:
        place = self.plan.places[p.name]
        words = self.buffers[place.buffer][..., place.first : place.first + bits.words(place.width)]
        return self.rows.dense(bits.unpack(words, place.width)).reshape(len(self.rows), self.program.timing.steps, p.size)

    def _pairs(self, p: Population) -> Bools:
        """A score's words are, by query, a run of keys a head; whatever order its grid has."""
        longest = int(self.rows.lengths.max(initial=0))
        seen = self.rows.dense(bits.unpack(self.buffers[self.plan.places[p.name].buffer], longest))  # windows, steps, queries, heads, keys
        square = np.zeros((*seen.shape[:-1], self.rows.positions), np.bool_)
        square[..., :longest] = seen
        at, heads = grids.coordinates(p.grid), [axis.name for axis in p.grid if isinstance(axis, Axis)]
        (pairs,) = (axis for axis in p.grid if isinstance(axis, Pairs))
        head = at[heads[0]] if heads else np.zeros(p.size, np.int64)
        return square[:, :, at[pairs.query.name], head, at[pairs.key.name]]

    def _spread(self, s: Synapse, target: Population) -> Bools:
        """One side of a product: each neuron hears the one of the source that agrees with it."""
        source = self.program.network.by_name[s.source]
        assert isinstance(s.wiring, Join)  # or it would be no product
        at, row, _ = meetings(s.wiring.read, source.grid, target.grid)
        heard = np.empty(target.size, np.int64)
        heard[row] = grids.flat(source.grid, at)
        return self.of(s.source)[..., heard]
