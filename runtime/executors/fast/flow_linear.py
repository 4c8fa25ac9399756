"""The stage of a stream's populations that hear matrices: of -1, 0 and 1 times a gain a row, of several populations and tokens at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.bits import PLANES
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.flowing import Flowing, Line, each, silent_without_input
from tritspike.runtime.executors.fast.rows import Ints, Place
from tritspike.runtime.executors.fast.stages import OWN, Linear
from tritspike.runtime.executors.fast.traces import Beside, Tap, lanes
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Population, Synapse
from tritspike.runtime.network.neuron import Neuron
from tritspike.runtime.network.ranges import bounded
from tritspike.runtime.network.rows import ACTIVE, CONTINUES
from tritspike.runtime.network.wiring import Dense
from tritspike.runtime.simulator import weights

_INPUTS = (1 << PLANES) - 1  # a neuron may count a row an input, and the counter has so many planes
_CELLS = 1 << 24  # of a matrix that is written out from a wiring that is none


@dataclass(frozen=True)
class SharedLinear:
    """Matrices of -1, 0 and 1 from several populations and tokens, alike but for row and codes, and at most one identity."""

    name: str = "shared-linear"

    def take(self, b: Flowing, p: Population) -> str | None:
        """One stage, and one more before it that lays what it hears side by side."""
        why = self._membranes(b, p)
        if why is not None or p.neuron is None:
            return why
        timed, others = b.parted(p)
        lines = [(s, line) for s in others if not isinstance(line := b.heard(s), str)]
        heard = "it hears what has no rows" if len(lines) < len(others) or timed[CONTINUES] else _heard(b, lines)
        if isinstance(heard, str):
            return heard
        if not silent_without_input(b, p, lines):
            return "it may fire in steps without input: its mask does not outweigh bias and all that may spike there"
        self._add(b, p, p.neuron, heard, timed[ACTIVE])
        b.lines[p.name], b.places[p.name] = b.begin(p.name), Place(p.name, 0, p.size)
        return None

    @staticmethod
    def _membranes(b: Flowing, p: Population) -> str | None:
        neuron = p.neuron
        if neuron is None or facts.is_read(b.network, p) or not all(isinstance(axis, Axis) for axis in p.grid):
            return "it is not laid out in rows"
        if not facts.window_local(neuron):
            return "it is not reset with each token"
        if not facts.memoryless_current(neuron):
            return "its current has a memory"
        return "its neurons differ in leak or threshold" if facts.shared(neuron) is None else None

    @staticmethod
    def _add(b: Flowing, p: Population, neuron: Neuron, heard: Heard, active: list[Synapse]) -> None:
        source, codes = _source(b, p, [b.tap(m.line) for m in heard.matrices]), heard.matrices[0].codes
        if source.buffer not in b.places:
            codes = np.concatenate([weights.whole_words(m.codes) for m in heard.matrices], 1)
        every = 1 if all(m.codes.all() for m in heard.matrices) else 2
        drive = each(b.network, active) << arith.INPUT_SHIFT
        keep, vth = facts.shared(neuron) or (0, 0)
        words, skip = bits.words(p.size), heard.skip
        stage = Linear(
            source=source,
            offsets=OWN,
            table=weights.table(codes, every),
            signs=weights.signs(codes, every),
            gain=lanes(heard.gain << arith.INPUT_SHIFT, p.size),
            bias=lanes(drive + (neuron.bias.each(p.grid) if neuron.bias else 0), p.size),
            keep=np.full(words, keep, np.int32),
            vth=np.full(words, vth << arith.INPUT_SHIFT, np.int32),
            skip=source if skip is None else b.places[skip[1].origin],
            skip_gain=0 if skip is None else facts.weight(skip[0]),
            bounded=bounded(b.program, p),
            buffer=p.name,
        )
        b.stages.append(stage)


@dataclass(frozen=True, eq=False)
class Matrix:
    """codes: (target, source) of -1, 0 and 1. gain: (target,) in synaptic units; 0 of a row without codes."""

    line: Line
    codes: NDArray[np.int8]
    gain: Ints


@dataclass(frozen=True, eq=False)
class Heard:
    """Matrices of one gain a row, and the identity that is added beside them."""

    matrices: tuple[Matrix, ...]
    skip: tuple[Synapse, Line] | None
    gain: Ints


def _heard(b: Flowing, some: list[tuple[Synapse, Line]]) -> Heard | str:
    """What a stage hears, or why it cannot."""
    if not some or any(line.gated for _, line in some):
        return "it hears nobody, or not in every token"
    own = [(s, line) for s, line in some if facts.is_identity(b.network, s) and not line.ago and b.steps(line) == b.timing.steps]
    skip = own[0] if own and len(some) > 1 else None
    found = [_matrix(b, s, line) for s, line in some if skip is None or s is not skip[0]]
    matrices = tuple(m for m in found if m is not None)
    if len(matrices) < len(found):
        return "its weights are not -1, 0 and 1 times one gain a row"
    gain = np.maximum.reduce([m.gain for m in matrices])
    if any(((m.gain != gain) & (m.gain > 0)).any() for m in matrices):
        return "its matrices differ in their gains"
    fan_in = sum(bits.words(m.codes.shape[1]) * bits.WORD for m in matrices)
    return f"a fan-in of {fan_in}, the kernel counts to {_INPUTS}" if fan_in > _INPUTS else Heard(matrices, skip, gain)


def _matrix(b: Flowing, s: Synapse, line: Line) -> Matrix | None:
    """Of any wiring that has one gain a row, as long as it is small where it is not there as a matrix."""
    if isinstance(s.wiring, Dense) and straight(b, s) and np.abs(s.wiring.codes).max(initial=0) <= 1:
        return Matrix(line, s.wiring.codes, np.where(s.wiring.codes.any(1), s.wiring.gain, 0).astype(np.int64) << s.exponent)
    source, target = b.network.grids(s)
    if grids.size(source) * grids.size(target) > _CELLS:
        return None
    found = s.wiring.csr(source, target).toarray().astype(np.int64)
    gain = np.abs(found).max(1, initial=0)
    if ((found != 0) & (np.abs(found) != gain[:, None])).any():
        return None
    return Matrix(line, np.sign(found).astype(np.int8), gain << s.exponent)


def straight(b: Flowing, s: Synapse) -> bool:
    """Whether rows of codes are the target's neurons, and columns the source's."""
    source, target = b.network.grids(s)
    plain = all(isinstance(axis, Axis) for axis in (*source, *target))
    return plain and isinstance(s.wiring, Dense) and not s.wiring.read and s.wiring.row_names(target) == grids.names(target)


def _source(b: Flowing, p: Population, taps: list[Tap]) -> Place:
    """Where what it hears lies side by side: where it is, of one population in the steps that have input."""
    (tap, *more) = taps
    if not more and not tap.ago and tap.place.buffer not in b.loud:
        return tap.place
    name = f"{p.name}<"
    while name in b.network.by_name:
        name += "<"
    b.stages.append(Beside(taps=tuple(taps), steps=b.timing.steps, buffer=name))
    return Place(name, 0, sum(t.words for t in taps) * bits.WORD)
