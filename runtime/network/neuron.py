"""A neuron's registers: one LIF for everything, as the stock one computes it (`runtime/arith.py` has the rule)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid


class Resets(Enum):
    """When u and v are cleared: as each window of steps begins, as each sequence (a whole text) begins, or never but by a neuron's own spike.

    Of a stream without end, `SEQUENCE` clears once, as a population's first token begins: what it did in the steps before that is forgotten.
    """

    WINDOW = "window"
    SEQUENCE = "sequence"
    NEVER = "never"


@dataclass(frozen=True, eq=False)
class Values:
    """A register that differs between neurons: one number for each cell of the coordinates `along`, the same along all others.

    numbers: int64 of the shape of these coordinates.
    """

    along: tuple[str, ...]
    numbers: NDArray[np.int64]

    def each(self, grid: Grid) -> NDArray[np.int64]:
        """(neurons,)."""
        at = grids.coordinates(grid)
        return self.numbers[tuple(at[name] for name in self.along)]


Register = int | Values


def each(register: Register, grid: Grid) -> NDArray[np.int64] | int:
    """(neurons,) of a register, or the one number that all share."""
    return register.each(grid) if isinstance(register, Values) else register


def numbers(register: Register) -> NDArray[np.int64]:
    """Every number that it holds, at least once."""
    return register.numbers if isinstance(register, Values) else np.array([register], np.int64)


@dataclass(frozen=True, eq=False)
class Bias:
    """Constant input a step, in 1/64 synaptic units: mantissa << exponent, one exponent a population."""

    mantissa: Register
    exponent: int = 0

    def each(self, grid: Grid) -> NDArray[np.int64] | int:
        """(neurons,), or the one that all share."""
        return each(self.mantissa, grid) << self.exponent


@dataclass(frozen=True, eq=False, kw_only=True)
class Neuron:
    """u = trunc(u * keep_u / 4096) + 64 * a;  v = saturate(trunc(v * keep / 4096) + u + bias);  s = v > 64 * vth;  v = 0 where s, u stays.

    a: synaptic input; keep, keep_u: 0..4096; keep_u = 0 has no memory in the current. vth: 0..2^17 - 1, in synaptic units.
    """

    keep: Register
    vth: Register
    keep_u: Register = 0
    bias: Bias | None = None
    resets: Resets = Resets.NEVER


RELAY = Neuron(keep=1, vth=1)  # forgets: |v| < 4096 decays to 0. With a weight of 2 it repeats a spike, with two of 1 it is their AND
