"""Every population's windows, as the reference would record them, from the spikes that `fast` computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.program import READOUT, SOURCE, Population, Program, Samples, packed
from tritspike.runtime.simulator.layout import Plan
from tritspike.runtime.wiring import Along

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Known:
    """What is recorded from, and the spikes of one stage of each population that was asked for so far, (samples, steps, neurons)."""

    program: Program
    plan: Plan
    samples: Samples
    buffers: dict[str, bits.Words]
    spikes: dict[str, Bools] = field(default_factory=dict)

    def of(self, name: str) -> Bools:
        """Spikes of a population, made once."""
        if name not in self.spikes:
            self.spikes[name] = _population(self, self.program.by_name[name])
        return self.spikes[name]


def windows(
    program: Program, plan: Plan, samples: Samples, buffers: dict[str, bits.Words], names: Collection[str] | None = None
) -> dict[str, NDArray[np.uint8]]:
    """Bit-packed windows of the populations `names` (None: of all), stages end to end."""
    known = _Known(program, plan, samples, buffers)
    return {p.name: packed(np.tile(known.of(p.name), p.stages)) for p in program.populations if names is None or p.name in names}


def _population(known: _Known, p: Population) -> Bools:
    """(samples, steps, neurons) of one stage."""
    program, plan, samples, buffers = known.program, known.plan, known.samples, known.buffers
    shape = (len(samples), program.steps, program.dims.size(p.axes))
    if p.role == SOURCE:
        return samples.source(p.name)
    if p.name in plan.repeats:
        return known.of(plan.repeats[p.name])
    if p.name in plan.products:
        first, second = (_spread(program, known.of(s.source), s.wiring, p) for s in program.inputs(p.name))
        return first & second
    if p.role == READOUT:
        return np.zeros(shape, np.bool_)
    place = plan.places[p.name]
    if p.axes == "hp":
        grid = samples.grid(bits.unpack(buffers[place.buffer], int(samples.lengths.max(initial=0))))
        square = np.zeros((*grid.shape[:-1], program.dims.positions), np.bool_)
        square[..., : grid.shape[-1]] = grid
        return square.swapaxes(2, 3)[..., program.dims.pairs[0], program.dims.pairs[1]].reshape(shape)
    words = buffers[place.buffer][..., place.first : place.first + bits.words(place.width)]
    return samples.grid(bits.unpack(words, place.width)).reshape(shape)


def _spread(program: Program, spikes: Bools, wiring: object, target: Population) -> Bools:
    """One side of a product: each coincidence neuron hears the one source neuron that shares its axes."""
    assert isinstance(wiring, Along)
    columns, rows = wiring.edges(target.axes, program.dims)
    return spikes[..., columns[np.argsort(rows, kind="stable")]]
