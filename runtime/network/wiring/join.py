"""One weight wherever two neurons agree: identities, masks, both sides of a product, sums over what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.wiring.apply import gather
from tritspike.runtime.network.wiring.maps import Map, meetings
from tritspike.runtime.network.wiring.reduced import reduced

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True)
class Join:
    """A synapse of weight mantissa `weight` from every source neuron that `read`, which names all its coordinates, gives for a target neuron."""

    weight: int
    read: Map = field(default_factory=dict)

    def csr(self, source: Grid, target: Grid) -> sp.csr_matrix:
        """(target neurons, source neurons) weight mantissas."""
        import scipy.sparse as sp

        at, row, _ = meetings(self.read, source, target)
        column = grids.flat(source, at)
        there = (column >= 0) & (self.weight != 0)
        weights = np.full(int(there.sum()), self.weight, np.int32)
        return sp.csr_matrix((weights, (row[there], column[there])), shape=(grids.size(target), grids.size(source)))

    def apply(self, source: Grid, target: Grid, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(steps, source neurons) spikes -> (steps, target neurons) input, in weight mantissas."""
        return gather(self.read, source, target).counts(spikes).astype(np.int64) * self.weight

    def bounds(self, source: Grid, target: Grid) -> tuple[int, int]:
        """(largest, smallest) sum of weights that any spikes can bring to one target neuron."""
        total = reduced(self.read, source, target, ()).most * self.weight
        return max(total, 0), min(total, 0)

    def count(self, source: Grid, target: Grid) -> int:
        """Synapses whose weight is not zero."""
        return reduced(self.read, source, target, ()).total if self.weight else 0
