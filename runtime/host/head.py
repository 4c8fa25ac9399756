"""The last product of a language model whose head the host has, exact in integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.network.outcome import Ints
from tritspike.runtime.simulator import chosen, plain, weights

_BYTE = 255  # the most steps whose counts the kernel takes


@dataclass(frozen=True, eq=False)
class Head:
    """codes: (vocabulary, hidden) int8; bias: (vocabulary,) in 1/64 units; steps: the most spikes that a neuron has."""

    codes: NDArray[np.int8]
    bias: Ints
    steps: int

    def logits(self, counts: Ints, plainly: bool | None = None) -> Ints:
        """(rows, vocabulary) in 1/64 units of (rows, hidden) counts of spikes, 0..steps. plainly: in numpy, or not; see `chosen.vocabulary`."""
        using = chosen.vocabulary(self.codes.size * len(counts), plainly)
        if using is plain or not self._fits:
            return ((counts.astype(self._columns.dtype) @ self._columns).astype(np.int64) << arith.INPUT_SHIFT) + self.bias
        octets = np.zeros((len(counts), self._bytes.shape[1] * 4), np.uint8)
        octets[:, : counts.shape[1]] = counts
        out = np.empty((len(counts), len(self.codes)), np.int64)
        using.multiply(octets.view(np.int32), self._bytes, self._own_bias, out)
        return out

    @cached_property
    def _worst(self) -> int:
        """The largest sum that there can be."""
        return int(np.abs(self.codes.astype(np.int64)).sum(1).max()) * self.steps

    @property
    def _fits(self) -> bool:
        return self.steps <= _BYTE and self._worst < 1 << 31

    @cached_property
    def _bytes(self) -> NDArray[np.int8]:
        """As the kernel reads them."""
        return weights.bytes_of(self.codes)

    @cached_property
    def _own_bias(self) -> Ints:
        """Kernels take no array that is read only."""
        return np.array(self.bias, np.int64)

    @cached_property
    def _columns(self) -> NDArray[np.floating]:
        """(hidden, vocabulary) in floats that hold every sum exactly: numpy multiplies integers slowly."""
        return np.ascontiguousarray(self.codes.T, np.float32 if self._worst < 1 << 24 else np.float64)
