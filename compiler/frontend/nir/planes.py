"""Weights of more than 8 bits as two planes of synapses, and what all planes together can bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith

if TYPE_CHECKING:
    import scipy.sparse as sp

Ints = NDArray[np.int64]
MOST = (arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT) + arith.WEIGHT_LIMIT  # of both planes together, where any weight below can be said


def overflow(weights: Sequence[sp.csr_matrix], steady_u: Ints | None, keep_u: Ints) -> float:
    """What spikes can bring, as a share of what a current holds: of each plane the neuron with the most, as the proof of ranges counts."""
    import scipy.sparse as sp

    some = [*weights, *([] if steady_u is None else [sp.csr_matrix(steady_u[:, None])])]
    parts = [(plane, exponent) for w in some for plane, exponent in planes(w)]
    most = 0
    for side in (1, -1):
        each = [int(np.asarray((side * plane).maximum(0).sum(1)).max(initial=0)) << exponent for plane, exponent in parts]
        most = max(most, sum(each))
    leaves = arith.KEEP_ALL - int(keep_u.max(initial=0))
    return most / max((arith.A_LIMIT - 1) * leaves // arith.KEEP_ALL, 1)


def planes(weights: sp.csr_matrix) -> tuple[tuple[sp.csr_matrix, int], ...]:
    """(mantissas, exponent): one plane where 8 bits at some exponent hold all, else a coarse and a fine one."""
    largest = int(np.abs(weights.data).max(initial=0))
    bits = int(np.bitwise_or.reduce(np.abs(weights.data), initial=0))
    for exponent in range(arith.EXPONENT_LIMIT + 1):
        if largest <= arith.WEIGHT_LIMIT << exponent and not bits & ((1 << exponent) - 1):
            return ((_shifted(weights, weights.data >> exponent), exponent),)
    step = 1 << arith.EXPONENT_LIMIT
    coarse = np.trunc(weights.data / step).astype(np.int64)  # both planes of one sign, so that what they bring at most adds up
    return (_shifted(weights, coarse), arith.EXPONENT_LIMIT), (_shifted(weights, weights.data - coarse * step), 0)


def _shifted(weights: sp.csr_matrix, data: Ints) -> sp.csr_matrix:
    import scipy.sparse as sp

    found = sp.csr_matrix((data, weights.indices, weights.indptr), shape=weights.shape, copy=True)
    found.eliminate_zeros()
    return found
