"""Spikes and synaptic events of a whole chip, counted from what `fast` computed: relays and coincidence neurons included, none of them built."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.program import Activity, Population, Program, Samples, Synapse
from tritspike.runtime.simulator.layout import Attention, Linear, Place, Plan
from tritspike.runtime.wiring import Along, Matrix, Pool, Shift

Ints = NDArray[np.int64]
Buffers = dict[str, bits.Words]
_COPIED = 64  # tokens that are copied at once to be counted apart


@dataclass(frozen=True, eq=False)
class _Spikes:
    """Spikes of a population by channel, by position, and by channel at the few positions that some synapses treat apart."""

    channels: Ints
    places: Ints
    apart: dict[int, Ints]

    @property
    def total(self) -> int:
        return int(self.places.sum())


class Counter:
    """Counts of one batch, taken stage by stage, so that no spikes need be kept for it; `using` has the counting kernels."""

    def __init__(self, program: Program, plan: Plan, samples: Samples, using: ModuleType) -> None:
        self.program, self.plan, self.samples, self.using = program, plan, samples, using
        self.apart = _edges(program)
        self.found = {"pad": _padding(program, samples)}
        if program.readout is not None:
            self.found[program.readout.name] = _total(0)
        self._tally({"x": samples.words})

    def take(self, stage: Linear | Attention, buffers: Buffers) -> None:
        """Count what a stage has just written."""
        written = {stage.buffer, stage.scores} if isinstance(stage, Attention) else {stage.buffer}
        self._tally({name: buffers[name] for name in written})
        if isinstance(stage, Attention):
            met, carried = _met(self.program, stage, self.samples, buffers, self.using)
            sums = {stage.scores: met, stage.buffer: carried}
            self.found |= {product: sums[by] for product, by in self.plan.products.items() if by in sums}

    def _tally(self, written: Buffers) -> None:
        for name, place in self.plan.places.items():
            if place.buffer in written:
                self.found[name] = _tally(self.samples, written[place.buffer], place, self.apart, self.using)

    def activity(self) -> Activity:
        """Of all stages that were taken."""
        program = self.program
        spikes = {p.name: self.found[self.plan.repeats.get(p.name, p.name)] for p in program.populations}
        return Activity(
            samples=len(self.samples),
            spikes={p.name: spikes[p.name].total * p.stages for p in program.populations},
            events={s.name: _events(program, s, spikes[s.source]) for s in program.synapses},
        )


def _total(count: int) -> _Spikes:
    return _Spikes(np.zeros(0, np.int64), np.array([count], np.int64), {})


def _edges(program: Program) -> set[int]:
    """Positions whose neurons some matrix or pool does not hear."""
    wirings = [s.wiring for s in program.synapses]
    found = {0} if any(isinstance(w, Pool) and w.first for w in wirings) else set()
    return found.union(*(unheard(w, program.dims.positions) for w in wirings if isinstance(w, Matrix)))


def unheard(wiring: Matrix, positions: int) -> range:
    """Source positions from which a matrix would reach beyond the first or the last position."""
    reach = min(abs(wiring.offset), positions)
    return range(reach) if wiring.offset > 0 else range(positions - reach, positions)


def _tally(samples: Samples, words: bits.Words, place: Place, apart: set[int], using: ModuleType) -> _Spikes:
    """Of a population that has words in a buffer; a score's words, one run a head, are all counted."""
    flat = words.reshape(*words.shape[:2], -1)
    width = place.width if words.ndim == 3 else flat.shape[2] * bits.WORD
    positions = np.arange(len(flat)) - np.repeat(samples.starts[:-1], samples.lengths)
    channels, places = np.zeros(width, np.int64), np.zeros(samples.positions, np.int64)
    using.tally(flat, place.first, positions, channels, places)
    found = {at: np.zeros(width, np.int64) for at in sorted(apart)}
    for at, counts in found.items():
        rows = np.flatnonzero(positions == at)
        for begin in range(0, len(rows), _COPIED):
            some = rows[begin : begin + _COPIED]
            using.tally(np.ascontiguousarray(flat[some]), place.first, positions[some], counts, np.zeros_like(places))
    return _Spikes(channels, places, found)


def _padding(program: Program, samples: Samples) -> _Spikes:
    silent = (~samples.real).sum(0) * program.steps
    return _Spikes(np.zeros(0, np.int64), silent.astype(np.int64), {})


def _met(program: Program, stage: Attention, samples: Samples, buffers: Buffers, using: ModuleType) -> tuple[_Spikes, _Spikes]:
    dims, (query, key, value) = program.dims, stage.sides
    met, carried = np.zeros(1, np.int64), np.zeros(1, np.int64)
    firsts = np.array([query.first, key.first], np.int64)
    using.meet(buffers[query.buffer], buffers[key.buffer], firsts, query.width, samples.starts, dims.causal, met)
    using.carry(buffers[stage.scores], buffers[value.buffer], value.first, dims.head_dim, samples.starts, carried)
    return _total(int(met[0])), _total(int(carried[0]))


def _events(program: Program, s: Synapse, spikes: _Spikes) -> int:
    wiring, target = s.wiring, program.by_name[s.target]
    if isinstance(wiring, Matrix):
        lost = sum((spikes.apart[at] for at in unheard(wiring, program.dims.positions)), np.zeros_like(spikes.channels))
        return int((spikes.channels - lost) @ np.count_nonzero(wiring.weights(), axis=0))
    if isinstance(wiring, Pool):
        return int((spikes.apart[0] if wiring.first else spikes.channels) @ np.count_nonzero(wiring.codes, axis=0))
    if isinstance(wiring, Shift):
        return spikes.total * (wiring.stages - 1) if wiring.mantissa else 0
    return int((spikes.places * _fan_out(wiring, target, program)).sum())


def _fan_out(wiring: Along, target: Population, program: Program) -> Ints:
    """Synapses of a source neuron; a relay is fed at its first stage alone, which is all that its axes say."""
    return wiring.fan_out(target.axes, program.dims)
