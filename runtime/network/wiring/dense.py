"""A matrix of codes, the same wherever the map says that it applies: linear layers, window and convolution taps, pooled readouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Boxes, Tiling, neurons, whole
from tritspike.runtime.network.grid import Grid, Index
from tritspike.runtime.network.neuron import Register
from tritspike.runtime.network.wiring import reach, tables
from tritspike.runtime.network.wiring.apply import Cells, Listed, by_matrix, cells, product
from tritspike.runtime.network.wiring.maps import Map, followed, meetings, shown
from tritspike.runtime.network.wiring.once import once
from tritspike.runtime.network.wiring.reach import Between, Extents, Lists, Stage, Ties

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

    def _parts(self, source: Grid, target: Grid) -> list[tables.Part]:
        return list(tables.parts(self.read, source, target, self.row_names(target)))

    def csr(self, source: Grid, target: Grid) -> sp.csr_matrix:
        """(target neurons, source neurons) weight mantissas; those of weight 0 are left out."""
        import scipy.sparse as sp

        at, row, _ = meetings(self.read, source, target)
        codes = sp.csr_matrix(self.weights)
        base, columns = _places(source, at, len(row))
        there = base >= 0
        row, base = row[there], base[there]
        code = tables.row_number(target, self.row_names(target))[row]
        length = np.diff(codes.indptr)[code]
        begin = np.repeat(codes.indptr[code] - (np.cumsum(length) - length), length)
        gather = begin + np.arange(int(length.sum()))
        places = (np.repeat(row, length), np.repeat(base, length) + columns[codes.indices[gather]])
        return sp.csr_matrix((codes.data[gather], places), shape=(grids.size(target), grids.size(source)))

    def matrix(self, source: Grid, target: Grid) -> tuple[Cells, NDArray[np.int32]] | None:
        """(where it applies, its weights); None where its rows cut through an axis of pairs."""
        found = cells(self.read, self.row_names(target), source, target)
        return None if found is None else (found, self.weights)

    def listed(self, source: Grid, target: Grid) -> Listed:
        """Its synapses one by one."""
        return Listed.of(self.csr(source, target))

    def apply(self, source: Grid, target: Grid, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(steps, source neurons) spikes -> (steps, target neurons) input, in weight mantissas."""
        found = cells(self.read, self.row_names(target), source, target)
        return product(self.csr(source, target), spikes) if found is None else by_matrix(self.weights, found, spikes)

    @once
    def bounds(self, source: Grid, target: Grid) -> tuple[int, int]:
        """(largest, smallest) sum of weights that any spikes can bring to one target neuron."""
        most, w = tables.most(self._parts(source, target)), self.weights.astype(np.int64)
        if not most or not w.size:
            return 0, 0
        return int(np.maximum(w, 0).sum(1).max()) * most, int(np.minimum(w, 0).sum(1).min()) * most

    @once
    def count(self, source: Grid, target: Grid) -> int:
        """Synapses whose weight is not zero."""
        return int(self.count_in(source, target, whole(target))[0])

    def connections(self, source: Grid, target: Grid) -> int:
        """Synapses, those whose weight is 0 too."""
        return int(tables.count_in(self._parts(source, target), np.ones(self.codes.shape, np.bool_), target, whole(target))[0])

    def count_in(self, source: Grid, target: Grid, boxes: Boxes) -> Index:
        """(boxes,) synapses whose weight is not zero on the target neurons of each box."""
        return tables.count_in(self._parts(source, target), self.weights != 0, target, boxes)

    def fan_out(self, source: Grid, target: Grid) -> Register:
        """Synapses whose weight is not zero on each source neuron: one number, or one for each cell of the coordinates that matter."""
        return tables.fan_out(self._parts(source, target), self.weights != 0, source, self.read)

    def sources_of(self, source: Grid, target: Grid, boxes: Boxes) -> Boxes:
        """(boxes, source coordinates, 2): the source neurons that reach each, as `reach.sources_of` says; columns without weights are among them."""
        return reach.sources_of(self.read, source, target, boxes)

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
    def shared(self) -> None:
        """Its synapses have weights of their own."""

    def weighing(self, weight: int) -> Dense:
        """A matrix has no one weight."""
        raise NotImplementedError(f"a matrix cannot weigh {weight}")

    def behind(self, along: str) -> bool:
        """Whether a target neuron hears source neurons that come before it along an axis."""
        return reach.behind(self.read, along)

    @property
    def numbers(self) -> NDArray[Any]:
        """Every weight that it holds."""
        return self.codes * self.gain[:, None]

    @property
    def largest(self) -> float:
        """Of all weights, without its sign."""
        return float(np.abs(self.numbers).max(initial=0))

    def heaviest(self, source: Grid, target: Grid) -> float:
        """The most that the weights on one target neuron add up to, without their signs."""
        return tables.most(self._parts(source, target)) * float(np.abs(self.numbers).sum(1).max(initial=0))

    def rounded(self, scale: float, most: int) -> Dense:
        """Weights times `scale`, as whole numbers of at most `most`."""
        codes = np.rint(self.numbers * scale).clip(-most, most).astype(np.int8)
        return replace(self, codes=codes, gain=np.ones(len(codes), np.int64))

    @property
    def learned(self) -> tuple[int, int]:
        """How many numbers it holds: (codes, gains)."""
        return self.codes.size, len(self.gain)

    def shown(self, checksum: Callable[[NDArray[Any]], str]) -> str:
        """In a line."""
        rows, columns = self.codes.shape
        gain = f"gain {self.gain.min(initial=0)}..{self.gain.max(initial=0)} {checksum(self.gain)}"
        return f"dense {rows}x{columns} {shown(self.read)} {checksum(self.codes)} {gain}"

    def weight_range(self) -> tuple[int, int]:
        """(smallest, largest) weight mantissa, or 0."""
        return int(self.weights.min(initial=0)), int(self.weights.max(initial=0))

    def ties(self, target: Grid) -> Ties:
        """How lists of synapses depend on where their neurons are. Where a row is followed too, each has a list of its own."""
        rows, follows = self.row_names(target), followed(self.read)
        if follows & set(rows):
            return Ties((), grids.names(target), ())
        return Ties(tuple(self.read), rows, reach.spread_of(target, follows, rows))

    def lists(self, source: Grid, target: Grid) -> Callable[[Tiling], Lists]:
        """Counts the lists of synapses in the slices of tilings of the target."""
        if not self.ties(target).alike and self.read:
            found = self.csr(source, target).tocoo()
            return reach.listed_lists(found.row, found.col, grids.size(source))
        names, sizes = self.row_names(target), grids.extents(target)
        shape = tuple(sizes[name] for name in names)
        dtype = np.int16 if np.prod(shape) < 1 << 15 else np.int32
        below = tables.below_of((self.weights != 0).reshape(*shape, -1).astype(dtype), len(shape))
        at = [grids.names(target).index(name) for name in names]
        return lambda tiling: _counted(below, tiling.boxes[:, at])

    def onward(self, axis: str, source: Grid, target: Grid) -> None:
        """From each stage to the next, where these synapses lead each neuron to its like: a matrix is not asked."""

    def staged(self, stage: Stage, source: Grid, target: Grid) -> Dense:
        """The same between stacks of such grids."""
        return replace(self, read={stage.axis: stage.rule, **self.read}, rows=self.row_names(target))


def _places(source: Grid, at: dict[str, Index], meetings: int) -> tuple[Index, Index]:
    """(meetings,) source neuron of each meeting's first column, -1 where there is none; (columns,) what each column adds to it."""
    sizes = grids.extents(source)
    names = [name for name in grids.names(source) if name not in at]
    over = np.unravel_index(np.arange(int(np.prod([sizes[n] for n in names], dtype=np.int64))), [sizes[n] for n in names]) if names else ()
    columns = dict(zip(names, over))
    count = len(over[0]) if names else 1
    base = grids.flat(source, {**{n: np.zeros(meetings, np.int64) for n in names}, **at})
    added = grids.flat(source, {**{n: np.zeros(count, np.int64) for n in grids.names(source)}, **columns})
    return np.broadcast_to(base, (meetings,)), np.broadcast_to(added, (count,))  # of a source without axes each is one number


def _counted(below: NDArray[Any], rows: Boxes) -> Lists:
    """Lists by column, from sums over all rows below an index."""
    ranges, group = np.unique(rows.reshape(len(rows), -1), axis=0, return_inverse=True)
    each = tables.corners(below, ranges.reshape(len(ranges), -1, 2))
    of, column = np.nonzero(each)
    return Lists(group.ravel(), of, each[of, column])
