"""Expected events of one window (of a stream: one token) on the mapped board, and energy and time from the profile's costs of each.

Counted: every neuron on the chip at every step (coincidence neurons, relays, masks, idle updates), every synaptic event, every message and
its hops, a barrier a step; and what the board draws whatever it computes, for as long as a window takes. Not counted: the host, links to it
beyond the mesh, contention between messages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.fit import Mapped
from tritspike.compiler.mapping.rates import Rates
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.map_report import Seconds, Static
from tritspike.runtime.network.network import Scheduled, Stream
from tritspike.runtime.tasks.operations import lasts, leaky_updates, neuron_updates


@dataclass(frozen=True)
class Events:
    """Of one window, streamed back to back, so that it costs a period of steps."""

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

    @property
    def updates(self) -> float:
        """All of them."""
        return self.active_updates + self.idle_updates


def events(mapped: Mapped, rates: Rates) -> Events:
    """Expected. rates: by the populations and synapses of the network, not of its stacks."""
    program = mapped.partition.stacked.original
    updates = neuron_updates(program)
    active = sum(_active(mapped, name, number, rates) for name, number in updates.items())
    x, y, chips = mapped.traffic.hop_counts(mapped.core)
    return Events(
        steps=program.timing.period,
        active_updates=active,
        idle_updates=sum(updates.values()) - active,
        leaky_updates=leaky_updates(program),
        synaptic=sum(rates.events.values()),
        spikes=sum(rates.spikes[name] * number for name, number in updates.items()),
        messages=mapped.traffic.messages,
        hops_x=x,
        hops_y=y,
        hops_chip=chips,
    )


def _active(mapped: Mapped, name: str, updates: int, rates: Rates) -> float:
    """Updates with input, at most: as if no two events met in one neuron. What lasts is always active."""
    program = mapped.partition.stacked.original
    arriving = sum(rates.events[s.name] for s in program.network.inputs(name))
    return float(updates) if lasts(program, program.network.by_name[name]) else min(float(updates), arriving)


def energy(e: Events, profile: HardwareProfile) -> dict[str, float]:
    """Picojoules of one window by cause: what its events cost, without the board's static power."""
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
    partition, profile, program = mapped.partition, mapped.partition.profile, mapped.partition.program
    arriving = _events_by_slice(mapped, rates) / program.timing.period
    neurons = partition.uses[resources.NEURONS]
    lasting = {p.name: lasts(program, p) for p in program.network.populations}
    active = np.minimum(neurons, np.where([lasting[name] for name in partition.owner], neurons, arriving))
    busy = active * profile.active_update_ns + (neurons - active) * profile.idle_update_ns + arriving * profile.synapse_ns
    return float(np.bincount(mapped.group, busy).max() + profile.barrier_ns)


def timing(mapped: Mapped, rates: Rates) -> Seconds:
    """Seconds: one step, one window from its first step to where all have seen it, and windows a second."""
    program = mapped.partition.stacked.original
    step = step_ns(mapped, rates) * 1e-9
    return Seconds(step, step * steps_to_the_end(program), 1 / (step * program.timing.period))


def steps_to_the_end(program: Scheduled) -> int:
    """Of a window: until the last population has seen it. Of a token in a stream, whose relays hold it for later ones: until what is read has."""
    if not isinstance(program.timing, Stream):
        return program.timing.period + program.depth
    read = [program.latency[probe.population] for probe in program.network.probes]
    return program.timing.steps + max(read, default=program.depth)


def static(seconds: Seconds, profile: HardwareProfile) -> Static:
    """The board's static power, and what it adds to a window: for its period where windows stream, for the whole latency where one is alone."""
    return Static(profile.static_w, profile.static_w / seconds.windows_a_second * 1e12, profile.static_w * seconds.latency * 1e12)


def _events_by_slice(mapped: Mapped, rates: Rates) -> NDArray[np.float64]:
    """(slices,) synaptic events a window: each projection's, spread over its slices as its synapses are."""
    partition, network = mapped.partition, mapped.partition.program.network
    found = np.zeros(len(partition))
    for s in network.synapses:
        tiling = partition.tilings[s.target]
        inside = s.wiring.count_in(*network.grids(s), tiling.boxes)
        rows = slice(partition.offsets[s.target], partition.offsets[s.target] + len(tiling))
        arriving = sum(rates.events[member] for member in partition.stacked.synapses[s.name])
        found[rows] += arriving * inside / max(int(inside.sum()), 1)
    return found
