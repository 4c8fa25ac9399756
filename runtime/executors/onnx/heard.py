"""What a population hears in one step: each synapse a product by a matrix, or a gather, of which much is no more than a broadcast."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from tritspike.runtime import arith
from tritspike.runtime.executors.onnx.nodes import Nodes, scaled
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid, Pairs
from tritspike.runtime.network.network import Network, Synapse
from tritspike.runtime.network.wiring.apply import Cells, Listed

_SAFE = 127  # counts that a product of unsigned by signed octets adds in pairs in 16 bits, on machines that do so


@dataclass(eq=False)
class Sources:
    """The last step's spikes, by population; what several synapses need of them is made once."""

    nodes: Nodes
    network: Network
    spikes: dict[str, str]
    _made: dict[str, str] = field(default_factory=dict)

    def padded(self, name: str) -> str:
        """With a neuron behind the last that never spikes."""
        made = f"{name}/padded"
        if made not in self._made:
            constants = self.nodes.constants
            never = constants.of("constant/never", np.array(False))
            self._made[made] = self.nodes.op(made, "Pad", self.spikes[name], constants.shape(0, 0, 0, 1), never)
        return self._made[made]

    def octets(self, name: str) -> str:
        """As uint8, for a product."""
        made = f"{name}/octets"
        if made not in self._made:
            self._made[made] = self.nodes.op(made, "Cast", self.spikes[name], to=TensorProto.UINT8)
        return self._made[made]


@dataclass(frozen=True)
class Term:
    """int32, (streams, the target's axes or 1 in their place), to be taken `factor` times, which counts 1/64 of a synaptic unit."""

    tensor: str
    shape: tuple[int, ...]
    factor: int


def axes(grid: Grid) -> tuple[int, ...]:
    """Sizes of a grid laid out, both sides of pairs where all of them are there; one cell without axes."""
    found = [[axis.query.size, axis.key.size] if isinstance(axis, Pairs) and not axis.causal else [axis.cells] for axis in grid]
    return tuple(size for sizes in found for size in sizes) or (1,)


