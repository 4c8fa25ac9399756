"""What `generic` computes of one population over all steps, by compiled kernels. A line is (neurons + 1, words) uint64, as `timelines.py` has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.bits import Words
from tritspike.runtime.executors.generic.clock import Clock, Heard
from tritspike.runtime.network.state import Bools, Ints, State
from tritspike.runtime.network.wiring.apply import Cells
from tritspike.runtime.simulator import timelines

CELL, WORK = 1, 6  # as `plain_lines.py` has them
_MORE = 2 * bits.WORD  # neurons that a total has beyond those of its population

Lanes = NDArray[np.int32]


def line(spikes: Bools) -> Words:
    """Of (steps, neurons) spikes."""
    found = bits.pack(spikes.T)
    return np.concatenate([found, np.zeros((1, found.shape[1]), np.uint64)])


def spikes(line: Words, steps: int) -> Bools:
    """(steps, neurons)."""
    return np.ascontiguousarray(bits.unpack(line[:-1], steps).T)


def total(heard: Sequence[Heard], neurons: int, steps: int) -> Lanes:
    """(steps, neurons and more) synaptic input."""
    found = np.zeros((steps, bits.words(neurons) * bits.WORD + _MORE), np.int32)
    matrices = [h.wiring.matrix(h.source, h.target) for h in heard]
    for h, matrix in zip(heard, matrices):
        if matrix is not None:
            _add_matrix(h, *matrix, found)
    listed = [h for h, matrix in zip(heard, matrices) if matrix is None]
    if listed:
        timelines.add_listed(*_Listed.of(listed).arguments(), found)
    return found


def forgetful(heard: Sequence[Heard], state: State, neurons: int, clock: Clock, born: int) -> Words:
    """The line of neurons of which nothing is left from one step to the next, silent before the step `born`."""
    if not heard or any(h.wiring.matrix(h.source, h.target) is not None for h in heard):
        return living(state, total(heard, neurons, clock.steps), clock, born)[0]
    found = np.zeros((neurons + 1, bits.words(clock.steps)), np.uint64)
    alive = bits.pack(np.arange(clock.steps) >= born)
    bias, threshold = (_register(register, neurons, neurons) for register in (state.bias, state.threshold))
    timelines.fire_at_once(*_Listed.of(heard).arguments(), bias, threshold, alive, found)
    return found


def living(state: State, total: Lanes, clock: Clock, born: int) -> tuple[Words, Lanes]:
    """(line, membranes (steps, neurons)) of neurons that live from the step `born` on; they take the place of `total`."""
    neurons = state.v.shape[-1]
    found = np.zeros((neurons + 1, bits.words(clock.steps)), np.uint64)
    registers = [_register(r, neurons, total.shape[1]) for r in (state.keep, state.keep_u, state.bias, state.threshold)]
    timelines.fire_in_time(total, *registers, bool(registers[1].any()), clock.clears(state.resets), born, found)
    return found, total[:, :neurons]


def _register(register: Ints | int, neurons: int, width: int) -> Lanes:
    found = np.zeros(width, np.int32)
    found[:neurons] = register
    return found


def _later(line: Words, back: int) -> Words:
    """The same `back` steps later: what passes the end is lost."""
    whole, part = divmod(back, bits.WORD)
    out = np.zeros_like(line)
    out[:, whole:] = line[:, : max(0, line.shape[1] - whole)] << np.uint64(part)
    if part:
        out[:, whole + 1 :] |= line[:, : max(0, line.shape[1] - whole - 1)] >> np.uint64(bits.WORD - part)
    return out


def _line(heard: Heard) -> Words:
    """Its source's, in the target's time. Bits beyond the last step are never looked at."""
    return _later(heard.line, heard.back) if heard.back else heard.line


def _add_matrix(heard: Heard, matrix: Cells, of: Lanes, found: Lanes) -> None:
    rows = of.T << heard.exponent
    weights = np.zeros((len(rows), bits.words(rows.shape[1]) * bits.WORD), np.int32)
    weights[:, : rows.shape[1]] = rows
    timelines.add_matrix(_line(heard), matrix.hears, weights, matrix.places, matrix.straight, found)


@dataclass(frozen=True, eq=False)
class _Listed:
    """Lists as `timelines.add_listed` takes them."""

    lines: Words
    starts: Ints
    columns: Lanes
    weights: Lanes
    firsts: Ints
    each: Ints

    def arguments(self) -> tuple[Words, Ints, Lanes, Lanes, Ints, Ints]:
        """In the order of the kernel."""
        return self.lines, self.starts, self.columns, self.weights, self.firsts, self.each

    @classmethod
    def of(cls, heard: Sequence[Heard]) -> _Listed:
        """Of several synapses, one after another."""
        parts = [_list(h) for h in heard]
        if len(parts) == 1:
            return parts[0]
        lines, columns, weights = (_before([len(getattr(p, what)) for p in parts]) for what in ("lines", "columns", "weights"))
        return cls(
            np.concatenate([p.lines for p in parts]),
            np.concatenate([p.starts + n for p, n in zip(parts, columns)]),
            np.concatenate([p.columns + np.int32(n) for p, n in zip(parts, lines)]),
            np.concatenate([p.weights for p in parts]),
            np.array(weights, np.int64),
            np.concatenate([p.each for p in parts]),
        )


def _before(lengths: Sequence[int]) -> list[int]:
    """How much lies before each."""
    return [sum(lengths[:n]) for n in range(len(lengths))]


def _list(heard: Heard) -> _Listed:
    found, first = heard.wiring.listed(heard.source, heard.target), np.zeros(1, np.int64)
    return _Listed(_line(heard), found.starts, found.columns, found.weights << np.int32(heard.exponent), first, first + found.each)
