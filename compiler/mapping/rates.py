"""How often populations spike on real text: the one function that placement and cost ask."""

from __future__ import annotations

import numpy as np

from runtime.program import Program, Samples
from runtime.simulator import fast

_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.int64)  # numpy below 2 counts no bits
ASSUMED = 0.1  # spikes a neuron and step where nothing was measured; reports say so


def spike_rates(program: Program, samples: Samples) -> dict[str, float]:
    """By population: spikes a neuron and step, the mean over neurons, steps and samples, padded positions included."""
    found = fast.run(program, samples, record=True).spikes
    assert found is not None
    cells = len(samples) * program.steps
    return {p.name: int(_ONES[found[p.name]].sum()) / (cells * program.size(p)) for p in program.populations}


def assumed_rates(program: Program) -> dict[str, float]:
    """`ASSUMED` for every population: for programs too large to run here."""
    return {p.name: ASSUMED for p in program.populations}
