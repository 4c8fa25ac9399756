"""A layer over all steps of a batch at once: no delays, no coincidence neurons, the same spikes as `reference` in every window.

Relays repeat their source, so they are their source. A coincidence population is a product that is never built (unless recorded):
its sum over channels or keys is a batched matrix product. All sums are integers below 2^24, so float32 products are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime import arith
from runtime.program import COINCIDENCE, READOUT, RELAY, SOURCE, Population, Program, Result, Samples, Synapse, packed
from runtime.wiring import Along, Dims, Matrix, Pool

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Product:
    """A coincidence population by its two sides, each (spikes, axes as read)."""

    sides: tuple[tuple[Floats, str], tuple[Floats, str]]


def run(program: Program, samples: Samples, record: bool = False) -> Result:
    """Logits of `samples`, and with `record` the spikes of every population that the reference would have."""
    state = _Run(program, samples)
    for population in program.populations:
        state.visit(population)
    logits = program.logits(state.membranes, samples.lengths)
    return Result(logits, {p.name: state.recorded(p) for p in program.populations} if record else None)


class _Run:
    """Spikes (samples, steps, neurons) float32 of the populations visited so far."""

    def __init__(self, program: Program, samples: Samples) -> None:
        self.program, self.samples, self.dims = program, samples, program.dims
        self.spikes: dict[str, Floats] = {}
        self.products: dict[str, _Product] = {}
        self.membranes = np.zeros((len(samples), program.dims.classes), np.int64)

    def visit(self, p: Population) -> None:
        """Compute one population from those before it."""
        if p.role == SOURCE:
            self.spikes[p.name] = self.samples.source(p.name).astype(np.float32)
        elif p.role == RELAY:
            self.spikes[p.name] = self.spikes[self.program.inputs(p.name)[0].source]
        elif p.role == COINCIDENCE:
            first, second = (self._side(s) for s in self.program.inputs(p.name))
            self.products[p.name] = _Product((first, second))
        elif p.role == READOUT:
            self.membranes = self._input(p).sum(1).astype(np.int64) << arith.INPUT_SHIFT
            self.spikes[p.name] = np.zeros((*self._shape(), self.dims.size(p.axes)), np.float32)
        else:
            self.spikes[p.name] = self._fire(p)

    def _side(self, s: Synapse) -> tuple[Floats, str]:
        assert isinstance(s.wiring, Along)
        return self.spikes[s.source], s.wiring.source

    def _shape(self) -> tuple[int, int]:
        return len(self.samples), self.program.steps

    def _fire(self, p: Population) -> Floats:
        drive = self._input(p).astype(np.int64)
        spikes = arith.lif_scan(drive.swapaxes(0, 1), self.program.bias(p), p.keep, p.vth)
        return spikes.swapaxes(0, 1).astype(np.float32)

    def _input(self, p: Population) -> Floats:
        parts = [self._current(s, p) * np.float32(1 << s.exponent) for s in self.program.inputs(p.name)]
        return sum(parts[1:], parts[0])

    def _current(self, s: Synapse, target: Population) -> Floats:
        """What one projection delivers, (samples, steps, target neurons)."""
        wiring = s.wiring
        if isinstance(wiring, Matrix):
            return _per_position(self.spikes[s.source], wiring.weights(), self.dims.positions)
        if isinstance(wiring, Pool):
            return _pooled(self.spikes[s.source], wiring, self.dims.positions)
        assert isinstance(wiring, Along)
        if s.source in self.products:
            return _contract(self.products[s.source], target.axes, self.dims) * np.float32(wiring.mantissa)
        return _spread(self.spikes[s.source], wiring.source, target.axes, self.dims) * np.float32(wiring.mantissa)

    def recorded(self, p: Population) -> NDArray[np.uint8]:
        """Bit-packed windows of one population, stages end to end."""
        if p.name in self.products:
            return packed(_expanded(self.products[p.name], p.axes, self.dims))
        return packed(np.tile(self.spikes[p.name] > 0, p.stages))


def _per_position(spikes: Floats, weights: NDArray[np.int32], positions: int) -> Floats:
    rows = spikes.reshape(-1, weights.shape[1])
    out = rows @ weights.T.astype(np.float32)
    return out.reshape(*spikes.shape[:2], positions * weights.shape[0])


def _pooled(spikes: Floats, wiring: Pool, positions: int) -> Floats:
    grid = spikes.reshape(*spikes.shape[:2], positions, -1)
    total = grid[:, :, 0] if wiring.first else grid.sum(2)
    return total @ wiring.codes.T.astype(np.float32)


def _spread(spikes: Floats, source: str, target: str, dims: Dims) -> Floats:
    """Identity or broadcast: each target neuron hears the one source neuron that shares its axes."""
    columns, rows = Along(source).edges(target, dims)
    return spikes[..., columns[np.argsort(rows, kind="stable")]]


def _grid(values: Floats, axes: str, dims: Dims) -> Floats:
    """(samples, steps, neurons) -> (samples, steps, h, rows, columns), the shape that a batched product wants; pairs fill a square."""
    shape = values.shape[:2]
    if axes == "hp":
        square = np.zeros((*shape, dims.heads, dims.positions, dims.positions), np.float32)
        square[..., dims.pairs[0], dims.pairs[1]] = values.reshape(*shape, dims.heads, -1)
        return square
    return values.reshape(*shape, dims.positions, dims.heads, dims.head_dim).swapaxes(2, 3)


def _contract(product: _Product, target: str, dims: Dims) -> Floats:
    """Sum of a product over the axes that `target` lacks: q k^T for "hp", a v for "ihd"."""
    (left, left_axes), (right, right_axes) = product.sides
    first, second = _grid(left, left_axes, dims), _grid(right, right_axes, dims)
    if target == "hp":
        return (first @ second.swapaxes(-1, -2))[..., dims.pairs[0], dims.pairs[1]].reshape(*left.shape[:2], -1)
    return (first @ second).swapaxes(2, 3).reshape(*right.shape)


def _expanded(product: _Product, axes: str, dims: Dims) -> NDArray[np.bool_]:
    """Every coincidence neuron's spikes."""
    first, second = (_spread(spikes, source, axes, dims) > 0 for spikes, source in product.sides)
    return first & second
