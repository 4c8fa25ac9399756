"""u and v of one population, and the one place that steps them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import RangeError
from tritspike.runtime.network.network import Population, Stream, Timing
from tritspike.runtime.network.neuron import Resets, each

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(eq=False)
class State:
    """Registers neuron by neuron, and u and v as they are now: (..., neurons)."""

    name: str
    resets: Resets
    keep: Ints | int
    keep_u: Ints | int
    threshold: Ints | int
    bias: Ints | int
    proved: bool = False
    u: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    v: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, p: Population, proved: bool = False) -> State:
        """At rest. proved: that no input makes a current wrap (`ranges.py`)."""
        n = p.neuron
        assert n is not None
        keep, keep_u, vth = (each(register, p.grid) for register in (n.keep, n.keep_u, n.vth))
        found = cls(p.name, n.resets, keep, keep_u, vth << arith.INPUT_SHIFT, n.bias.each(p.grid) if n.bias else 0, proved)
        found.start((p.size,))
        return found

    def start(self, shape: tuple[int, ...]) -> None:
        """From rest."""
        self.u, self.v = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    def advance(self, total: Ints) -> Bools:
        """Spikes of one step, given the synaptic input. Raises `RangeError` where a current would wrap, unless that was proved not to be."""
        self.u = _kept(self.u, self.keep_u) + (total << arith.INPUT_SHIFT)
        if not self.proved and np.abs(self.u).max(initial=0) > arith.V_LIMIT:
            raise RangeError(f"{self.name}: a current of {np.abs(self.u).max()}, allowed up to {arith.V_LIMIT}")
        before = arith.saturate(_kept(self.v, self.keep) + self.u + self.bias)
        spikes: Bools = before > self.threshold
        self.v = np.where(spikes, 0, before)
        return spikes

    def silence(self, where: Bools) -> None:
        """Back to rest at some rows of (rows, neurons)."""
        self.u[where], self.v[where] = 0, 0


def _kept(state: Ints, keep: Ints | int) -> Ints | int:
    """`arith.decay`, without computing what keeps nothing or all."""
    if isinstance(keep, int) and keep in (0, arith.KEEP_ALL):
        return state if keep else 0
    return arith.decay(state, keep)


def require_read(name: str, spikes: Bools, membranes: Ints, step: int | None = None) -> None:
    """Raises `RangeError` where a neuron fired, or left its register, whose membrane is read."""
    if spikes.any() or (membranes <= -arith.V_LIMIT).any():
        at = "" if step is None else f" at step {step}"
        raise RangeError(f"{name}: its membranes are read, and one {'fired' if spikes.any() else 'saturated'}{at}")


def begins(timing: Timing, resets: Resets, window: int, phase: int) -> bool:
    """Whether u and v are cleared before this step of a window. A stream without end is one sequence, whose first token is window 0."""
    if phase or resets is Resets.NEVER:
        return False
    if resets is Resets.SEQUENCE and isinstance(timing, Stream):
        return window % timing.slot == 0 if timing.slot else window == 0
    return True
