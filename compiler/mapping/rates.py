"""How often populations spike on real text: the one function that placement and cost ask."""

from __future__ import annotations

import numpy as np

from runtime.program import Program, Samples
from runtime.simulator import fast

_CHUNK = 8  # samples recorded at once; every coincidence neuron's spikes are held as bits
_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.int64)  # numpy below 2 counts no bits
ASSUMED = 0.1  # spikes a neuron and step where nothing was measured; reports say so


def spike_rates(program: Program, samples: Samples) -> dict[str, float]:
    """By population: spikes a neuron and step, the mean over neurons, steps and samples, padded positions included."""
    spikes = {p.name: 0 for p in program.populations}
    for at in range(0, len(samples), _CHUNK):
        part = Samples(samples.x[at : at + _CHUNK], samples.lengths[at : at + _CHUNK])
        found = fast.run(program, part, record=True).spikes
        assert found is not None
        for name, bits in found.items():
            spikes[name] += int(_ONES[bits].sum())
    cells = len(samples) * program.steps
    return {p.name: spikes[p.name] / (cells * program.size(p)) for p in program.populations}


def assumed_rates(program: Program) -> dict[str, float]:
    """`ASSUMED` for every population: for programs too large to run here."""
    return {p.name: ASSUMED for p in program.populations}