def narrowed(at: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same with one cell in the place of each axis but the last along which nothing changes."""
    for axis in range(at.ndim - 1):
        first = at.take([0], axis)
        if at.shape[axis] > 1 and (at == first).all():
            at = first
    return at


def summed_along(at: NDArray[np.int32], size: int) -> int:
    """Where the last axis, which is summed over, may go so that all source neurons stand in order; where it is if nowhere."""
    order, last = np.arange(size), at.ndim - 1
    return next((axis for axis in range(at.ndim) if at.size == size and (np.moveaxis(at, -1, axis).ravel() == order).all()), last)


@dataclass(frozen=True, eq=False)
class Heard:
    """One synapse in the graph."""

    sources: Sources
    synapse: Synapse

    @property
    def nodes(self) -> Nodes:
        """Of the body."""
        return self.sources.nodes

    @property
    def name(self) -> str:
        """Of its group: that of its target, within it its own."""
        return f"{self.synapse.target}/{self.synapse.name}"

    @cached_property
    def _grids(self) -> tuple[Grid, Grid]:
        return self.sources.network.grids(self.synapse)

    def term(self) -> Term | None:
        """None where it brings nothing."""
        wiring, factor = self.synapse.wiring, arith.ONE << self.synapse.exponent
        matrix = wiring.matrix(*self._grids)
        if matrix is not None:
            return self._product(*matrix, factor) if matrix[1].any() else None
        listed = wiring.listed(*self._grids)
        if not len(listed.columns) or not listed.weights.any():
            return None
        alike = len(listed.weights) == 1 and len(set(np.diff(listed.starts[0]))) == 1
        return self._shared(listed, factor) if alike else self._each(listed, factor)

    def _product(self, cells: Cells, weights: NDArray[np.int32], factor: int) -> Term:
        """By a matrix, once in every cell."""
        counts, most = self._columns(cells)
        found = self._multiplied(counts, weights, most)
        found = self.nodes.reshaped(f"{self.name}/flat", found, cells.places.size)
        places = cells.places.ravel()
        if (np.diff(places) != 1).any():
            order = self.nodes.constants.of(f"{self.name}/places", np.argsort(places).astype(np.int32))
            found = self.nodes.op(f"{self.name}/placed", "Gather", found, order, axis=1)
        return self._laid_out(found, factor)

    def _columns(self, cells: Cells) -> tuple[str, int]:
        """((streams, cells, columns) counts, the most that one may be)."""
        at, size = cells.found.at, grids.size(self._grids[0])
        shape = (len(cells.places), len(at) // max(len(cells.places), 1))
        times = at.shape[1]
        if times == 1:
            whole = at.size == size and (at.ravel() == np.arange(size)).all()
            spikes = self.sources.octets(self.synapse.source)
            return self.nodes.reshaped(f"{self.name}/cells", spikes if whole else self._gathered(at, octets=True), *shape), 1
        spikes = self.nodes.wide(f"{self.name}/wide", self.nodes.reshaped(f"{self.name}/cells", self._gathered(at), *shape, times))
        counts = self.nodes.op(f"{self.name}/counts", "ReduceSum", spikes, self.nodes.constants.shape(-1), keepdims=0)
        if times <= _SAFE:
            counts = self.nodes.op(f"{self.name}/octets", "Cast", counts, to=TensorProto.UINT8)
        return counts, times

    def _multiplied(self, counts: str, weights: NDArray[np.int32], most: int) -> str:
        """(streams, cells, rows)."""
        codes, gains = scaled(weights)
        constants, kind = self.nodes.constants, "MatMulInteger" if most <= _SAFE else "MatMul"
        if most > _SAFE or not constants.holds(codes):
            matrix = constants.of(f"{self.name}/weights", np.ascontiguousarray(weights.T).astype(np.int8 if most <= _SAFE else np.int32))
            return self.nodes.op(f"{self.name}/product", kind, counts, matrix)
        matrix = constants.two_bits(f"{self.name}/codes", np.ascontiguousarray(codes.T))
        found = self.nodes.op(f"{self.name}/product", kind, counts, matrix)
        return self.nodes.op(f"{self.name}/weighed", "Mul", found, constants.of(f"{self.name}/gain", gains.astype(np.int32)))

    def _shared(self, listed: Listed, factor: int) -> Term:
        """Synapses of one weight, as many on each target neuron."""
        times = int(listed.starts[0, 1])
        target = axes(self._grids[1])
        at = narrowed(listed.columns.reshape(*target, times))
        shape, weight = at.shape[:-1], int(listed.weights[0]) * factor
        if times == 1:
            return Term(self.nodes.wide(f"{self.name}/wide", self._shaped(at, shape)), shape, weight)
        over = summed_along(at, grids.size(self._grids[0]))
        moved = np.moveaxis(at, -1, over)
        spikes = self.nodes.wide(f"{self.name}/wide", self._shaped(moved, moved.shape))
        return Term(self.nodes.op(f"{self.name}/counts", "ReduceSum", spikes, self.nodes.constants.shape(1 + over), keepdims=0), shape, weight)

    def _shaped(self, at: NDArray[np.int32], shape: tuple[int, ...]) -> str:
        found = self._gathered(at)
        return found if len(shape) == 1 else self.nodes.reshaped(f"{self.name}/shaped", found, *shape)

    def _each(self, listed: Listed, factor: int) -> Term:
        """Synapses of weights of their own, those of a target neuron end to end: sums from one end to the next."""
        constants, weights = self.nodes.constants, listed.weights[None]
        spikes = self.nodes.wide(f"{self.name}/wide", self._gathered(listed.columns))
        weighed = self.nodes.op(f"{self.name}/weighed", "Mul", spikes, constants.of(f"{self.name}/weights", weights))
        if (np.diff(listed.starts[0]) == 1).all():
            return self._laid_out(weighed, factor)
        sums = self.nodes.op(f"{self.name}/sums", "CumSum", weighed, constants.number(1, np.int64))
        below = self.nodes.op(f"{self.name}/below", "Pad", sums, constants.shape(0, 1, 0, 0), constants.number(0))
        starts = listed.starts[0].astype(np.int32)
        ends = [constants.of(f"{self.name}/{what}", at) for what, at in (("begins", starts[:-1]), ("ends", starts[1:]))]
        low, high = (self.nodes.op(f"{self.name}/{what}", "Gather", below, at, axis=1) for what, at in zip(("low", "high"), ends))
        return self._laid_out(self.nodes.op(f"{self.name}/total", "Sub", high, low), factor)

    def _laid_out(self, tensor: str, factor: int) -> Term:
        """(streams, neurons) over the target's axes."""
        shape = axes(self._grids[1])
        return Term(tensor if len(shape) == 1 else self.nodes.reshaped(f"{self.name}/shaped", tensor, *shape), shape, factor)

    def _gathered(self, at: NDArray[Any], octets: bool = False) -> str:
        """(streams, cells) spikes of these source neurons, of which one behind the last is none."""
        flat, size, source = np.ascontiguousarray(at.ravel().astype(np.int32)), grids.size(self._grids[0]), self.synapse.source
        if len(flat) == size and (flat == np.arange(size)).all():
            return self.sources.spikes[source]
        beyond = bool((flat == size).any())
        spikes = self.sources.padded(source) if beyond else self.sources.spikes[source]
        found = self.nodes.op(f"{self.name}/gathered", "Gather", spikes, self.nodes.constants.of(f"{self.name}/at", flat), axis=1)
        return self.nodes.op(f"{self.name}/octets", "Cast", found, to=TensorProto.UINT8) if octets else found


def by_factor(terms: list[Term]) -> dict[int, list[Term]]:
    """Those that are taken equally often, together."""
    found: dict[int, list[Term]] = defaultdict(list)
    for term in terms:
        found[term.factor].append(term)
    return dict(found)
