"""A mapping's slices on their cores at some spike rates: what passes between them, what each has to do, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import board_costs
from tritspike.runtime.board_costs import Carried, Slices
from tritspike.runtime.map_report import Seconds, Static
from tritspike.runtime.mapping import Mapping
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, even
from tritspike.runtime.network.grid import Index
from tritspike.runtime.places import HOST_CORE, hops, places
from tritspike.runtime.rates import Rates
from tritspike.runtime.tasks.operations import lasts

Messages = tuple[Index, Index, NDArray[np.float64]]


@dataclass(frozen=True)
class Costs:
    """Of so many windows. energy_pj: by cause; weighed: messages times weighed hops."""

    energy_pj: dict[str, float]
    static: Static
    seconds: Seconds
    messages: float
    weighed: float


def costs(mapped: Mapping, profile: HardwareProfile, rates: Rates, windows: int) -> Costs:
    """What `lower --map` says of the same rates, but that of a stack's events each member has its own."""
    program, carried = mapped.program, carried_by(mapped, profile, rates)
    seconds = board_costs.timing(program, board_costs.step_ns(slices(mapped, rates), program, profile) * 1e-9, windows)
    events = board_costs.events(program, rates, carried).times(windows)
    weighed = events.hops_x + events.hops_y + profile.chip_hop_weight * events.hops_chip
    return Costs(board_costs.energy(events, profile), board_costs.static(seconds, profile), seconds, events.messages, weighed)


def carried_by(mapped: Mapping, profile: HardwareProfile, rates: Rates) -> Carried:
    """Of a window."""
    start, end, load = messages(mapped, rates)
    far = hops(places(profile, start), places(profile, end))
    return Carried(float(load.sum()), *(float(load @ part) for part in (far.x, far.y, far.chips)))


def messages(mapped: Mapping, rates: Rates) -> Messages:
    """(from core, to core, messages a window) of all that is sent, the host's from where it enters the board.

    Every spike goes once to each slice that hears it.
    """
    network, cut = mapped.program.network, dict(cuts(mapped))
    found: list[Messages] = []
    for s in (s for s in network.synapses if s.target in cut):
        source = network.by_name[s.source]
        whole = even(source.grid, [1] * len(grids.names(source.grid)))
        senders, cores = cut.get(s.source, (whole, HOST_CORE))
        to, of, neurons = s.wiring.between(senders, cut[s.target][0])
        found.append((cores[of], cut[s.target][1][to], neurons * (rates.spikes[s.source] * mapped.program.timing.period)))
    start, end, load = ([some[n] for some in found] for n in range(3))
    return np.concatenate(start), np.concatenate(end), np.concatenate(load)


def slices(mapped: Mapping, rates: Rates) -> Slices:
    """Each population's, with the events on it: each projection's, spread over slices as its synapses are."""
    program, network = mapped.program, mapped.program.network
    parts = []
    for name, (tiling, cores) in cuts(mapped):
        arriving = np.zeros(len(cores))
        for s in network.inputs(name):
            inside = s.wiring.count_in(*network.grids(s), tiling.boxes)
            arriving += rates.events[s.name] * inside / max(int(inside.sum()), 1)
        parts.append((tiling.sizes, arriving, np.full(len(cores), lasts(program, network.by_name[name])), cores))
    neurons, events, lasting, at = (np.concatenate([part[n] for part in parts]) for n in range(4))
    return Slices(neurons, events, lasting, at)


def cuts(mapped: Mapping) -> Iterator[tuple[str, tuple[Tiling, Index]]]:
    """Each population's slices, whatever it is stacked with, and the core of each."""
    for stack in mapped.stacks:
        numbers = stack.tiling.index.reshape(stack.tiling.shape)
        for stage, name in enumerate(stack.members):
            piece = int(np.searchsorted(stack.tiling.cuts[0], stage, "right")) - 1
            some = numbers[piece].ravel()
            yield name, (Tiling(mapped.program.network.by_name[name].grid, stack.tiling.cuts[1:]), stack.cores[some[some >= 0]])
