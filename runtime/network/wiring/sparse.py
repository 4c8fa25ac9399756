"""Any synapses at all, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Boxes, Tiling
from tritspike.runtime.network.grid import Grid, Index
from tritspike.runtime.network.neuron import Register, Values
from tritspike.runtime.network.wiring import reach, tables
from tritspike.runtime.network.wiring.apply import Listed, product
from tritspike.runtime.network.wiring.once import once
from tritspike.runtime.network.wiring.reach import Between, Extents, Lists, Stage, Ties

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

    def matrix(self, source: Grid, target: Grid) -> None:
        """It has none."""

    def listed(self, source: Grid, target: Grid) -> Listed:
        """Its synapses one by one."""
        return Listed.of(self.csr(source, target))

    def apply(self, source: Grid, target: Grid, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(steps, source neurons) spikes -> (steps, target neurons) input, in weight mantissas."""
        return product(self._matrix, spikes)

    @once
    def bounds(self, source: Grid, target: Grid) -> tuple[int, int]:
        """(largest, smallest) sum of weights that any spikes can bring to one target neuron."""
        sums = [np.bincount(self.rows, np.clip(self.weights, *side), self.shape[0]) for side in ((0, None), (None, 0))]
        return int(sums[0].max(initial=0)), int(sums[1].min(initial=0))

    @once
    def count(self, source: Grid, target: Grid) -> int:
        """Synapses whose weight is not zero."""
        return len(self.weights)

    def connections(self, source: Grid, target: Grid) -> int:
        """Synapses: those of weight 0 are not listed."""
        return self.count(source, target)

    def count_in(self, source: Grid, target: Grid, boxes: Boxes) -> Index:
        """(boxes,) synapses on the target neurons of each box."""
        return tables.sums(tables.over(target, np.bincount(self.rows, minlength=self.shape[0])), boxes)

    def fan_out(self, source: Grid, target: Grid) -> Register:
        """Synapses on each source neuron."""
        return Values(grids.names(source), tables.over(source, np.bincount(self.columns, minlength=self.shape[1])))

    def sources_of(self, source: Grid, target: Grid, boxes: Boxes) -> Boxes:
        """(boxes, source coordinates, 2): the smallest box around the source neurons that reach each; it may hold others, `columns_of` does not."""
        at, out = grids.coordinates(source), np.zeros((len(boxes), len(grids.names(source)), 2), np.int64)
        for n, box in enumerate(boxes):
            if len(columns := self.columns_of(target, box)):
                out[n] = [(at[name][columns].min(), at[name][columns].max() + 1) for name in grids.names(source)]
        return out

    def columns_of(self, target: Grid, box: NDArray[np.int64]) -> Index:
        """Ascending, the source neurons that reach one box."""
        at = grids.coordinates(target)
        inside = [(at[name] >= start) & (at[name] < stop) for name, (start, stop) in zip(grids.names(target), box)]
        return np.unique(self.columns[np.all(inside, axis=0)[self.rows]])

    def heard(self, source: Grid, target: Grid, box: NDArray[np.int64]) -> Index:
        """Ascending, the source neurons that one box needs an axon for."""
        return self.columns_of(target, box)

    def most_sources(self, source: Grid, lengths: Extents) -> Extents:
        """Of each source coordinate, the values that reach a target box of these lengths, at most: any."""
        any_length = next(iter(lengths.values()), np.ones(1, np.int64))
        return {name: np.full_like(any_length, size) for name, size in grids.extents(source).items()}

    def most_senders(self, target: Grid, lengths: Extents) -> Extents:
        """Of each source coordinate, the values in a source box of these lengths that reach anything, at most: all."""
        return lengths

    def steps(self, source: Grid) -> Index:
        """(source coordinates,) 1 each."""
        return np.ones(len(grids.names(source)), np.int64)

    def between(self, senders: Tiling, hearers: Tiling) -> Between:
        """Which slices of the source reach which of the target, with how many neurons."""
        return reach.listed_between(self.rows, self.columns, senders, hearers)

    @property
    def shared(self) -> None:
        """Its synapses have weights of their own."""

    def weighing(self, weight: int) -> Sparse:
        """A list of synapses has no one weight."""
        raise NotImplementedError(f"listed synapses cannot weigh {weight}")

    def behind(self, along: str) -> bool:
        """A list knows no axes; none of its ends grows."""
        return False

    @property
    def numbers(self) -> NDArray[Any]:
        """Every weight that it holds."""
        return self.weights

    @property
    def largest(self) -> float:
        """Of all weights, without its sign."""
        return float(np.abs(self.numbers).max(initial=0))

    def heaviest(self, source: Grid, target: Grid) -> float:
        """The most that the weights on one target neuron add up to, without their signs."""
        return float(np.bincount(self.rows, np.abs(self.weights), self.shape[0]).max(initial=0))

    def rounded(self, scale: float, most: int) -> Sparse:
        """Weights times `scale`, as whole numbers of at most `most`."""
        weights = np.rint(self.weights * scale).clip(-most, most).astype(np.int32)
        there = weights != 0
        return replace(self, weights=weights[there], rows=self.rows[there], columns=self.columns[there])

    @property
    def learned(self) -> tuple[int, int]:
        """How many numbers it holds: (weights, gains)."""
        return len(self.weights), 0

    def shown(self, checksum: Callable[[NDArray[Any]], str]) -> str:
        """In a line."""
        return f"sparse {self.shape[0]}x{self.shape[1]} of {len(self.weights)} {checksum(self.weights)}"

    def weight_range(self) -> tuple[int, int]:
        """(smallest, largest) weight mantissa, or 0."""
        return int(self.weights.min(initial=0)), int(self.weights.max(initial=0))

    def ties(self, target: Grid) -> Ties:
        """How lists of synapses depend on where their neurons are: each is one of its own."""
        return Ties((), grids.names(target), ())

    def lists(self, source: Grid, target: Grid) -> Callable[[Tiling], Lists]:
        """Counts the lists of synapses in the slices of tilings of the target."""
        return reach.listed_lists(self.rows, self.columns, self.shape[1])

    def onward(self, axis: str, source: Grid, target: Grid) -> None:
        """From each stage to the next, where these synapses lead each neuron to its like: a list is not asked."""

    def staged(self, stage: Stage, source: Grid, target: Grid) -> Sparse:
        """The same between stacks of such grids."""
        shape = (self.shape[0] * stage.targets, self.shape[1] * stage.sources)
        return replace(self, columns=self.columns + stage.tap * self.shape[1], shape=shape)
