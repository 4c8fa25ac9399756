"""Expected events of one sentence on the mapped board, and energy and time from the profile's costs of each.

Counted: every neuron on the chip at every step (coincidence neurons, relays, masks, idle updates), every synaptic event, every message and
its hops, a barrier a step; and what the board draws whatever it computes, for as long as a sentence takes. Not counted: the host's front end,
links to it beyond the mesh, contention between messages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping.fit import Mapped
from tritspike.compiler.mapping.rates import Rates
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.operations import MEMORYLESS, leaky_updates, neuron_updates
from tritspike.runtime.program import SOURCE, Population, Program


@dataclass(frozen=True)
class Events:
    """Of one sentence, streamed back to back, so that it costs T steps."""

    steps: int
    active_updates: float
    idle_updates: float
    leaky_updates: float
    synaptic: float
    spikes: float
    messages: float
    hops_x: float
    hops_y: float
    hops_chip: float


def events(mapped: Mapped, rates: Rates) -> Events:
    """Expected events of one sentence."""
    program = mapped.partition.program
    ours = [p for p in program.populations if p.role != SOURCE]
    updates = neuron_updates(program)
    active = sum(_active(program, p, updates[p.name], rates) for p in ours)
    x, y, chips = mapped.traffic.hop_counts(mapped.core)
    return Events(
        steps=program.steps,
        active_updates=active,
        idle_updates=sum(updates.values()) - active,
        leaky_updates=leaky_updates(program),
        synaptic=sum(rates.events.values()),
        spikes=sum(rates.spikes[p.name] * updates[p.name] for p in ours),
        messages=mapped.traffic.messages,
        hops_x=x,
        hops_y=y,
        hops_chip=chips,
    )


def _active(program: Program, p: Population, updates: int, rates: Rates) -> float:
    """Updates with input, at most: as if no two events met in one neuron. A membrane that lasts is always active."""
    arriving = sum(rates.events[s.name] for s in program.inputs(p.name))
    return min(float(updates), arriving) if p.role in MEMORYLESS else float(updates)


def energy(e: Events, profile: HardwareProfile) -> dict[str, float]:
    """Picojoules of one sentence by cause: what its events cost, without the board's static power."""
    return {
        "neuron updates, active": e.active_updates * profile.active_update_pj,
        "neuron updates, idle": e.idle_updates * profile.idle_update_pj,
        "synaptic events": e.synaptic * profile.synapse_pj,
        "messages": e.messages * profile.spike_pj,
        "tile hops": e.hops_x * profile.hop_x_pj + e.hops_y * profile.hop_y_pj,
        "links between chips": e.hops_chip * profile.chip_hop_pj,
    }


def step_ns(mapped: Mapped, rates: Rates) -> float:
    """One step: the busiest core's updates and synaptic events, one after another, then the barrier. Cores work at the same time."""
    profile, program = mapped.partition.profile, mapped.partition.program
    arriving = _events_by_slice(mapped, rates) / program.steps
    neurons = mapped.partition.uses[:, 0]
    active = np.minimum(neurons, np.where(_lasting(mapped), neurons, arriving))
    busy = active * profile.active_update_ns + (neurons - active) * profile.idle_update_ns + arriving * profile.synapse_ns
    return float(np.bincount(mapped.group, busy).max() + profile.barrier_ns)


def _events_by_slice(mapped: Mapped, rates: Rates) -> NDArray[np.float64]:
    """(slices,) synaptic events a sentence: each projection's spread over its target slices as the source neurons that reach them are."""
    partition = mapped.partition
    program, edges = partition.program, partition.edges
    reached = np.bincount(edges.synapse, edges.neurons, len(program.synapses))
    each = np.array([rates.events[s.name] for s in program.synapses]) / np.maximum(reached, 1)
    return np.bincount(edges.target, edges.neurons * each[edges.synapse], len(partition)).astype(np.float64)


def _lasting(mapped: Mapped) -> NDArray[np.bool_]:
    roles = [t.population.role not in MEMORYLESS for t in mapped.partition.tilings]
    return np.array(roles)[mapped.partition.population]


def timing(mapped: Mapped, rates: Rates) -> dict[str, float]:
    """Seconds: one step, one sentence from its first step to its answer, and sentences a second when streamed."""
    program = mapped.partition.program
    step = step_ns(mapped, rates) * 1e-9
    return {"step": step, "latency": step * (program.steps + program.depth), "sentences a second": 1 / (step * program.steps)}


def static(seconds: dict[str, float], profile: HardwareProfile) -> dict[str, float]:
    """The board's static power in watts, and the picojoules that it adds to a sentence: for T steps where sentences stream, for the whole latency
    where one is alone. `seconds`: of `timing`.
    """
    joules = {"streamed": profile.static_w / seconds["sentences a second"], "alone": profile.static_w * seconds["latency"]}
    return {"W": profile.static_w, **{f"{name} pJ": value * 1e12 for name, value in joules.items()}}
