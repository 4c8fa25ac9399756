"""Neuron configurations: what a core stores once for all neurons that share it. A population with registers one a neuron has several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tritspike.compiler.mapping.stacking import phase
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, even_cuts
from tritspike.runtime.network.grid import Axis, Grid, Index
from tritspike.runtime.network.network import Population, Scheduled
from tritspike.runtime.network.neuron import Register, Values


@dataclass(frozen=True, eq=False)
class Settings:
    """numbers: of the configuration of each cell of the coordinates `along`, the same along all others."""

    along: tuple[str, ...]
    numbers: Index

    def held(self, tiling: Tiling) -> list[frozenset[int]]:
        """Of each slice."""
        at = [grids.names(tiling.grid).index(name) for name in self.along]
        ranges, which = np.unique(tiling.boxes[:, at].reshape(len(tiling), -1), axis=0, return_inverse=True)
        found = [frozenset(self._inside(row.reshape(-1, 2)).tolist()) for row in ranges]
        return [found[n] for n in which.ravel()]

    def most(self, pieces: Sequence[int]) -> int:
        """Configurations of the slice that has most, where `along` is cut into so many pieces."""
        cuts = tuple(even_cuts(size, n) for size, n in zip(self.numbers.shape, pieces))
        grid: Grid = tuple(Axis(name, size) for name, size in zip(self.along, self.numbers.shape))
        return max(len(np.unique(self._inside(box))) for box in Tiling(grid, cuts).boxes)

    def _inside(self, box: Index) -> Index:
        return self.numbers[tuple(slice(start, stop) for start, stop in box)].ravel()


@dataclass(eq=False)
class Numbered:
    """Numbers configurations across populations as they are met."""

    known: dict[tuple[object, ...], int] = field(default_factory=dict)

    def settings(self, program: Scheduled, p: Population) -> Settings:
        """Of one population: keep, keep_u, vth, bias exponent, and when its neurons are cleared."""
        assert p.neuron is not None, "a host plays it"
        registers = (p.neuron.keep, p.neuron.keep_u, p.neuron.vth)
        sizes = grids.extents(p.grid)
        along = tuple(n for n in grids.names(p.grid) if any(isinstance(r, Values) and n in r.along for r in registers))
        shape = tuple(sizes[n] for n in along)
        each = np.stack([np.broadcast_to(_over(r, along, shape), shape).ravel() for r in registers], 1)
        shared = (p.neuron.bias and p.neuron.bias.exponent, phase(program, p))
        rows, which = np.unique(each, axis=0, return_inverse=True)
        numbers = np.array([self.known.setdefault((*row, *shared), len(self.known)) for row in rows.tolist()], np.int64)
        return Settings(along, numbers[which.ravel()].reshape(shape))


def _over(register: Register, along: tuple[str, ...], shape: tuple[int, ...]) -> Index:
    """Laid out over coordinates that hold all of its own."""
    if not isinstance(register, Values):
        return np.array(register, np.int64)
    order = np.argsort([along.index(name) for name in register.along], kind="stable")
    ours = [register.along[n] for n in order]
    found = register.numbers.transpose(order)[tuple(slice(shape[along.index(name)]) for name in ours)]  # a text may be shorter
    return found.reshape([size if name in ours else 1 for name, size in zip(along, shape)])
