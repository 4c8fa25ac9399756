"""One weight wherever two neurons agree: identities, masks, both sides of a product, sums over what is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Boxes, Tiling, neurons, whole
from tritspike.runtime.network.grid import Grid, Index
from tritspike.runtime.network.neuron import Register
from tritspike.runtime.network.wiring import reach, tables
from tritspike.runtime.network.wiring.apply import Listed, gather
from tritspike.runtime.network.wiring.maps import Follow, Map, followed, meetings, shown
from tritspike.runtime.network.wiring.once import once
from tritspike.runtime.network.wiring.reach import Between, Extents, Lists, Stage, Ties

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
        column = np.broadcast_to(grids.flat(source, at), row.shape)  # of a source without axes there is one number
        there = (column >= 0) & (self.weight != 0)
        weights = np.full(int(there.sum()), self.weight, np.int32)
        return sp.csr_matrix((weights, (row[there], column[there])), shape=(grids.size(target), grids.size(source)))

    def matrix(self, source: Grid, target: Grid) -> None:
        """It has none."""

    def listed(self, source: Grid, target: Grid) -> Listed:
        """Its synapses one by one, of one weight."""
        found = gather(self.read, source, target)
        return Listed(found.starts, found.columns, np.array([self.weight], np.int32))

    def apply(self, source: Grid, target: Grid, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(steps, source neurons) spikes -> (steps, target neurons) input, in weight mantissas."""
        counts = gather(self.read, source, target).counts(spikes)
        return np.multiply(counts, self.weight, dtype=np.int64, casting="unsafe")

    @once
    def bounds(self, source: Grid, target: Grid) -> tuple[int, int]:
        """(largest, smallest) sum of weights that any spikes can bring to one target neuron."""
        total = tables.most(tables.parts(self.read, source, target, ())) * self.weight
        return max(total, 0), min(total, 0)

    @once
    def count(self, source: Grid, target: Grid) -> int:
        """Synapses whose weight is not zero."""
        return int(self.count_in(source, target, whole(target))[0])

    def _nonzero(self) -> NDArray[np.bool_]:
        """As a matrix of one row and one column."""
        return np.array([[self.weight != 0]])

    def connections(self, source: Grid, target: Grid) -> int:
        """Synapses: a weight of 0 is none."""
        return self.count(source, target)

    def count_in(self, source: Grid, target: Grid, boxes: Boxes) -> Index:
        """(boxes,) synapses on the target neurons of each box."""
        return tables.count_in(list(tables.parts(self.read, source, target, ())), self._nonzero(), target, boxes)

    def fan_out(self, source: Grid, target: Grid) -> Register:
        """Synapses on each source neuron: one number, or one for each cell of the coordinates that matter."""
        return tables.fan_out(list(tables.parts(self.read, source, target, ())), self._nonzero(), source, self.read)

    def sources_of(self, source: Grid, target: Grid, boxes: Boxes) -> Boxes:
        """(boxes, source coordinates, 2): the source neurons that reach each, as `reach.sources_of` says; none where the weight is 0."""
        return reach.sources_of(self.read, source, target, boxes) * int(self.weight != 0)

    def heard(self, source: Grid, target: Grid, box: NDArray[np.int64]) -> Index:
        """Ascending, the source neurons that one box needs an axon for."""
        return neurons(self.sources_of(source, target, box[None])[0], source)

    def most_sources(self, source: Grid, lengths: Extents) -> Extents:
        """Of each source coordinate, the values that reach a target box of these lengths, at most."""
        return reach.most_sources(self.read, source, lengths)

    def most_senders(self, target: Grid, lengths: Extents) -> Extents:
        """Of each source coordinate, the values in a source box of these lengths that reach anything, at most."""
        return reach.most_senders(self.read, target, lengths)

    def steps(self, source: Grid) -> Index:
        """(source coordinates,) strides between the values that `sources_of` means."""
        return reach.steps(self.read, source)

    def between(self, senders: Tiling, hearers: Tiling) -> Between:
        """Which slices of the source reach which of the target, with how many neurons."""
        wanted = self.sources_of(senders.grid, hearers.grid, hearers.boxes)
        return reach.between(senders, wanted, self.steps(senders.grid))

    @property
    def shared(self) -> int:
        """The one weight mantissa of all its synapses."""
        return self.weight

    def weighing(self, weight: int) -> Join:
        """The same synapses of another weight."""
        return replace(self, weight=weight)

    def behind(self, along: str) -> bool:
        """Whether a target neuron hears source neurons that come before it along an axis."""
        return reach.behind(self.read, along)

    @property
    def numbers(self) -> NDArray[Any]:
        """Every weight that it holds."""
        return np.array([self.weight])

    @property
    def largest(self) -> float:
        """Of all weights, without its sign."""
        return float(np.abs(self.numbers).max(initial=0))

    def heaviest(self, source: Grid, target: Grid) -> float:
        """The most that the weights on one target neuron add up to, without their signs."""
        return tables.most(tables.parts(self.read, source, target, ())) * abs(float(self.weight))

    def rounded(self, scale: float, most: int) -> Join:
        """Weights times `scale`, as whole numbers of at most `most`."""
        return replace(self, weight=int(np.rint(self.weight * scale).clip(-most, most)))

    @property
    def learned(self) -> tuple[int, int]:
        """How many numbers it holds: (weights, gains)."""
        return 1, 0

    def shown(self, checksum: Callable[[NDArray[np.int64]], str]) -> str:
        """In a line."""
        return f"join {shown(self.read)} * {self.weight}"

    def weight_range(self) -> tuple[int, int]:
        """(smallest, largest) weight mantissa, or 0."""
        return min(self.weight, 0), max(self.weight, 0)

    def ties(self, target: Grid) -> Ties:
        """How lists of synapses depend on where their neurons are."""
        return Ties(tuple(self.read), (), reach.spread_of(target, followed(self.read), ()))

    def lists(self, source: Grid, target: Grid) -> Callable[[Tiling], Lists]:
        """Counts the lists of synapses in the slices of tilings of the target: one of one synapse, once for all that it is spread over."""
        some = np.zeros(int(self.weight != 0), np.int64)
        return lambda tiling: Lists(np.zeros(len(tiling), np.int64), some, some + 1)

    def onward(self, axis: str, source: Grid, target: Grid) -> Join | None:
        """From each stage along a first axis to the next, where these synapses lead each neuron to its like; None where they do not."""
        if source != target or self.read != {name: Follow(name) for name in grids.names(source)}:
            return None
        return replace(self, read={axis: Follow(axis, 1, -1), **self.read})

    def staged(self, stage: Stage, source: Grid, target: Grid) -> Join:
        """The same between stacks of such grids."""
        return replace(self, read={stage.axis: stage.rule, **self.read})
