"""The literal simulator: every neuron, every step, every synapse; strict, so that nothing out of range passes unseen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.memory import require_stepped
from tritspike.runtime.network.network import Inputs, Probe, Reads, Scheduled
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.ranges import require_registers
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.state import State, begins, require_read

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def run(program: Scheduled, inputs: Inputs, record: bool = False) -> Outcome:
    """Play all windows back to back.

    Raises `RangeError` on any value that its register cannot hold, `ExecutorError` where it needs more memory than there is.
    """
    require_sound(program)
    require_registers(program)
    require_stepped(program, len(inputs), record)
    return drive(Stepped(program, inputs), program, len(inputs), record)


class Chip(Protocol):
    """Anything that steps a network. spikes: of every population after the last step."""

    spikes: dict[str, Bools]

    def advance(self, step: int) -> None:
        """All populations from step - 1 to step, which counts from 1."""

    def membranes(self, name: str) -> Ints:
        """(neurons,) v of one population."""


def drive(chip: Chip, program: Scheduled, windows: int, record: bool) -> Outcome:
    """Step until the last window has passed the last population. Raises `RangeError` where a neuron fires whose membrane is read."""
    kept = {p.name: np.zeros((windows, program.timing.period, p.size), np.bool_) for p in program.network.populations} if record else None
    readers = [_Reader(program, probe, windows) for probe in program.network.probes]
    for step in range(1, windows * program.timing.period + program.depth + 1):
        chip.advance(step)
        for reader in readers:
            reader.take(step, chip)
        if kept is not None:
            _keep(kept, program, step, chip.spikes)
    return Outcome({r.probe.name: r.found for r in readers}, kept)


def _keep(kept: dict[str, Bools], program: Scheduled, step: int, spikes: dict[str, Bools]) -> None:
    for name, now in spikes.items():
        window, phase = when(program, name, step)
        if 0 <= window < len(kept[name]):
            kept[name][window, phase] = now


def when(program: Scheduled, name: str, step: int) -> tuple[int, int]:
    """(window, step in it) that a population sees at `step`; steps count from 1."""
    return divmod(step - 1 - program.latency[name], program.timing.period)


def of_line(line: Bools, window: int, phase: int) -> Bools:
    """(neurons,) of (windows, steps, neurons) that a port plays; silence behind the last window."""
    return line[window, phase] if window < len(line) else np.zeros(line.shape[2], np.bool_)


@dataclass(eq=False)
class Stepped:
    """All populations' state, and the spikes of the last step."""

    program: Scheduled
    inputs: Inputs
    spikes: dict[str, Bools] = field(init=False)

    def __post_init__(self) -> None:
        network = self.program.network
        self.states = {p.name: State.of(p) for p in network.populations if p.neuron is not None}
        self.weights = {s.name: s.wiring.csr(*network.grids(s)) for s in network.synapses}
        self.played = {port.population: played(self.program, self.inputs, port) for port in network.ports}
        self.spikes = {p.name: np.zeros(p.size, np.bool_) for p in network.populations}

    def advance(self, step: int) -> None:
        """From step - 1 to step."""
        self.spikes = {name: self._play(name, step) if name in self.played else self._fire(name, step) for name in self.spikes}

    def membranes(self, name: str) -> Ints:
        """(neurons,)."""
        return self.states[name].v

    def _play(self, name: str, step: int) -> Bools:
        return of_line(self.played[name], *when(self.program, name, step))

    def _fire(self, name: str, step: int) -> Bools:
        state = self.states[name]
        if begins(self.program.timing, state.resets, *when(self.program, name, step)):
            state.start(state.v.shape)
        total = np.zeros(len(state.v), np.int64)
        for s in self.program.network.inputs(name):
            total += (self.weights[s.name] @ self.spikes[s.source].astype(np.int32)).astype(np.int64) << s.exponent
        return state.advance(total)


@dataclass(eq=False)
class _Reader:
    """What one probe takes of every window."""

    program: Scheduled
    probe: Probe
    windows: int
    found: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.found = np.zeros((self.windows, self.program.network.by_name[self.probe.population].size), np.int64)

    def take(self, step: int, chip: Chip) -> None:
        """Look at the chip after `step`. Raises `RangeError` where a neuron fires whose membrane is read."""
        name = self.probe.population
        window, phase = when(self.program, name, step)
        if self.probe.reads is Reads.COUNT:
            if 0 <= window < self.windows:
                self.found[window] += chip.spikes[name]
            return
        require_read(name, chip.spikes[name], chip.membranes(name), step)
        if 0 <= window < self.windows and phase == self.program.timing.period - 1:
            self.found[window] = chip.membranes(name)
