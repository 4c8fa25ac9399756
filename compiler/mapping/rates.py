"""How often populations spike on real text: the one function that placement and cost ask."""

from __future__ import annotations

from runtime.program import Program, Samples
from runtime.simulator import fast

ASSUMED = 0.1  # spikes a neuron and step where nothing was measured; reports say so


def spike_rates(program: Program, samples: Samples) -> dict[str, float]:
    """By population: spikes a neuron and step, the mean over neurons, steps and samples, padded positions included."""
    counted = fast.run(program, samples, count=True).activity
    assert counted is not None
    cells = len(samples) * program.steps
    return {p.name: counted.spikes[p.name] / (cells * program.size(p)) for p in program.populations}


def assumed_rates(program: Program) -> dict[str, float]:
    """`ASSUMED` for every population: for programs too large to run here."""
    return {p.name: ASSUMED for p in program.populations}
