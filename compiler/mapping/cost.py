"""What a mapped board carries and computes, as `runtime/board_costs.py` prices it: by slices of stacks and the traffic between groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.fit import Mapped
from tritspike.runtime import board_costs
from tritspike.runtime.board_costs import Carried, Events, Slices
from tritspike.runtime.map_report import Seconds
from tritspike.runtime.rates import Rates
from tritspike.runtime.tasks.operations import lasts


def events(mapped: Mapped, rates: Rates) -> Events:
    """Expected, of one window. rates: by the populations and synapses of the network, not of its stacks."""
    carried = Carried(mapped.traffic.messages, *mapped.traffic.hop_counts(mapped.core))
    return board_costs.events(mapped.partition.stacked.original, rates, carried)


def step_ns(mapped: Mapped, rates: Rates) -> float:
    """One step."""
    partition = mapped.partition
    lasting = {p.name: lasts(partition.program, p) for p in partition.program.network.populations}
    slices = Slices(
        neurons=partition.uses[resources.NEURONS],
        arriving=_events_by_slice(mapped, rates),
        lasting=np.array([lasting[name] for name in partition.owner], np.bool_),
        core=mapped.group,
    )
    return board_costs.step_ns(slices, partition.program, partition.profile)


def timing(mapped: Mapped, rates: Rates, windows: int = 1) -> Seconds:
    """Seconds: one step, so many windows from the first step to where all have seen the last, and how often a second."""
    return board_costs.timing(mapped.partition.stacked.original, step_ns(mapped, rates) * 1e-9, windows)


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
