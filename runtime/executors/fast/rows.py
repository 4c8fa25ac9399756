"""How spikes lie in memory: a row is a token or, where a network knows no texts, a whole window; a population's channels are the bits of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network

Ints = NDArray[np.int64]
Buffers = dict[str, bits.Words]


class Packed(Protocol):
    """Windows of rows, or sequences of tokens, end to end. starts: (windows + 1,) the first row of each; window: (rows,) that each belongs to."""

    @property
    def starts(self) -> Ints:
        """Rows."""

    @property
    def window(self) -> Ints:
        """Windows."""


@dataclass(frozen=True)
class Place:
    """Where a population's spikes are: the buffer (named for its first population), the first word in it, neurons a row."""

    buffer: str
    first: int
    width: int


def row_axis(network: Network) -> str | None:
    """The coordinate that rows run along: the one axis that grows."""
    growing = {axis.name for p in network.populations for axis in p.grid if isinstance(axis, Axis) and axis.grows}
    return growing.pop() if len(growing) == 1 else None


def channels(grid: Grid, along: str | None) -> Grid | None:
    """The axes within a row, of a population with a neuron set a row; None where it is not laid out so."""
    if any(isinstance(axis, Pairs) for axis in grid):
        return None
    if along is None:
        return grid
    return grid[1:] if grid and grid[0].names == (along,) else None


def longest(network: Network) -> int:
    """Rows of a window, at most."""
    along = row_axis(network)
    return max((axis.cells for p in network.populations for axis in p.grid if axis.names == (along,)), default=1)
