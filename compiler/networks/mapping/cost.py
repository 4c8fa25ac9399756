"""Expected events of one window on the mapped board, and time from the profile's costs; `compiler/mapping/cost.py` has what they cost in energy.

Counted: every neuron on the chip at every step, every synaptic event, every message and its hops, a barrier a step. Not counted: the host,
links to it beyond the mesh, contention between messages.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping.cost import Events
from tritspike.compiler.mapping.rates import Rates
from tritspike.compiler.networks.mapping import resources
from tritspike.compiler.networks.mapping.fit import Mapped
from tritspike.runtime import arith
from tritspike.runtime.network.network import Population, Scheduled
from tritspike.runtime.network.neuron import numbers


def events(mapped: Mapped, rates: Rates) -> Events:
    """Of one window, streamed back to back, so that it costs a period of steps. rates: by the populations and synapses of the network."""
    program, stacks = mapped.partition.program, mapped.partition.stacked
    period = program.timing.period
    ours = [p for p in program.network.populations if p.neuron is not None]
    updates = {p.name: p.size * period for p in ours}
    arriving = _arriving(mapped, rates)
    lasting = {p.name: lasts(program, p) for p in ours}
    active = sum(float(n) if lasting[name] else min(float(n), arriving[name]) for name, n in updates.items())
    spikes = sum(rates.spikes[name] * updates[p.name] / len(stacks.members[p.name]) for p in ours for name in stacks.members[p.name])
    x, y, chips = mapped.traffic.hop_counts(mapped.core)
    return Events(
        steps=period,
        active_updates=active,
        idle_updates=sum(updates.values()) - active,
        leaky_updates=sum(n for name, n in updates.items() if lasting[name]),
        synaptic=sum(rates.events.values()),
        spikes=spikes,
        messages=mapped.traffic.messages,
        hops_x=x,
        hops_y=y,
        hops_chip=chips,
    )


def lasts(program: Scheduled, p: Population) -> bool:
    """Whether a neuron has anything to do in a step in which nothing arrives: a current, a membrane that does not decay to 0 at once, or a bias."""
    neuron = p.neuron
    if neuron is None or neuron.bias is not None or numbers(neuron.keep_u).any():
        return neuron is not None
    most = arith.ONE * max(abs(side) for side in program.network.input_bounds(p.name))
    return int(numbers(neuron.keep).max()) * most >= arith.KEEP_ALL


def step_ns(mapped: Mapped, rates: Rates) -> float:
    """One step: the busiest core's updates and synaptic events, one after another, then the barrier. Cores work at the same time."""
    partition, profile, program = mapped.partition, mapped.partition.profile, mapped.partition.program
    arriving = _events_by_slice(mapped, rates) / program.timing.period
    neurons = partition.uses[resources.NEURONS]
    lasting = {p.name: lasts(program, p) for p in program.network.populations}
    active = np.minimum(neurons, np.where([lasting[name] for name in partition.owner], neurons, arriving))
    busy = active * profile.active_update_ns + (neurons - active) * profile.idle_update_ns + arriving * profile.synapse_ns
    return float(np.bincount(mapped.group, busy).max() + profile.barrier_ns)


def timing(mapped: Mapped, rates: Rates) -> dict[str, float]:
    """Seconds: one step, one window from its first step to where the last population has seen it, and windows a second."""
    program = mapped.partition.stacked.original
    step, period = step_ns(mapped, rates) * 1e-9, program.timing.period
    return {"step": step, "latency": step * (period + program.depth), "windows a second": 1 / (step * period)}


def _arriving(mapped: Mapped, rates: Rates) -> dict[str, float]:
    """By stack, synaptic events a window."""
    found = dict.fromkeys(mapped.partition.tilings, 0.0)
    for s in mapped.partition.program.network.synapses:
        found[s.target] += _events_of(mapped, rates, s.name)
    return found


def _events_of(mapped: Mapped, rates: Rates, name: str) -> float:
    return sum(rates.events[member] for member in mapped.partition.stacked.synapses[name])


def _events_by_slice(mapped: Mapped, rates: Rates) -> NDArray[np.float64]:
    """(slices,) synaptic events a window: each projection's, spread over its slices as its synapses are."""
    partition, network = mapped.partition, mapped.partition.program.network
    found = np.zeros(len(partition))
    for s in network.synapses:
        tiling = partition.tilings[s.target]
        inside = s.wiring.count_in(*network.grids(s), tiling.boxes)
        rows = slice(partition.offsets[s.target], partition.offsets[s.target] + len(tiling))
        found[rows] += _events_of(mapped, rates, s.name) * inside / max(int(inside.sum()), 1)
    return found
