"""What `generic` computes of one population over all steps, in numpy. A line is (steps, neurons) of truth values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.executors.generic.clock import Clock, Heard
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.state import Bools, Ints, State

CELL, WORK = 8, 40  # bits of a (neuron, step) cell that is kept, and bytes of one of the population that is being computed


def line(spikes: Bools) -> Bools:
    """Of (steps, neurons) spikes."""
    return spikes


def spikes(line: Bools, steps: int) -> Bools:
    """(steps, neurons)."""
    return line


def total(heard: Sequence[Heard], neurons: int, steps: int) -> Ints:
    """(steps, neurons) synaptic input."""
    found: Ints | None = None
    for synapse in heard:
        part = _part(synapse)
        found = part if found is None else np.add(found, part, out=found)
    return np.zeros((steps, neurons), np.int64) if found is None else found


def _part(heard: Heard) -> Ints:
    back = heard.back
    found = heard.wiring.apply(heard.source, heard.target, heard.line[: len(heard.line) - back])
    if heard.exponent:
        found <<= heard.exponent
    return np.concatenate([np.zeros((back, found.shape[1]), np.int64), found]) if back else found


def forgetful(heard: Sequence[Heard], state: State, neurons: int, clock: Clock, born: int) -> Bools:
    """The line of neurons of which nothing is left from one step to the next, silent before the step `born`."""
    alive = (np.arange(clock.steps) >= born)[:, None]
    found: Bools = ((total(heard, neurons, clock.steps) << arith.INPUT_SHIFT) + state.bias > state.threshold) & alive
    return found


def living(state: State, total: Ints, clock: Clock, born: int) -> tuple[Bools, Ints]:
    """(line, membranes (steps, neurons)) of neurons that live from the step `born` on."""
    return (_by_window if state.resets is Resets.WINDOW else _along)(state, total, clock, born)


def _by_window(state: State, total: Ints, clock: Clock, born: int) -> tuple[Bools, Ints]:
    """All windows together, since each begins from rest; what lives before the first window is a part of one."""
    lead, period = -clock.before % clock.period, clock.period
    padded = np.pad(total, ((lead, 0), (0, 0))).reshape(-1, period, total.shape[1]).swapaxes(0, 1)
    alive = (np.arange(padded.shape[0] * padded.shape[1]) >= lead + born).reshape(-1, period).T
    spikes, membranes = np.zeros(padded.shape, np.bool_), np.zeros(padded.shape, np.int64)
    state.start(padded.shape[1:])
    for at, now in enumerate(padded):
        spikes[at] = state.advance(now) & alive[at][:, None]
        state.silence(~alive[at])
        membranes[at] = state.v
    rows = (-1, total.shape[1])
    return spikes.swapaxes(0, 1).reshape(rows)[lead:], membranes.swapaxes(0, 1).reshape(rows)[lead:]


def _along(state: State, total: Ints, clock: Clock, born: int) -> tuple[Bools, Ints]:
    """From the first step to the last, cleared where a sequence begins."""
    spikes, membranes = np.zeros(total.shape, np.bool_), np.zeros(total.shape, np.int64)
    clears = clock.clears(state.resets)
    for at in range(born, len(total)):
        if clears[at]:
            state.start(total.shape[1:])
        spikes[at] = state.advance(total[at])
        membranes[at] = state.v
    return spikes, membranes
