"""The literal simulator: every physical neuron, every step, every delay; strict, so that nothing out of range passes unseen."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import ExecutorError, RangeError
from tritspike.runtime.memory import available
from tritspike.runtime.program import READOUT, SOURCE, Population, Program, Result, Samples, packed
from tritspike.runtime.validation import require_samples, require_sound


def run(program: Program, samples: Samples, record: bool = False) -> Result:
    """Stream `samples` back to back through the program.

    Raises `RangeError` on any value that its register cannot hold, `ExecutorError` where neurons and synapses one by one need more memory than
    there is.
    """
    require_sound(program)
    require_samples(program, samples)
    require_memory(program)
    return drive(_Chip(program, samples), program, samples, record)


class Chip(Protocol):
    """Anything that steps a program: `spikes` of every population after the last step, and membranes."""

    spikes: dict[str, NDArray[np.bool_]]

    def advance(self, step: int) -> None:
        """All populations from step - 1 to step."""

    def membrane(self, name: str) -> NDArray[np.int64]:
        """(neurons,) v of one population."""


def drive(chip: Chip, program: Program, samples: Samples, record: bool) -> Result:
    """Step `chip` until the last sample's window at the readout ends; read each sample's answer as its window ends."""
    windows, reading = _Windows(program, len(samples)) if record else None, _Reading(program, len(samples))
    for step in range(1, len(samples) * program.steps + program.depth + 1):
        chip.advance(step)
        if windows:
            windows.take(step, chip.spikes)
        reading.take(step, chip)
    return Result(program, samples.lengths, reading.of(samples), windows.done() if windows else None)


_SYNAPSE_BYTES, _NEURON_BYTES = 16, 64  # a weight, its column and what scipy makes of them on the way; a membrane and what a step makes of it


def require_memory(program: Program) -> None:
    """Raise `ExecutorError` now where the system would end the process later."""
    synapses = sum(program.synapse_count(s) for s in program.synapses)
    need, there = synapses * _SYNAPSE_BYTES + program.neurons() * _NEURON_BYTES, available()
    if need > there:
        what = f"{program.neurons():,} neurons and {synapses:,} synapses one by one need {need >> 20:,} MiB, {there >> 20:,} MiB are free"
        raise ExecutorError(what, "--executor fast, or lower with a smaller --length")


class _Chip:
    """State between steps: membranes, last step's spikes, weights."""

    def __init__(self, program: Program, samples: Samples) -> None:
        self.program, self.length = program, len(samples) * program.steps
        self.weights = {s.name: program.csr(s) for s in program.synapses}
        self.inputs = {p.name: program.inputs(p.name) for p in program.populations}
        self.bias = {p.name: program.bias(p) for p in program.populations}
        self.v = {p.name: np.zeros(program.size(p), np.int64) for p in program.populations}
        self.spikes = {name: np.zeros(len(v), np.bool_) for name, v in self.v.items()}
        sources = (p.name for p in program.populations if p.role == SOURCE)
        self.streams = {name: stream(samples, name) for name in sources}

    def membrane(self, name: str) -> NDArray[np.int64]:
        """(neurons,) v of one population."""
        return self.v[name]

    def advance(self, step: int) -> None:
        """All populations from step - 1 to step."""
        self.spikes = {p.name: self._play(p, step) if p.role == SOURCE else self._fire(p, step) for p in self.program.populations}

    def _play(self, p: Population, step: int) -> NDArray[np.bool_]:
        played = self.streams[p.name]
        return played[step - 1] if step <= self.length else np.zeros(played.shape[1], np.bool_)

    def _fire(self, p: Population, step: int) -> NDArray[np.bool_]:
        self.v[p.name], spikes = fire(p, self.program.steps, step, self.v[p.name], self._input(p), self.bias[p.name])
        return spikes

    def _input(self, p: Population) -> NDArray[np.int64]:
        total = np.zeros(len(self.v[p.name]), np.int64)
        for s in self.inputs[p.name]:
            total += (self.weights[s.name] @ self.spikes[s.source].astype(np.int32)).astype(np.int64) << s.exponent
        return total


def fire(
    p: Population, steps: int, step: int, v: NDArray[np.int64], total: NDArray[np.int64], bias: NDArray[np.int64] | int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(membranes, spikes) of neurons of `p` after `step`, given their synaptic input. Raises `RangeError` on what no register holds."""
    if np.abs(total).max(initial=0) >= arith.A_LIMIT:
        raise RangeError(f"{p.name}: synaptic input {np.abs(total).max()} at one neuron, allowed below {arith.A_LIMIT}")
    if p.resets and (step - 1 - p.latency) % steps == 0:
        v = np.zeros_like(v)
    v, spikes, before = arith.lif_step(v, total, bias, p.keep, p.vth)
    if p.role == READOUT and (spikes.any() or (before <= -arith.V_LIMIT).any()):
        what = "fired" if spikes.any() else "saturated"
        raise RangeError(f"{p.name}: the readout {what} at step {step}; its membrane must stay within 64 * {p.vth}")
    return v, spikes


def stream(samples: Samples, name: str) -> NDArray[np.bool_]:
    """(samples * steps, neurons) what the host plays, one row a step."""
    spikes = samples.source(name)
    return spikes.reshape(-1, spikes.shape[-1])


class _Reading:
    """The readout's membranes as each sample's window ends or, where there is no readout, the last layer's spikes counted over it."""

    def __init__(self, program: Program, samples: int) -> None:
        self.program, self.source = program, program.answering
        self.found = np.zeros((samples, program.size(self.source)), np.int64)

    def take(self, step: int, chip: Chip) -> None:
        """Look at the chip after `step`."""
        sample, phase = divmod(step - 1 - self.source.latency, self.program.steps)
        if not 0 <= sample < len(self.found):
            return
        if self.source.role != READOUT:
            self.found[sample] += chip.spikes[self.source.name]
        elif phase == self.program.steps - 1:
            self.found[sample] = chip.membrane(self.source.name)

    def of(self, samples: Samples) -> NDArray[np.int64]:
        """`Result.read`."""
        return samples.real_rows(self.found) if self.program.each else self.found


class _Windows:
    """Spikes sorted into each sample's window, each relay stage at its own latency."""

    def __init__(self, program: Program, samples: int) -> None:
        self.program, self.samples = program, samples
        self.stages = [(p, k) for p in program.populations for k in range(p.stages)]
        self.kept = {(p.name, k): np.zeros((samples, program.steps, program.dims.size(p.axes)), np.bool_) for p, k in self.stages}

    def take(self, step: int, spikes: dict[str, NDArray[np.bool_]]) -> None:
        """Keep what belongs to some sample's window at this step."""
        for p, k in self.stages:
            sample, phase = divmod(step - 1 - p.latency - k, self.program.steps)
            if 0 <= sample < self.samples:
                n = self.program.dims.size(p.axes)
                self.kept[p.name, k][sample, phase] = spikes[p.name][k * n : (k + 1) * n]

    def done(self) -> dict[str, NDArray[np.uint8]]:
        """Bit-packed windows by population, stages end to end."""
        return {p.name: packed(np.concatenate([self.kept[p.name, k] for k in range(p.stages)], -1)) for p in self.program.populations}
