"""The reference core by core: each slice holds its own neurons and synapses, and hears only what its axons deliver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.mapping import Mapping
from tritspike.runtime.program import SOURCE, Population, Program, Result, Samples, Synapse
from tritspike.runtime.simulator.reference import drive, fire, require_memory, stream
from tritspike.runtime.tiling import Boxes, Index, Tiling, neurons, preimage
from tritspike.runtime.validation import require_samples, require_sound


def run(mapping: Mapping, samples: Samples, record: bool = False) -> Result:
    """Stream `samples` through a mapped program; the answer and all spikes are those of `reference.run`. Raises `RangeError` as it does."""
    require_sound(mapping.program)
    require_samples(mapping.program, samples)
    require_memory(mapping.program)
    _require_covered(mapping)
    return drive(_Board(mapping, samples), mapping.program, samples, record)


def _require_covered(mapping: Mapping) -> None:
    """Raise `InputError` where a slice of every neuron is not there: the mapping is another program's."""
    ours = {p.name for p in mapping.program.populations if p.role != SOURCE}
    for name in sorted(ours ^ {t.population.name for t in mapping.tilings if t.covers()}):
        raise InputError(f"{name}: the mapping's slices are not its neurons", "map the program again")


@dataclass(frozen=True, eq=False)
class _Input:
    """One projection into a slice: its input axons are source neurons, ascending, and `arrived` what they brought for this step."""

    synapse: Synapse
    axons: Index
    weights: sp.csr_matrix
    arrived: NDArray[np.bool_]


@dataclass(eq=False)
class _Slice:
    """Neurons (flat, ascending) of one population on one core, with their state."""

    population: Population
    core: int
    neurons: Index
    bias: NDArray[np.int64] | int
    inputs: list[_Input]
    v: NDArray[np.int64]
    spikes: NDArray[np.bool_]

    def advance(self, steps: int, step: int) -> None:
        """From what arrived to new spikes."""
        total = np.zeros(len(self.v), np.int64)
        for i in self.inputs:
            total += (i.weights @ i.arrived.astype(np.int32)).astype(np.int64) << i.synapse.exponent
        self.v, self.spikes = fire(self.population, steps, step, self.v, total, self.bias)


@dataclass(frozen=True, eq=False)
class _Route:
    """Output axons from some neurons of a slice (or of the host) to input axons of another."""

    sender: _Slice | str
    picked: Index
    receiver: _Input
    axons: Index


class _Board:
    """Every slice of a mapping and the routes between them. Looks like the reference's chip from outside."""

    def __init__(self, mapping: Mapping, samples: Samples) -> None:
        self.program, self.length = mapping.program, len(samples) * mapping.program.steps
        self.slices = _slices(mapping)
        self.cores = [[s for s in self._all() if s.core == core] for core in mapping.used]
        self.routes = [r for s in self._all() for i in s.inputs for r in self._routes(i)]
        self.streams = {p.name: stream(samples, p.name) for p in self.program.populations if p.role == SOURCE}
        self.played = {name: np.zeros(rows.shape[1], np.bool_) for name, rows in self.streams.items()}
        self.spikes: dict[str, NDArray[np.bool_]] = {}

    def _all(self) -> list[_Slice]:
        return [s for slices in self.slices.values() for s in slices]

    def _routes(self, i: _Input) -> list[_Route]:
        if self.program.by_name[i.synapse.source].role == SOURCE:
            return [_Route(i.synapse.source, i.axons, i, np.arange(len(i.axons)))]
        found = []
        for sender in self.slices[i.synapse.source]:
            _, picked, axons = np.intersect1d(sender.neurons, i.axons, assume_unique=True, return_indices=True)
            if len(picked):
                found.append(_Route(sender, picked, i, axons))
        return found

    def advance(self, step: int) -> None:
        """Deliver the last step's spikes, then let each core compute this step's."""
        for r in self.routes:
            sent = self.played[r.sender] if isinstance(r.sender, str) else r.sender.spikes
            r.receiver.arrived[r.axons] = sent[r.picked]
        for core in self.cores:
            for s in core:
                s.advance(self.program.steps, step)
        for name, rows in self.streams.items():
            self.played[name] = rows[step - 1] if step <= self.length else np.zeros(rows.shape[1], np.bool_)
        self.spikes = {**self.played, **{name: self._gathered(name, "spikes") for name in self.slices}}

    def membrane(self, name: str) -> NDArray[np.int64]:
        """(neurons,) v of one population."""
        return self._gathered(name, "v")

    def _gathered(self, name: str, what: str) -> NDArray:
        parts = self.slices[name]
        out = np.empty(self.program.size(self.program.by_name[name]), getattr(parts[0], what).dtype)
        for s in parts:
            out[s.neurons] = getattr(s, what)
        return out


def _slices(mapping: Mapping) -> dict[str, list[_Slice]]:
    """By population. Each projection's whole matrix exists only while it is being cut up."""
    found = {t.population.name: [_empty(mapping.program, t, n, mapping) for n in range(len(t))] for t in mapping.tilings}
    for t in mapping.tilings:
        for s in mapping.program.inputs(t.population.name):
            matrix = mapping.program.csr(s)
            for part, box in zip(found[t.population.name], preimage(mapping.program, s, t.boxes)):
                part.inputs.append(_input(mapping.program, s, matrix[part.neurons], box))
    return found


def _empty(program: Program, tiling: Tiling, number: int, mapping: Mapping) -> _Slice:
    p = tiling.population
    own, bias = neurons(tiling.boxes[number], p, program.dims), program.bias(p)
    state = np.zeros(len(own), np.int64)
    core = int(mapping.cores[p.name][number])
    return _Slice(p, core, own, bias if isinstance(bias, int) else bias[own], [], state, np.zeros(len(own), np.bool_))


def _input(program: Program, s: Synapse, rows: sp.csr_matrix, box: Boxes) -> _Input:
    """Only the columns that the slice has axons for: a synapse from elsewhere would be lost, as on the chip."""
    axons = neurons(box, program.by_name[s.source], program.dims)
    return _Input(s, axons, rows[:, axons], np.zeros(len(axons), np.bool_))
