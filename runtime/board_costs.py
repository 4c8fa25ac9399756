"""Expected events of windows (of a stream: tokens) on a board, and energy and time from the profile's costs of each.

Counted: every neuron on the chip at every step (coincidence neurons, relays, masks, idle updates), every synaptic event, every message and
its hops, a barrier a step; and what the board draws whatever it computes, for as long as a window takes. Not counted: the host, links to it
beyond the mesh, contention between messages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.map_report import Seconds, Static
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.network import Scheduled, Stream
from tritspike.runtime.rates import Rates
from tritspike.runtime.tasks.operations import lasts, leaky_updates, neuron_updates


@dataclass(frozen=True)
class Carried:
    """Messages of a window, the host's too, and hops of all of them: tiles along x, along y, links between chips."""

    messages: float
    hops_x: float
    hops_y: float
    hops_chip: float


@dataclass(frozen=True, eq=False)
class Slices:
    """Of each slice, (slices,): neurons, synaptic events a window, whether its neurons have something to do in every step, and a number of its
    core."""

    neurons: Index
    arriving: NDArray[np.float64]
    lasting: NDArray[np.bool_]
    core: Index


@dataclass(frozen=True)
class Events:
    """Of some windows, streamed back to back, so that each costs a period of steps."""

    steps: float
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

    def times(self, windows: int) -> Events:
        """Of so many windows as alike."""
        return Events(**{name: windows * number for name, number in vars(self).items()})


def events(program: Scheduled, rates: Rates, carried: Carried) -> Events:
    """Expected, of one window. rates: by the populations and synapses of the program."""
    updates = neuron_updates(program)
    active = sum(_active(program, name, number, rates) for name, number in updates.items())
    return Events(
        steps=program.timing.period,
        active_updates=active,
        idle_updates=sum(updates.values()) - active,
        leaky_updates=leaky_updates(program),
        synaptic=sum(rates.events.values()),
        spikes=sum(rates.spikes[name] * number for name, number in updates.items()),
        **vars(carried),
    )


def _active(program: Scheduled, name: str, updates: int, rates: Rates) -> float:
    """Updates with input, at most: as if no two events met in one neuron. What lasts is always active."""
    arriving = sum(rates.events[s.name] for s in program.network.inputs(name))
    return float(updates) if lasts(program, program.network.by_name[name]) else min(float(updates), arriving)


def energy(e: Events, profile: HardwareProfile) -> dict[str, float]:
    """Picojoules by cause: what events cost, without the board's static power."""
    return {
        "neuron updates, active": e.active_updates * profile.active_update_pj,
        "neuron updates, idle": e.idle_updates * profile.idle_update_pj,
        "synaptic events": e.synaptic * profile.synapse_pj,
        "messages": e.messages * profile.spike_pj,
        "tile hops": e.hops_x * profile.hop_x_pj + e.hops_y * profile.hop_y_pj,
        "links between chips": e.hops_chip * profile.chip_hop_pj,
    }


def step_ns(slices: Slices, program: Scheduled, profile: HardwareProfile) -> float:
    """One step: the busiest core's updates and synaptic events, one after another, then the barrier. Cores work at the same time."""
    neurons, arriving = slices.neurons, slices.arriving / program.timing.period
    active = np.minimum(neurons, np.where(slices.lasting, neurons, arriving))
    busy = active * profile.active_update_ns + (neurons - active) * profile.idle_update_ns + arriving * profile.synapse_ns
    return float(np.bincount(slices.core, busy).max() + profile.barrier_ns)


def timing(program: Scheduled, step: float, windows: int = 1) -> Seconds:
    """Of so many windows one behind another, where a step takes `step` seconds: from the first one's first step to where all have seen the
    last, and how often a second."""
    period = program.timing.period
    return Seconds(step, step * ((windows - 1) * period + steps_to_the_end(program)), 1 / (step * period * windows))


def steps_to_the_end(program: Scheduled) -> int:
    """Of a window: until the last population has seen it. Of a token in a stream, whose relays hold it for later ones: until what is read has."""
    if not isinstance(program.timing, Stream):
        return program.timing.period + program.depth
    read = [program.latency[probe.population] for probe in program.network.probes]
    return program.timing.steps + max(read, default=program.depth)


def static(seconds: Seconds, profile: HardwareProfile) -> Static:
    """The board's static power, and what it adds to what `seconds` are of: for its period where they stream, for the whole latency of one alone."""
    return Static(profile.static_w, profile.static_w / seconds.a_second * 1e12, profile.static_w * seconds.latency * 1e12)
