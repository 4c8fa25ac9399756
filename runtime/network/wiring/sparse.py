"""Any synapses at all, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.wiring.apply import product

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class Sparse:
    """weights: (synapses,) int32 mantissas, none zero; rows, columns: (synapses,) target and source neurons, each pair at most once, by row."""

    weights: NDArray[np.int32]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]

    @cached_property
    def _matrix(self) -> sp.csr_matrix:
        import scipy.sparse as sp

        return sp.csr_matrix((self.weights, (self.rows, self.columns)), shape=self.shape)

    def csr(self, source: Grid, target: Grid) -> sp.csr_matrix:
        """(target neurons, source neurons) weight mantissas."""
        return self._matrix

    def apply(self, source: Grid, target: Grid, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(steps, source neurons) spikes -> (steps, target neurons) input, in weight mantissas."""
        return product(self._matrix, spikes)

    def bounds(self, source: Grid, target: Grid) -> tuple[int, int]:
        """(largest, smallest) sum of weights that any spikes can bring to one target neuron."""
        sums = [np.bincount(self.rows, np.clip(self.weights, *side), self.shape[0]) for side in ((0, None), (None, 0))]
        return int(sums[0].max(initial=0)), int(sums[1].min(initial=0))

    def count(self, source: Grid, target: Grid) -> int:
        """Synapses whose weight is not zero."""
        return len(self.weights)
