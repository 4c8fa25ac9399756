"""How one population reaches another, in structured form: a rule instead of L*L*D index lists.

A population's neurons form a grid of named axes, flattened in that order. The axes:
    i, j  position (of a query, of a key)      p  pair (i, j) of positions, only j <= i where causal, i-major
    h, d  head and channel in it        e  hidden channel        f  FFN channel        c  class
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse as sp

Index = NDArray[np.int64]
GRIDS = ("i", "ie", "ihd", "if", "hp", "hpd", "c", "ic")  # what populations are laid out over; j is an i that a key is read by


@dataclass(frozen=True)
class Dims:
    """Sizes of the axes for one compiled length."""

    positions: int
    heads: int
    head_dim: int
    hidden: int
    ffn: int
    classes: int
    causal: bool

    @cached_property
    def pairs(self) -> tuple[Index, Index]:
        """(i, j) of every pair on axis p."""
        grid = np.ones((self.positions, self.positions), np.bool_)
        i, j = np.nonzero(np.tril(grid) if self.causal else grid)
        return i, j

    def size(self, axes: str) -> int:
        """Neurons in a grid of these axes."""
        return int(np.prod([self.axis(a) for a in axes], dtype=np.int64))

    def axis(self, name: str) -> int:
        """Length of one axis."""
        if name == "p":
            return self.positions * (self.positions + 1) // 2 if self.causal else self.positions**2
        return {"i": self.positions, "j": self.positions, "h": self.heads, "d": self.head_dim, "e": self.hidden, "f": self.ffn, "c": self.classes}[
            name
        ]

    def at_length(self, positions: int) -> Dims:
        """The same model on shorter texts."""
        return replace(self, positions=positions)


@dataclass(frozen=True, eq=False)
class Matrix:
    """The same matrix at every position: (i + offset, in) -> (i, out), nothing beyond the ends. Weight of a synapse = gain[out] * codes[out, in].

    codes: (out, in) int8 in {-1, 0, 1} (of a language model's head on the chip, in -127..127); gain: (out,) int64, in mantissa units.
    """

    codes: NDArray[np.int8]
    gain: NDArray[np.int64]
    offset: int = 0

    def csr(self, source: str, target: str, dims: Dims) -> sp.csr_matrix:
        """(target, source) sparse weight mantissas."""
        import scipy.sparse as sp

        reach = min(max(self.offset, -dims.positions), dims.positions)  # a diagonal further out is refused, not empty
        return sp.kron(sp.eye(dims.positions, k=reach, dtype=np.int32), sp.csr_matrix(self.weights()), format="csr")

    def weights(self) -> NDArray[np.int32]:
        """(out, in) weight mantissas."""
        return (self.codes * self.gain[:, None]).astype(np.int32)

    def bounds(self, source: str, target: str, dims: Dims) -> tuple[int, int]:
        """(largest, smallest) sum that any input can cause, over all target neurons."""
        if abs(self.offset) >= dims.positions:
            return 0, 0
        w = self.weights().astype(np.int64)
        return int(np.maximum(w, 0).sum(1).max()), int(np.minimum(w, 0).sum(1).min())

    def count(self, source: str, target: str, dims: Dims) -> int:
        """Synapses whose weight is not zero."""
        return int(np.count_nonzero(self.weights())) * max(dims.positions - abs(self.offset), 0)


@dataclass(frozen=True, eq=False)
class Pool:
    """A readout matrix summed over positions (`first`: position 0 alone): (i, in) -> (classes)."""

    codes: NDArray[np.int8]
    first: bool

    def weights(self) -> NDArray[np.int32]:
        """(classes, in) weight mantissas, of each position that is read."""
        return self.codes.astype(np.int32)

    def csr(self, source: str, target: str, dims: Dims) -> sp.csr_matrix:
        """(target, source) sparse weight mantissas."""
        import scipy.sparse as sp

        blocks = [sp.csr_matrix(self.weights())] + [self._later()] * (dims.positions - 1)
        return sp.hstack(blocks, format="csr")

    def _later(self) -> sp.csr_matrix:
        import scipy.sparse as sp

        return sp.csr_matrix(self.codes.shape, dtype=np.int32) if self.first else sp.csr_matrix(self.weights())

    def bounds(self, source: str, target: str, dims: Dims) -> tuple[int, int]:
        """(largest, smallest) sum that any input can cause."""
        times = 1 if self.first else dims.positions
        w = self.codes.astype(np.int64)
        return int(np.maximum(w, 0).sum(1).max()) * times, int(np.minimum(w, 0).sum(1).min()) * times

    def count(self, source: str, target: str, dims: Dims) -> int:
        """Synapses whose weight is not zero."""
        return int(np.count_nonzero(self.codes)) * (1 if self.first else dims.positions)


@dataclass(frozen=True)
class Along:
    """One synapse of weight `mantissa` wherever two neurons agree on the axes they share; p stands for its i and j.

    "ihd" -> "hpd" is the query side of a product, "jhd" -> "hpd" the key side, "hpd" -> "hp" a sum over channels, "hp" -> "hpd" its
    spread, "hpd" -> "ihd" a sum over keys, "ie" -> "ie" identity, "i" -> "ie" a mask. `source` names the axes as read here: a key
    is a population over (i, h, d) read as (j, h, d).
    """

    source: str
    mantissa: int = 1

    def edges(self, target: str, dims: Dims) -> tuple[Index, Index]:
        """(source neuron, target neuron) of every synapse."""
        axes = "".join(dict.fromkeys(target + self.source))
        free = axes if "p" not in axes else axes.replace("i", "").replace("j", "")
        grid = dict(zip(free, np.unravel_index(np.arange(dims.size(free)), [dims.axis(a) for a in free])))
        if "p" in grid:
            grid["i"], grid["j"] = (side[grid["p"]] for side in dims.pairs)
        return _flat(self.source, grid, dims), _flat(target, grid, dims)

    def csr(self, source: str, target: str, dims: Dims) -> sp.csr_matrix:
        """(target, source) sparse weight mantissas."""
        import scipy.sparse as sp

        shape = (dims.size(target), dims.size(source))
        if not self.mantissa:
            return sp.csr_matrix(shape, dtype=np.int32)
        columns, rows = self.edges(target, dims)
        return sp.csr_matrix((np.full(len(rows), self.mantissa, np.int32), (rows, columns)), shape=shape)

    def fan_in(self, target: str, dims: Dims) -> int:
        """Most synapses on one target neuron: the axes that are summed away."""
        if "p" in self.source and "p" not in target:
            return dims.positions * dims.size("".join(a for a in self.source if a not in target + "p"))
        return dims.size("".join(a for a in self.source if a not in target and not (a in "ij" and "p" in target)))

    def fan_out(self, target: str, dims: Dims) -> Index:
        """Synapses on one source neuron: (positions,) by its position, or (1,) where that does not matter. A weight of 0 is no synapse."""
        if not self.mantissa:
            return np.zeros(1, np.int64)
        within = "".join(a for a in target if a not in self.source and not (a in "ij" and "p" in self.source))
        if "p" in target and "p" not in self.source:
            side = dims.pairs["ij".index(self.source[0])]
            return np.bincount(side, minlength=dims.positions) * dims.size(within.replace("p", ""))
        return np.full(1, dims.size(within), np.int64)

    def bounds(self, source: str, target: str, dims: Dims) -> tuple[int, int]:
        """(largest, smallest) sum that any input can cause."""
        total = self.fan_in(target, dims) * self.mantissa
        return max(total, 0), min(total, 0)

    def count(self, source: str, target: str, dims: Dims) -> int:
        """Synapses whose weight is not zero; a pair axis stands for both positions."""
        if not self.mantissa:
            return 0
        axes = dict.fromkeys(target + self.source)
        return dims.size("".join(a for a in axes if not (a in "ij" and "p" in axes)))


def _flat(axes: str, grid: dict[str, Index], dims: Dims) -> Index:
    return np.ravel_multi_index([grid[a] for a in axes], [dims.axis(a) for a in axes])


@dataclass(frozen=True)
class Shift:
    """A shift register inside one relay population: stage s to stage s + 1, neuron by neuron. Weight `mantissa`."""

    stages: int
    mantissa: int = 1

    def csr(self, source: str, target: str, dims: Dims) -> sp.csr_matrix:
        """(target, source) sparse weight mantissas over all stages."""
        import scipy.sparse as sp

        n = dims.size(source)
        if not self.mantissa:
            return sp.csr_matrix((self.stages * n,) * 2, dtype=np.int32)
        return sp.diags([np.full((self.stages - 1) * n, self.mantissa, np.int32)], [-n], shape=(self.stages * n,) * 2, format="csr", dtype=np.int32)

    def bounds(self, source: str, target: str, dims: Dims) -> tuple[int, int]:
        """(largest, smallest) sum that any input can cause."""
        return max(self.mantissa, 0), min(self.mantissa, 0)

    def count(self, source: str, target: str, dims: Dims) -> int:
        """Synapses whose weight is not zero."""
        return (self.stages - 1) * dims.size(source) if self.mantissa else 0


Wiring = Matrix | Pool | Along | Shift
