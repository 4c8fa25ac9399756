"""Messages between cores: every spike goes once to each slice that hears it, weighed by the hops on its way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tritspike.compiler.mapping.partition import HOST, Partition
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index
from tritspike.runtime.places import HOST_CORE, Hops, hops, places
from tritspike.runtime.rates import Rates


@dataclass(frozen=True, eq=False)
class Traffic:
    """Expected messages a window. between: (groups, groups) from row to column. host: (groups,) from the host. A group is a core's slices."""

    profile: HardwareProfile
    between: sp.csr_matrix
    host: NDArray[np.float64]

    @cached_property
    def listed(self) -> tuple[Index, Index, NDArray[np.float64]]:
        """(from, to, messages) of all pairs that exchange any."""
        found = self.between.tocoo()
        return found.row.astype(np.int64), found.col.astype(np.int64), found.data

    def weighed(self, core: Index) -> float:
        """Messages times weighed hops with group g on core[g]: what placement minimises."""
        source, target, messages = self.listed
        inside = messages * self._hops(core[source], core[target]).weighed(self.profile)
        return float(inside.sum() + (self.host * self._hops(HOST_CORE, core).weighed(self.profile)).sum())

    def hop_counts(self, core: Index) -> tuple[float, float, float]:
        """Hops a window of all messages, host's included: tile hops along x, along y, links between chips."""
        source, target, messages = self.listed
        inside, outside = self._hops(core[source], core[target]), self._hops(HOST_CORE, core)
        x, y, chips = (float((messages * a).sum() + (self.host * b).sum()) for a, b in zip(_parts(inside), _parts(outside)))
        return x, y, chips

    @property
    def messages(self) -> float:
        """Messages a window, the host's included."""
        return float(self.between.sum() + self.host.sum())

    def _hops(self, source: Index, target: Index) -> Hops:
        return hops(places(self.profile, source), places(self.profile, target))


def _parts(found: Hops) -> tuple[Index, Index, Index]:
    return found.x, found.y, found.chips


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
