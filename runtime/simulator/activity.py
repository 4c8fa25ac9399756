"""Spikes and synaptic events of a whole chip, counted from what `fast` computed: relays and coincidence neurons included, none of them built."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from runtime import bits
from runtime.program import COINCIDENCE, Activity, Population, Program, Samples, Synapse
from runtime.simulator.layout import Attention, Place, Plan
from runtime.wiring import Along, Matrix, Pool, Shift

Ints = NDArray[np.int64]
Buffers = dict[str, bits.Words]


@dataclass(frozen=True, eq=False)
class _Spikes:
    """Spikes of a population by channel, by position, and by channel at the few positions that some synapses treat apart."""

    channels: Ints
    places: Ints
    apart: dict[int, Ints]

    @property
    def total(self) -> int:
        return int(self.places.sum())


def measure(program: Program, plan: Plan, samples: Samples, buffers: Buffers, using: ModuleType) -> Activity:
    """Counts of one batch; `using` has the counting kernels."""
    apart = _edges(program)
    found = {name: _tally(samples, buffers[place.buffer], place, apart, using) for name, place in plan.places.items()}
    found["pad"] = _padding(program, samples)
    found |= _coincidences(program, plan, samples, buffers, using)
    if program.readout is not None:
        found[program.readout.name] = _total(0)
    spikes = {p.name: found[plan.repeats.get(p.name, p.name)] for p in program.populations}
    return Activity(
        samples=len(samples),
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
        using.tally(np.ascontiguousarray(flat[rows]), place.first, positions[rows], counts, np.zeros_like(places))
    return _Spikes(channels, places, found)


def _padding(program: Program, samples: Samples) -> _Spikes:
    silent = (~samples.real).sum(0) * program.steps
    return _Spikes(np.zeros(0, np.int64), silent.astype(np.int64), {})


def _coincidences(program: Program, plan: Plan, samples: Samples, buffers: Buffers, using: ModuleType) -> dict[str, _Spikes]:
    """Both products of every attention, under the names of their populations."""
    products = {s.target: s.source for s in program.synapses if program.by_name[s.source].role == COINCIDENCE}
    found: dict[str, _Spikes] = {}
    for stage in plan.stages:
        if isinstance(stage, Attention):
            met, carried = _met(program, stage, samples, buffers, using)
            found |= {products[stage.scores]: met, products[stage.buffer]: carried}
    return found


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
        return spikes.total * (wiring.stages - 1)
    return int((spikes.places * _fan_out(wiring, target, program)).sum())


def _fan_out(wiring: Along, target: Population, program: Program) -> Ints:
    """Synapses of a source neuron; a relay is fed at its first stage alone, which is all that its axes say."""
    return wiring.fan_out(target.axes, program.dims)
