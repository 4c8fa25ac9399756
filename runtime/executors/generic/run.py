"""Any scheduled network at once over time where it can, step by step where populations hear each other; the same spikes as `literal`.

Every population runs in its own time, which begins as its first window does. A synapse's source is then as many steps back as the latencies
leave over: none where nothing is delayed. A population of latency l lives from its step -l on, so time begins `depth` steps before the first
window; where windows have nothing to do with each other, it begins with each block of them. What is computed of one population over all steps is
computed by compiled kernels (`packed_lines.py`), or in numpy (`plain_lines.py`) for a little work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tritspike.runtime.executors.generic import plain_lines
from tritspike.runtime.executors.generic.clock import Clock, Heard
from tritspike.runtime.network import order
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.memory import require_at_once
from tritspike.runtime.network.network import Inputs, Population, Probe, Reads, Scheduled, Synapse, Windows
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.ranges import forgets, require_ranges
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.state import Bools, Ints, State, require_read
from tritspike.runtime.simulator import chosen, plain

if TYPE_CHECKING:
    import scipy.sparse as sp

Some = TypeVar("Some", Bools, Ints)
_STEPS = 256  # of a block of windows: beyond, numbers that are used again soon are no longer near
_CELL_PRODUCTS = 256  # products that numpy does in the time that it takes for one step of a neuron


def run(program: Scheduled, inputs: Inputs, record: bool = False, plainly: bool | None = None) -> Outcome:
    """As `literal.run` does. plainly: in numpy instead of compiled kernels, or not; by default for a little work (`simulator/chosen.py`).

    Raises `RangeError` where some input could leave a register, whether this one does or not, `ExecutorError` where there is too little memory.
    """
    require_sound(program)
    require_ranges(program)
    clocks = _clocks(program, len(inputs))
    using = _using(program, sum(clock.steps for clock in clocks), plainly)
    require_at_once(program, len(inputs), max(clock.steps for clock in clocks), record, using.CELL, using.WORK)
    spikes, found, begin = {port.population: played(program, inputs, port) for port in program.network.ports}, [], 0
    for clock in clocks:
        part = {name: some[begin : begin + clock.windows] for name, some in spikes.items()}
        found.append(_Line(program, clock, using, part).outcome(record))
        begin += clock.windows
    return _joined(found)


def _using(program: Scheduled, steps: int, plainly: bool | None) -> ModuleType:
    network = program.network
    each = sum(s.wiring.count(*network.grids(s)) for s in network.synapses) + network.neurons() * _CELL_PRODUCTS
    if chosen.module(each * steps, plainly) is plain:
        return plain_lines
    from tritspike.runtime.executors.generic import packed_lines

    return packed_lines


def _clocks(program: Scheduled, windows: int) -> list[Clock]:
    """Blocks of windows that have nothing to do with each other, or all of them."""
    if not windows or not apart(program):
        return [Clock(program.timing, program.depth, windows)]
    most = max(1, _STEPS // program.timing.period)
    return [Clock(program.timing, 0, min(most, windows - begin)) for begin in range(0, windows, most)]


def apart(program: Scheduled) -> bool:
    """Whether nothing is left of one window in the next."""
    populations = program.network.populations
    return isinstance(program.timing, Windows) and all(
        p.neuron is None or p.neuron.resets is not Resets.NEVER or forgets(program, p) for p in populations
    )


def _joined(found: list[Outcome]) -> Outcome:
    """Block after block."""
    if len(found) == 1:
        return found[0]
    spikes = [part.spikes for part in found if part.spikes is not None]
    return Outcome(_end_to_end([part.read for part in found]), _end_to_end(spikes) if spikes else None)


def _end_to_end(parts: list[dict[str, Some]]) -> dict[str, Some]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@dataclass(eq=False)
class _Line:
    """The time line: spikes by population, as `using` keeps them, and membranes (steps, neurons) of those that are read."""

    program: Scheduled
    clock: Clock
    using: ModuleType
    played: dict[str, Bools]
    spikes: dict[str, Any] = field(default_factory=dict)
    membranes: dict[str, Ints] = field(default_factory=dict)

    def outcome(self, record: bool) -> Outcome:
        """After all populations, in order."""
        for name, found in self.played.items():
            silence = np.zeros((self.clock.before, found.shape[2]), np.bool_)
            self.spikes[name] = self.using.line(np.concatenate([silence, found.reshape(-1, found.shape[2])]))
        for group in order.components(self.program.network):
            self._settle(group)
        network = self.program.network
        spikes = {p.name: self._windows(self._spikes(p.name)) for p in network.populations} if record else None
        return Outcome({probe.name: self._read(probe) for probe in network.probes}, spikes)

    def _windows(self, line: Some) -> Some:
        """(windows, steps, neurons), without what came before the first."""
        return line[self.clock.before :].reshape(self.clock.windows, self.clock.period, line.shape[1])

    def _spikes(self, name: str) -> Bools:
        """(steps, neurons)."""
        found: Bools = self.using.spikes(self.spikes[name], self.clock.steps)
        return found

    def _settle(self, group: tuple[str, ...]) -> None:
        """Populations that hear only what is settled, and each other."""
        if group[0] in self.spikes:
            return
        heard = {s.source for name in group for s in self.program.network.inputs(name)}
        if heard & set(group):
            self._step_by_step(group)
        else:
            (name,) = group
            self._at_once(self._of(name))

    def _at_once(self, p: Population) -> None:
        heard, state = list(self._heard(p.name, ())), State.of(p, proved=True)
        if not self._is_read(p.name) and forgets(self.program, p):
            self.spikes[p.name] = self.using.forgetful(heard, state, p.size, self.clock, self._born(p.name))
        else:
            total = self.using.total(heard, p.size, self.clock.steps)
            self._keep(p.name, *self.using.living(state, total, self.clock, self._born(p.name)))

    def _is_read(self, name: str) -> bool:
        return any(p.population == name and p.reads is Reads.MEMBRANE for p in self.program.network.probes)

    def _born(self, name: str) -> int:
        """The first step that a population lives: as many before its first window as its latency is, or the first step there is."""
        return max(0, self.clock.before - self.program.latency[name])

    def _of(self, name: str) -> Population:
        return self.program.network.by_name[name]

    def _heard(self, name: str, but: tuple[str, ...]) -> Iterator[Heard]:
        """What a population hears, but of some."""
        for s in self.program.network.inputs(name):
            if s.source not in but:
                yield Heard(s.wiring, *self.program.network.grids(s), s.exponent, self.spikes[s.source], self._back(s))

    def _back(self, s: Synapse) -> int:
        """Steps by which the source's own time is behind the target's."""
        return 1 - self.program.latency[s.target] + self.program.latency[s.source]

    def _step_by_step(self, group: tuple[str, ...]) -> None:
        """Sources of lower latency first: of these a target hears this very step of its own time."""
        loops = [self._loop(name, group) for name in sorted(group, key=self.program.latency.__getitem__)]
        lines = {loop.name: loop.spikes for loop in loops}
        for at in range(self.clock.steps):
            for loop in loops:
                if at >= loop.born:
                    loop.advance(at, self._inner(loop, at, lines), self.clock)
        for loop in loops:
            self._keep(loop.name, self.using.line(loop.spikes), loop.membranes)

    def _loop(self, name: str, group: tuple[str, ...]) -> _Loop:
        """Nothing known yet."""
        p, steps = self._of(name), self.clock.steps
        outer = self.using.total(list(self._heard(name, group)), p.size, steps)[:, : p.size].astype(np.int64)
        inner = [s for s in self.program.network.inputs(name) if s.source in group]
        weights = {s.name: s.wiring.csr(*self.program.network.grids(s)) for s in inner}
        spikes, membranes = np.zeros((steps, p.size), np.bool_), np.zeros((steps, p.size), np.int64)
        return _Loop(name, State.of(p, proved=True), self._born(name), outer, inner, weights, spikes, membranes)

    def _inner(self, loop: _Loop, at: int, lines: dict[str, Bools]) -> Ints:
        """What is heard of outside the group, and of inside it by now."""
        total = loop.outer[at]
        for s in loop.inner:
            if (then := at - self._back(s)) >= 0:
                total = total + ((loop.weights[s.name] @ lines[s.source][then].astype(np.int32)).astype(np.int64) << s.exponent)
        return total

    def _keep(self, name: str, line: Any, membranes: Ints) -> None:
        self.spikes[name] = line
        if self._is_read(name):
            require_read(name, self._spikes(name), membranes)
            self.membranes[name] = membranes

    def _read(self, probe: Probe) -> Ints:
        """(windows, neurons)."""
        if probe.reads is Reads.COUNT:
            return self._windows(self._spikes(probe.population)).sum(1).astype(np.int64)
        return self._windows(self.membranes[probe.population])[:, -1].astype(np.int64)


@dataclass(eq=False)
class _Loop:
    """A population of a group that hears itself: what it hears of outside over all time, and its own line as far as it is known."""

    name: str
    state: State
    born: int
    outer: Ints
    inner: list[Synapse]
    weights: dict[str, sp.csr_matrix]
    spikes: Bools
    membranes: Ints

    def advance(self, at: int, total: Ints, clock: Clock) -> None:
        """To step `at`."""
        if clock.clears(self.state.resets)[at]:
            self.state.start(total.shape)
        self.spikes[at] = self.state.advance(total)
        self.membranes[at] = self.state.v
