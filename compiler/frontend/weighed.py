"""Sparse matrices of small whole numbers as synapses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritspike.runtime.network.grid import Axis, Grid
from tritspike.runtime.network.terms import Handle, Term, linear, sparse

if TYPE_CHECKING:
    import scipy.sparse as sp

AXIS = "features"  # of every population: its neurons in the order of the file
_DENSE = 0.3  # of a matrix's weights that are not zero: from there on a matrix takes less room than a list


def weighed(source: Handle, weights: sp.csr_matrix) -> Term:
    """weights: (target, source) within -127..127; both are one axis of neurons."""
    if weights.nnz > _DENSE * weights.shape[0] * weights.shape[1]:
        return linear(source, weights.toarray(), into=AXIS)
    at = weights.tocoo()
    return sparse(source, at.row, at.col, at.data, line(weights.shape[0]))


def line(size: int) -> Grid:
    """Of one axis."""
    return (Axis(AXIS, size),)
