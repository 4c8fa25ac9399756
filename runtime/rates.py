"""How often populations spike, and how many synapses that reaches: what placement and cost ask."""

from __future__ import annotations

from dataclasses import dataclass

from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import Activity

ASSUMED = 0.1  # spikes a neuron and step where nothing was measured; reports say so


@dataclass(frozen=True)
class Rates:
    """spikes: a neuron and step by population, the mean over neurons, steps and windows, padded positions included.
    events: synaptic events a window by synapse."""

    spikes: dict[str, float]
    events: dict[str, float]


def uniform_rates(program: Scheduled, rate: float = ASSUMED) -> Rates:
    """One rate for every population, of a window: for networks too large to run here."""
    network, steps = program.network, program.timing.period
    events = {s.name: rate * steps * s.wiring.count(*network.grids(s)) for s in network.synapses}
    return Rates({p.name: rate for p in network.populations}, events)


def rates_of(program: Scheduled, activity: Activity) -> Rates:
    """Means of windows that were counted."""
    cells = activity.samples * program.timing.period
    spikes = {p.name: activity.spikes[p.name] / (cells * p.size) for p in program.network.populations}
    return Rates(spikes, {s.name: activity.events[s.name] / activity.samples for s in program.network.synapses})


def measured_rates(program: Scheduled, inputs: Inputs) -> Rates:
    """Means of windows, counted by running them."""
    return rates_of(program, counted(program, inputs))


def counted(program: Scheduled, inputs: Inputs) -> Activity:
    """What windows make of a network."""
    found = run(program, inputs, count=True).activity
    assert found is not None, "it was asked for"
    return found
