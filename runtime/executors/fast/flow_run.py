"""A stream's flow on sequences of any lengths, packed without padding, each from rest; with every population's spikes, or how many, if asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.executors.fast.flow import Flow
from tritspike.runtime.executors.fast.flowing import Line
from tritspike.runtime.executors.fast.rows import Buffers, Ints
from tritspike.runtime.executors.fast.traces import Traces
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.neuron import each
from tritspike.runtime.network.outcome import Activity, Ask, Bools, Outcome
from tritspike.runtime.network.sequences import TIMED, Sequences, timed
from tritspike.runtime.simulator import chosen

_UNPACKED = 64  # tokens whose spikes are unpacked at once


def can(found: Flow, inputs: Sequences, ask: Ask) -> bool:
    """Whether all that is asked is computed: what fires in padding is not, but for what is known of it."""
    return found.still or bool(inputs.real.all()) or not (ask.record or ask.count)


def run(program: Scheduled, found: Flow, inputs: Sequences, ask: Ask, plainly: bool | None) -> Outcome:
    """Stage after stage; a buffer goes after its last use, unless spikes are asked for."""
    rows = int(inputs.starts[-1])
    using, whole, used = chosen.module(found.weights() * rows * found.timing.steps, plainly), bool(ask.record) or ask.count, found.last_use()
    buffers: Buffers = {port.population: inputs.words[port.plays] for port in program.network.ports if port.plays not in TIMED}
    tails: Buffers = {}
    for n, stage in enumerate(found.stages):
        buffers |= {name: np.zeros((rows, found.steps(name), *words), np.uint64) for name, words in stage.writes(0).items()}
        if isinstance(stage, Traces) and whole:
            tails[stage.buffer] = _with_tail(stage, inputs, buffers, using)
        else:
            stage.run(inputs, buffers, using)
        if not whole:
            buffers = {name: words for name, words in buffers.items() if used.get(name, -1) > n}
    read = {name: reader.read(inputs, buffers, using) for name, reader in found.readers.items()}
    seen = _Seen(program, found, inputs, buffers, tails)
    spikes = {p.name: seen.spikes(p.name) for p in program.network.populations if ask.wants(p.name)} if ask.record else None
    return Outcome(read, spikes, seen.activity() if ask.count else None)


def _with_tail(stage: Traces, inputs: Sequences, buffers: Buffers, using: ModuleType) -> bits.Words:
    """(tokens of padding, steps, words): what traces fire behind their sequences' ends."""
    u, v = stage.rest(len(inputs.lengths))
    stage.go_on(inputs.starts, u, v, buffers, using)
    behind = np.concatenate([[0], np.cumsum((inputs.slot - inputs.lengths) * (inputs.slot > 0))])
    silence = np.zeros((int(behind[-1]), *buffers[stage.source.buffer].shape[1:]), np.uint64)
    out = {stage.source.buffer: silence, stage.buffer: np.zeros((len(silence), *buffers[stage.buffer].shape[1:]), np.uint64)}
    stage.without_input().go_on(behind, u, v, out, using)
    return out[stage.buffer]


@dataclass(eq=False)
class _Seen:
    """What every population fired in each token of the stream."""

    program: Scheduled
    flow: Flow
    inputs: Sequences
    buffers: Buffers
    tails: Buffers
    made: dict[str, Bools] = field(default_factory=dict)

    def spikes(self, name: str) -> Bools:
        """(tokens of the stream, steps, neurons)."""
        size, line = self.program.network.by_name[name].size, self.flow.lines.get(name)
        if name in self.flow.timed:
            found = timed(self.flow.timed[name], self.flow.timing, len(self.inputs), self.inputs.real)
            return np.repeat(found[..., None], size, 2)
        if line is None:  # read by its membrane, and silent
            return np.zeros((len(self.inputs), self.flow.timing.period, size), np.bool_)
        if line.origin not in self.made:
            self.made[line.origin] = self._own(line.origin)
        return self._earlier(self.made[line.origin], line)

    def _own(self, origin: str) -> Bools:
        place, period = self.flow.places[origin], self.flow.timing.period
        out = np.zeros((len(self.inputs), period, place.width), np.bool_)
        for words, where in self._parts(origin):
            out[where, : words.shape[1]] = bits.unpack(words, place.width)
        return out

    def _parts(self, origin: str) -> list[tuple[bits.Words, Ints]]:
        """Its words, and at which tokens of the stream."""
        place, real = self.flow.places[origin], self.inputs.real
        found = [(self.buffers[place.buffer], np.flatnonzero(real))]
        if origin in self.tails:
            found.append((self.tails[origin], np.flatnonzero(~real)))
        return [(words[..., place.first : place.first + bits.words(place.width)], where) for words, where in found]

    def _earlier(self, own: Bools, line: Line) -> Bools:
        if not line.ago and not line.gated:
            return own
        position, out = self._position(), np.zeros_like(own)
        there = np.flatnonzero((position >= line.ago) & ~(line.gated & (position == self.flow.timing.slot - 1)))
        out[there] = own[there - line.ago]
        return out

    def _position(self) -> Ints:
        """(tokens of the stream,) which of its sequence each is."""
        slot = self.flow.timing.slot
        return np.arange(len(self.inputs)) % slot if slot else self.inputs.position

    def activity(self) -> Activity:
        """Spikes by population, and events by synapse."""
        network, counts = self.program.network, {p.name: self._counts(p.name) for p in self.program.network.populations}
        fans = {s.name: each(s.wiring.fan_out(*network.grids(s)), network.by_name[s.source].grid) for s in network.synapses}
        events = {s.name: int((counts[s.source] * fans[s.name]).sum()) for s in network.synapses}
        return Activity(len(self.inputs), {name: int(found.sum()) for name, found in counts.items()}, events)

    def _counts(self, name: str) -> Ints:
        """(neurons,) spikes of all tokens and steps."""
        size, line = self.program.network.by_name[name].size, self.flow.lines.get(name)
        if line is None:
            return self.spikes(name)[..., :1].sum((0, 1), dtype=np.int64).repeat(size)
        counts, heard = np.zeros(size, np.int64), self._heard_later(line)
        for words, where in self._parts(line.origin):
            some = words[heard[where]]
            for at in range(0, len(some), _UNPACKED):
                counts += bits.unpack(some[at : at + _UNPACKED], size).sum((0, 1), dtype=np.int64)
        return counts

    def _heard_later(self, line: Line) -> Bools:
        """(tokens of the stream,) at which what the origin fires is fired again `ago` tokens later, in its own sequence."""
        position, silent = self._position(), np.zeros(min(line.ago, len(self.inputs)), np.bool_)
        found = np.concatenate([position[line.ago :] == position[: len(position) - len(silent)] + line.ago, silent])
        return found & (position != self.flow.timing.slot - 1 - line.ago) if line.gated else found
