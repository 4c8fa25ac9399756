"""Windows in onnxruntime: back to back in one stream or, where they have nothing to do with each other, in several beside each other.

A graph costs the same time for a step however little there is in it, so streams beside each other are worth the steps in which each fills and
empties the network's depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.generic.run import apart
from tritspike.runtime.executors.onnx.loop import Found, Loop, require_room
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import ANSWERS, Ask, Bools, Ints, Outcome
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.soundness import require_sound

_CELLS = 1 << 20  # neurons of all streams at once: beyond, one step's numbers are no longer near
_FILLING = 2  # as many times the network's depth are steps that have input, at least
_BYTES = 1 << 26  # of what comes out of one call


class Runs:
    """A program that is ready to run, what is recorded of it asked each time. Raises `ExecutorError`, `InputError`, `RangeError`."""

    def __init__(self, program: Scheduled, how: How) -> None:
        require_sound(program)
        require_ranges(program)
        self.program, self.how, self._loops = program, how, dict[frozenset[str], Loop]()

    def loop(self, record: frozenset[str] = frozenset()) -> Loop:
        """The session that records these, made once."""
        if record not in self._loops:
            self._loops[record] = Loop(self.program, self.how, record)
        return self._loops[record]

    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        """All windows."""
        wanted = [p.name for p in self.program.network.populations if ask.wants(p.name)]
        loop = self.loop(frozenset(wanted))
        windows = _Windows(self.program, inputs, wanted)
        require_room(self.program, windows.streams)
        state = loop.rest(windows.streams)
        for begin, lines in windows.parts():
            state, found = loop.go(state, lines)
            windows.take(begin, found)
        return windows.outcome(ask)


@dataclass(eq=False)
class _Windows:
    """Windows in streams, `each` of them in one, of which the last has silence behind its windows. record: populations."""

    program: Scheduled
    inputs: Inputs
    record: list[str]
    read: dict[str, Ints] = field(default_factory=dict)
    spikes: dict[str, Bools] = field(default_factory=dict)

    def __post_init__(self) -> None:
        network, shape = self.program.network, (self.streams, self.each)
        for probe in network.probes:
            self.read[probe.name] = np.zeros((*shape, network.by_name[probe.population].size), np.int64)
        for name in self.record:
            self.spikes[name] = np.zeros((self.streams, self.each * self.period, network.by_name[name].size), np.bool_)

    @property
    def period(self) -> int:
        """Steps of a window."""
        return self.program.timing.period

    @cached_property
    def streams(self) -> int:
        """As many as are worth it."""
        if not apart(self.program):
            return 1
        near = _CELLS // sum(p.size for p in self.program.network.populations)
        filled = len(self.inputs) * self.period // (_FILLING * self.program.depth + 1)
        return max(1, min(near, filled, len(self.inputs)))

    @property
    def each(self) -> int:
        """Windows of a stream."""
        return -(-len(self.inputs) // self.streams)

    @property
    def steps(self) -> int:
        """Until the last window has passed the last population."""
        return self.each * self.period + self.program.depth

    @property
    def _size(self) -> int:
        """Steps of one call."""
        each = 4 * sum(read.shape[2] for read in self.read.values()) + sum(spikes.shape[2] for spikes in self.spikes.values())
        return max(1, _BYTES // max(each * self.streams, 1))

    def parts(self) -> Iterator[tuple[int, dict[str, Bools]]]:
        """(steps before, what each port plays in the next ones)."""
        lines = {port.name: self._line(played(self.program, self.inputs, port)) for port in self.program.network.ports}
        for begin in range(0, self.steps, self._size):
            yield begin, {name: _to(line[begin : begin + self._size], min(self._size, self.steps - begin)) for name, line in lines.items()}

    def _line(self, found: Bools) -> Bools:
        """(windows, steps, neurons) -> (steps, streams, neurons)."""
        found = _to(found, self.streams * self.each)
        return found.reshape(self.streams, self.each * self.period, found.shape[2]).swapaxes(0, 1)

    def take(self, begin: int, found: Found) -> None:
        """What comes of a part."""
        by_name = {probe.name: probe.population for probe in self.program.network.probes}
        for name, read in found.read.items():
            now, own = self._own(begin, len(read), by_name[name])
            ends = own % self.period == self.period - 1
            self.read[name][:, own[ends] // self.period] = read[now[ends]].swapaxes(0, 1)
        for name in self.spikes:
            now, own = self._own(begin, len(found.spikes[name]), name)
            self.spikes[name][:, own] = found.spikes[name][now].swapaxes(0, 1)

    def _own(self, begin: int, steps: int, name: str) -> tuple[Ints, Ints]:
        """Which steps of a part are a population's own, and which in its own time."""
        own = np.arange(begin, begin + steps) - self.program.latency[name]
        (now,) = np.nonzero((own >= 0) & (own < self.each * self.period))
        return now, own[now]

    def outcome(self, ask: Ask) -> Outcome:
        """Of all windows."""
        read = {name: found.reshape(-1, found.shape[2])[: len(self.inputs)] for name, found in self.read.items()}
        if not ask.record:
            return Outcome(read)
        return Outcome(read, {n: found.reshape(-1, self.period, found.shape[2])[: len(self.inputs)] for n, found in self.spikes.items()})


def _to(line: Bools, rows: int) -> Bools:
    """With silence behind it, up to so many."""
    return line if len(line) == rows else np.concatenate([line, np.zeros((rows - len(line), *line.shape[1:]), np.bool_)])
