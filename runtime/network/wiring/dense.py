"""A matrix of codes, the same wherever the map says that it applies: linear layers, window and convolution taps, pooled readouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid, Index
from tritspike.runtime.network.wiring.apply import by_matrix, product
from tritspike.runtime.network.wiring.maps import Map, followed, meetings
from tritspike.runtime.network.wiring.reduced import reduced

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class Dense:
    """weight(target, source) = gain[row] * codes[row, column] wherever the source's mapped coordinates are those that `read` gives.

    codes: (rows, columns) int8; gain: (rows,) int64, in weight mantissas. Columns run over the source's coordinates that `read` does not
    name. Rows run over `rows`, coordinates of the target (default: those that nothing follows); along its others the target is alike.
    """

    codes: NDArray[np.int8]
    gain: NDArray[np.int64]
    read: Map = field(default_factory=dict)
    rows: tuple[str, ...] | None = None

    def row_names(self, target: Grid) -> tuple[str, ...]:
        """The target's coordinates that the rows of codes run over."""
        return tuple(n for n in grids.names(target) if n not in followed(self.read)) if self.rows is None else self.rows

    @cached_property
    def weights(self) -> NDArray[np.int32]:
        """(rows, columns) weight mantissas."""
        return (self.codes * self.gain[:, None]).astype(np.int32)

    def csr(self, source: Grid, target: Grid) -> sp.csr_matrix:
        """(target neurons, source neurons) weight mantissas; those of weight 0 are left out."""
        import scipy.sparse as sp

        at, row, _ = meetings(self.read, source, target)
        codes = sp.csr_matrix(self.weights)
        base, columns = _places(source, at, len(row))
        there = base >= 0
        row, base = row[there], base[there]
        code = _number(target, self.row_names(target))[row]
        length = np.diff(codes.indptr)[code]
        begin = np.repeat(codes.indptr[code] - (np.cumsum(length) - length), length)
        gather = begin + np.arange(int(length.sum()))
        places = (np.repeat(row, length), np.repeat(base, length) + columns[codes.indices[gather]])
        return sp.csr_matrix((codes.data[gather], places), shape=(grids.size(target), grids.size(source)))

    def apply(self, source: Grid, target: Grid, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(steps, source neurons) spikes -> (steps, target neurons) input, in weight mantissas."""
        found = by_matrix(self.weights, self.read, self.row_names(target), source, target, spikes)
        return product(self.csr(source, target), spikes) if found is None else found

    def bounds(self, source: Grid, target: Grid) -> tuple[int, int]:
        """(largest, smallest) sum of weights that any spikes can bring to one target neuron."""
        most, w = reduced(self.read, source, target, self.row_names(target)).most, self.weights.astype(np.int64)
        if not most or not w.size:
            return 0, 0
        return int(np.maximum(w, 0).sum(1).max()) * most, int(np.minimum(w, 0).sum(1).min()) * most

    def count(self, source: Grid, target: Grid) -> int:
        """Synapses whose weight is not zero."""
        return reduced(self.read, source, target, self.row_names(target)).total * int(np.count_nonzero(self.weights))


def _places(source: Grid, at: dict[str, Index], meetings: int) -> tuple[Index, Index]:
    """(meetings,) source neuron of each meeting's first column, -1 where there is none; (columns,) what each column adds to it."""
    sizes = grids.extents(source)
    names = [name for name in grids.names(source) if name not in at]
    over = np.unravel_index(np.arange(int(np.prod([sizes[n] for n in names], dtype=np.int64))), [sizes[n] for n in names]) if names else ()
    columns = dict(zip(names, over))
    nowhere = {name: np.zeros(1, np.int64) for name in grids.names(source)}
    base = grids.flat(source, {**{n: np.zeros(meetings, np.int64) for n in names}, **at})
    return base, grids.flat(source, {**{n: np.zeros(len(over[0]) if names else 1, np.int64) for n in nowhere}, **columns})


def _number(target: Grid, names: tuple[str, ...]) -> Index:
    """(neurons,) row of codes of each target neuron."""
    sizes, at, found = grids.extents(target), grids.coordinates(target), np.zeros(grids.size(target), np.int64)
    for name in names:
        found = found * sizes[name] + at[name]
    return found
