"""Spikes as bits: neuron n of a row is bit n % 64 of its word n // 64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
WORD = 64  # bits in a word
BLOCK = 8  # words that a kernel takes at once: a cache line
PLANES = 14  # of a kernel's vertical counter: counts up to 16,383


def words(bits: int) -> int:
    """Words that hold so many bits."""
    return -(-bits // WORD)


def pack(spikes: NDArray[np.bool_]) -> Words:
    """(..., n) -> (..., words), zero beyond n."""
    padding = [(0, 0)] * (spikes.ndim - 1) + [(0, -spikes.shape[-1] % WORD)]
    octets = np.packbits(np.pad(spikes, padding), axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<u8").astype(np.uint64, copy=False)


def unpack(packed: Words, n: int) -> NDArray[np.bool_]:
    """(..., words) -> (..., n)."""
    octets = np.ascontiguousarray(packed).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=n, bitorder="little").view(np.bool_)
