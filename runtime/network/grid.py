"""What the neurons of a population are laid out over: named axes, flattened in order, the last one fastest.

A grid is a tuple of `Axis` and `Pairs`. Its *coordinates* are the names that wirings follow: an axis has one, a pair two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
Coordinates = dict[str, Index]


@dataclass(frozen=True)
class Axis:
    """`size` cells. grows: cut to a text's length by `at_length`; all growing axes of a network have one size."""

    name: str
    size: int
    grows: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.size, np.integer):  # as numpy counts
            object.__setattr__(self, "size", int(self.size))

    @property
    def names(self) -> tuple[str, ...]:
        """Its one coordinate."""
        return (self.name,)

    @property
    def cells(self) -> int:
        """Neurons along it."""
        return self.size

    def coordinates(self) -> Coordinates:
        """Of every cell."""
        return {self.name: np.arange(self.size)}

    def cell(self, at: Mapping[str, Index]) -> Index:
        """The cell at coordinates; -1 where there is none."""
        place = at[self.name]
        return np.where((place >= 0) & (place < self.size), place, -1)

    def at_length(self, length: int) -> Axis:
        """Cut to `length`, where it grows."""
        return replace(self, size=length) if self.grows else self


@dataclass(frozen=True)
class Pairs:
    """One axis of (query, key) cells, query by query; where `causal` only those whose key is not behind the query."""

    query: Axis
    key: Axis
    causal: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Query and key."""
        return self.query.name, self.key.name

    @property
    def cells(self) -> int:
        """Neurons along it."""
        return self.query.size * (self.query.size + 1) // 2 if self.causal else self.query.size * self.key.size

    def coordinates(self) -> Coordinates:
        """Of every cell."""
        return dict(zip(self.names, _pairs(self)))

    def cell(self, at: Mapping[str, Index]) -> Index:
        """The cell at coordinates; -1 where there is none."""
        query, key = (side.cell(at) for side in (self.query, self.key))
        number = query * (query + 1) // 2 + key if self.causal else query * self.key.size + key
        beyond = (key > query) if self.causal else np.zeros(np.shape(query), np.bool_)
        return np.where((query < 0) | (key < 0) | beyond, -1, number)

    def at_length(self, length: int) -> Pairs:
        """Both sides cut to `length`, where they grow."""
        return replace(self, query=self.query.at_length(length), key=self.key.at_length(length))


Grid = tuple[Axis | Pairs, ...]


@lru_cache(maxsize=64)
def _pairs(pairs: Pairs) -> tuple[Index, Index]:
    cells = np.ones((pairs.query.size, pairs.key.size), np.bool_)
    query, key = np.nonzero(np.tril(cells) if pairs.causal else cells)
    return query, key


def size(grid: Grid) -> int:
    """Neurons."""
    return math.prod(shape(grid))


def shape(grid: Grid) -> tuple[int, ...]:
    """Cells of each axis."""
    return tuple(axis.cells for axis in grid)


def names(grid: Grid) -> tuple[str, ...]:
    """Coordinates, in order."""
    return tuple(name for axis in grid for name in axis.names)


def extents(grid: Grid) -> dict[str, int]:
    """How many values each coordinate takes."""
    return {side.name: side.size for side in sides(grid)}


def sides(grid: Grid) -> list[Axis]:
    """Its axes, both of each axis of pairs."""
    return [side for axis in grid for side in ((axis.query, axis.key) if isinstance(axis, Pairs) else (axis,))]


def coordinates(grid: Grid) -> Coordinates:
    """name -> (neurons,): where each neuron is."""
    cells = np.unravel_index(np.arange(size(grid)), shape(grid)) if grid else ()
    return {name: along[cell] for axis, cell in zip(grid, cells) for name, along in axis.coordinates().items()}


def flat(grid: Grid, at: Mapping[str, Index]) -> Index:
    """The neuron at coordinates; -1 where there is none."""
    found = np.zeros(np.shape(next(iter(at.values()), 0)), np.int64)
    beyond = np.zeros(found.shape, np.bool_)
    for axis in grid:
        cell = axis.cell(at)
        beyond |= cell < 0
        found = found * axis.cells + cell
    return np.where(beyond, -1, found)


def at_length(grid: Grid, length: int) -> Grid:
    """The same grid for texts of `length` tokens."""
    return tuple(axis.at_length(length) for axis in grid)


def grows(grid: Grid) -> bool:
    """Whether its size depends on the length of a text, be that 1."""
    return any(side.grows for side in sides(grid))
