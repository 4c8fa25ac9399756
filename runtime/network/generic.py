"""Any scheduled network at once over time where it can, step by step where populations hear each other; the same spikes as `literal`.

Every population runs in its own time, which begins as its first window does. A synapse's source is then as many steps back as the latencies
leave over: none where nothing is delayed. A population of latency l lives from its step -l on, so time begins `depth` steps before the first window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.network import order
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.memory import require_at_once
from tritspike.runtime.network.network import Inputs, Population, Probe, Reads, Scheduled, Synapse
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.ranges import forgets, require_ranges
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.state import Bools, Ints, State, begins, require_read

if TYPE_CHECKING:
    import scipy.sparse as sp

Some = TypeVar("Some", Bools, Ints)


def run(program: Scheduled, inputs: Inputs, record: bool = False) -> Outcome:
    """As `literal.run` does.

    Raises `RangeError` where some input could leave a register, whether this one does or not, `ExecutorError` where there is too little memory.
    """
    require_sound(program)
    require_ranges(program)
    require_at_once(program, len(inputs))
    line = _Line(program, inputs)
    for group in order.components(program.network):
        line.settle(group)
    spikes = {p.name: line.windows(line.spikes[p.name]) for p in program.network.populations} if record else None
    return Outcome({probe.name: line.read(probe) for probe in program.network.probes}, spikes)


@dataclass(eq=False)
class _Line:
    """The time line: spikes (steps, neurons) by population, and membranes of those that are read."""

    program: Scheduled
    inputs: Inputs
    spikes: dict[str, Bools] = field(default_factory=dict)
    membranes: dict[str, Ints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before, self.period = self.program.depth, self.program.timing.period
        self.steps = self.before + len(self.inputs) * self.period
        for port in self.program.network.ports:
            p = self.program.network.by_name[port.population]
            found = played(self.program, self.inputs, port)
            self.spikes[p.name] = np.concatenate([np.zeros((self.before, p.size), np.bool_), found.reshape(-1, p.size)])

    def windows(self, line: Some) -> Some:
        """(windows, steps, neurons), without what came before the first."""
        return line[self.before :].reshape(len(self.inputs), self.period, -1)

    def settle(self, group: tuple[str, ...]) -> None:
        """Populations that hear only what is settled, and each other."""
        if group[0] in self.spikes:
            return
        heard = {s.source for name in group for s in self.program.network.inputs(name)}
        if heard & set(group):
            self._step_by_step(group)
        else:
            (name,) = group
            self._at_once(name)

    def _at_once(self, name: str) -> None:
        total = self._total(name, self.program.network.inputs(name))
        state = State.of(self._of(name), proved=True)
        if not self._is_read(name) and forgets(self.program, self._of(name)):
            self.spikes[name] = ((total << arith.INPUT_SHIFT) + state.bias > state.threshold) & self._alive(name)
        else:
            self._keep(name, *(self._by_window if state.resets is Resets.WINDOW else self._along)(name, state, total))

    def _alive(self, name: str) -> Bools:
        """(steps, 1): from the first step that a population lives."""
        return (np.arange(self.steps) >= self._born(name))[:, None]

    def _is_read(self, name: str) -> bool:
        return any(p.population == name and p.reads is Reads.MEMBRANE for p in self.program.network.probes)

    def _silence(self, name: str) -> Ints:
        return np.zeros((self.steps, self._of(name).size), np.int64)

    def _total(self, name: str, heard: Iterable[Synapse]) -> Ints:
        """(steps, neurons) input by these synapses."""
        total: Ints | None = None
        for s in heard:
            part = self._heard(s)
            total = part if total is None else np.add(total, part, out=total)
        return self._silence(name) if total is None else total

    def _born(self, name: str) -> int:
        """The first step that a population lives: as many before its first window as its latency is."""
        return self.before - self.program.latency[name]

    def _of(self, name: str) -> Population:
        return self.program.network.by_name[name]

    def _heard(self, s: Synapse) -> Ints:
        """(steps, neurons) synaptic input by one synapse."""
        source, back = self.spikes[s.source], self._back(s)
        found = s.wiring.apply(*self.program.network.grids(s), source[: len(source) - back])
        if s.exponent:
            found <<= s.exponent
        return np.concatenate([np.zeros((back, found.shape[1]), np.int64), found]) if back else found

    def _back(self, s: Synapse) -> int:
        """Steps by which the source's own time is behind the target's."""
        return 1 - self.program.latency[s.target] + self.program.latency[s.source]

    def _by_window(self, name: str, state: State, total: Ints) -> tuple[Bools, Ints]:
        """All windows together, since each begins from rest; what lives before the first window is a part of one."""
        lead = -self.before % self.period
        padded = np.pad(total, ((lead, 0), (0, 0))).reshape(-1, self.period, total.shape[1]).swapaxes(0, 1)
        alive = (np.arange(padded.shape[0] * padded.shape[1]) >= lead + self._born(name)).reshape(-1, self.period).T
        spikes, membranes = np.zeros(padded.shape, np.bool_), np.zeros(padded.shape, np.int64)
        state.start(padded.shape[1:])
        for at, now in enumerate(padded):
            spikes[at] = state.advance(now) & alive[at][:, None]
            state.silence(~alive[at])
            membranes[at] = state.v
        rows = (-1, total.shape[1])
        return spikes.swapaxes(0, 1).reshape(rows)[lead:], membranes.swapaxes(0, 1).reshape(rows)[lead:]

    def _along(self, name: str, state: State, total: Ints) -> tuple[Bools, Ints]:
        """From the first step to the last, cleared where a sequence begins."""
        spikes, membranes = np.zeros(total.shape, np.bool_), np.zeros(total.shape, np.int64)
        for at in range(self._born(name), self.steps):
            spikes[at] = self._step(state, at, total[at])
            membranes[at] = state.v
        return spikes, membranes

    def _step(self, state: State, at: int, total: Ints) -> Bools:
        if begins(self.program.timing, state.resets, *divmod(at - self.before, self.period)):
            state.start(total.shape)
        return state.advance(total)

    def _step_by_step(self, group: tuple[str, ...]) -> None:
        """Sources of lower latency first: of these a target hears this very step of its own time."""
        loops = [_Loop.of(self, name, group) for name in sorted(group, key=self.program.latency.__getitem__)]
        lines = {loop.name: loop.spikes for loop in loops}
        for at in range(self.steps):
            for loop in loops:
                if at >= self._born(loop.name):
                    loop.spikes[at] = self._step(loop.state, at, self._inner(loop, at, lines))
                    loop.membranes[at] = loop.state.v
        for loop in loops:
            self._keep(loop.name, loop.spikes, loop.membranes)

    def _inner(self, loop: _Loop, at: int, lines: dict[str, Bools]) -> Ints:
        """What is heard of outside the group, and of inside it by now."""
        total = loop.outer[at]
        for s in loop.inner:
            if (then := at - self._back(s)) >= 0:
                total = total + ((loop.weights[s.name] @ lines[s.source][then].astype(np.int32)).astype(np.int64) << s.exponent)
        return total

    def _keep(self, name: str, spikes: Bools, membranes: Ints) -> None:
        self.spikes[name] = spikes
        if self._is_read(name):
            require_read(name, spikes, membranes)
            self.membranes[name] = membranes

    def read(self, probe: Probe) -> Ints:
        """(windows, neurons)."""
        if probe.reads is Reads.COUNT:
            return self.windows(self.spikes[probe.population]).sum(1).astype(np.int64)
        return self.windows(self.membranes[probe.population])[:, -1].astype(np.int64)


@dataclass(eq=False)
class _Loop:
    """A population of a group that hears itself: what it hears of outside over all time, and its own line as far as it is known."""

    name: str
    state: State
    outer: Ints
    inner: list[Synapse]
    weights: dict[str, sp.csr_matrix]
    spikes: Bools
    membranes: Ints

    @classmethod
    def of(cls, line: _Line, name: str, group: tuple[str, ...]) -> _Loop:
        """Nothing known yet."""
        heard, silence = line.program.network.inputs(name), line._silence(name)
        outer = line._total(name, (s for s in heard if s.source not in group))
        inner = [s for s in heard if s.source in group]
        weights = {s.name: s.wiring.csr(*line.program.network.grids(s)) for s in inner}
        return cls(
            name, State.of(line._of(name), proved=True), outer, inner, weights, np.zeros(silence.shape, np.bool_), np.zeros(silence.shape, np.int64)
        )
