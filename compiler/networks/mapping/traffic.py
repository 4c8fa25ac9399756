"""Messages between cores of a network: every spike goes once to each slice that hears it."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tritspike.compiler.mapping.partition import HOST
from tritspike.compiler.mapping.rates import ASSUMED, Rates
from tritspike.compiler.mapping.traffic import Traffic
from tritspike.compiler.networks.mapping.partition import Partition
from tritspike.runtime.network import generic
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.neuron import each


def uniform_rates(program: Scheduled, rate: float = ASSUMED) -> Rates:
    """One rate for every population, of a window: for networks too large to run here."""
    network, steps = program.network, program.timing.period
    events = {s.name: rate * steps * s.wiring.count(*network.grids(s)) for s in network.synapses}
    return Rates({p.name: rate for p in network.populations}, events)


def measured_rates(program: Scheduled, inputs: Inputs) -> Rates:
    """Means of windows, counted by running them."""
    network, windows = program.network, len(inputs)
    spikes = generic.run(program, inputs, record=True).spikes
    assert spikes is not None, "they were asked for"
    often = {name: found.sum((0, 1), dtype=np.int64) for name, found in spikes.items()}
    events = {s.name: float((often[s.source] * each(s.wiring.fan_out(*network.grids(s)), network.grids(s)[0])).sum()) for s in network.synapses}
    means = {name: float(found.sum()) / (windows * program.timing.period * found.size) for name, found in often.items()}
    return Rates(means, {name: number / windows for name, number in events.items()})


def slice_messages(partition: Partition, rates: Rates) -> NDArray[np.float64]:
    """(edges,) messages a window: source neurons times their populations' mean spikes."""
    carried = [partition.stacked.sources[s.name] for s in partition.program.network.synapses]
    often = np.array([np.mean([rates.spikes[name] for name in names]) * partition.program.timing.period for names in carried])
    return partition.edges.neurons * often[partition.edges.synapse]


def traffic(partition: Partition, group: Index, rates: Rates) -> Traffic:
    """Messages between groups; `group`: (slices,) each slice's group."""
    groups, edges, messages = int(group.max()) + 1, partition.edges, slice_messages(partition, rates)
    ours = edges.source != HOST
    at = (group[edges.source[ours]], group[edges.target[ours]])
    between = sp.coo_matrix((messages[ours], at), shape=(groups, groups)).tocsr()
    host: NDArray[np.float64] = np.bincount(group[edges.target[~ours]], messages[~ours], groups).astype(np.float64)
    return Traffic(partition.profile, between, host)
