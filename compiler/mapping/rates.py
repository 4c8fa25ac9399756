"""How often populations spike on real text, and how many synapses that reaches: what placement and cost ask."""

from __future__ import annotations

from dataclasses import dataclass

from tritspike.runtime.program import Program, Samples
from tritspike.runtime.simulator import fast

ASSUMED = 0.1  # spikes a neuron and step where nothing was measured; reports say so


@dataclass(frozen=True)
class Rates:
    """spikes: a neuron and step by population, the mean over neurons, steps and samples, padded positions included.
    events: synaptic events a sentence by synapse."""

    spikes: dict[str, float]
    events: dict[str, float]


def measured_rates(program: Program, samples: Samples) -> Rates:
    """Counted by the fast simulator."""
    counted = fast.run(program, samples, count=True).activity
    assert counted is not None
    cells = len(samples) * program.steps
    spikes = {p.name: counted.spikes[p.name] / (cells * program.size(p)) for p in program.populations}
    return Rates(spikes, {name: count / len(samples) for name, count in counted.events.items()})


def uniform_rates(program: Program, rate: float = ASSUMED) -> Rates:
    """One rate for every population: for programs too large to run here."""
    events = {s.name: rate * program.steps * program.synapse_count(s) for s in program.synapses}
    return Rates({p.name: rate for p in program.populations}, events)
