"""Every population's windows, as the reference would record them, from the spikes that `fast` computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime import bits
from runtime.program import COINCIDENCE, READOUT, SOURCE, Population, Program, Samples, packed
from runtime.simulator.layout import Plan
from runtime.wiring import Along

Bools = NDArray[np.bool_]


def windows(program: Program, plan: Plan, samples: Samples, buffers: dict[str, bits.Words]) -> dict[str, NDArray[np.uint8]]:
    """Bit-packed windows by population, stages end to end."""
    spikes: dict[str, Bools] = {}
    for p in program.populations:
        spikes[p.name] = _population(program, plan, samples, buffers, spikes, p)
    return {p.name: packed(np.tile(spikes[p.name], p.stages)) for p in program.populations}


def _population(program: Program, plan: Plan, samples: Samples, buffers: dict[str, bits.Words], spikes: dict[str, Bools], p: Population) -> Bools:
    """(samples, steps, neurons) of one stage."""
    shape = (len(samples), program.steps, program.dims.size(p.axes))
    if p.role == SOURCE:
        return samples.source(p.name)
    if p.name in plan.repeats:
        return spikes[plan.repeats[p.name]]
    if p.role == COINCIDENCE:
        first, second = (_spread(program, spikes[s.source], s.wiring, p) for s in program.inputs(p.name))
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
