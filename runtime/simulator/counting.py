"""Compiled kernels that count what `fast` computed: spikes, and coincidences that are never built. `plain.py` has each of them in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.runtime.simulator.cache import kernel
from tritspike.runtime.simulator.kernels import ROWS, SPIKES, field, inline
from tritspike.runtime.simulator.lanes import at, lowest, popcount


@kernel(f"void({SPIKES}, int64, {ROWS}, {ROWS}, {ROWS})")
def tally(x: Any, first: int, positions: Any, channels: Any, places: Any) -> None:
    """Add the spikes of x, from word `first` on, to channels (neurons,) and places (positions,); positions: (rows,) of each row."""
    for row in range(x.shape[0]):
        for t in range(x.shape[1]):
            for w in range((len(channels) + 63) // 64):
                word = x[row, t, first + w]
                places[positions[row]] += popcount(word)
                while word != 0:
                    channels[w * 64 + lowest(word)] += 1
                    word &= word - np.uint64(1)


@kernel(f"void({SPIKES}, {SPIKES}, {ROWS}, int64, {ROWS}, boolean, {ROWS})")
def meet(q: Any, k: Any, firsts: Any, width: int, starts: Any, causal: bool, total: Any) -> None:
    """total[0] += coincidences of query i and key j over all pairs of positions (causal: j <= i), channels (`width`) and steps."""
    keys = np.zeros(width, np.int64)
    for text in range(len(starts) - 1):
        for t in range(q.shape[1]):
            keys[:] = 0
            for i in range(starts[text], starts[text + 1]):
                if not causal:
                    add_bits(k, firsts[1], i, t, keys)
            for i in range(starts[text], starts[text + 1]):
                if causal:
                    add_bits(k, firsts[1], i, t, keys)
                total[0] += sum_bits(q, firsts[0], i, t, keys)


@inline
def add_bits(x: Any, first: int, row: int, t: int, counts: Any) -> None:
    """Count each channel that spikes."""
    for w in range((len(counts) + 63) // 64):
        word = at(x, (row * x.shape[1] + t) * x.shape[2] + first + w)
        while word != 0:
            counts[w * 64 + lowest(word)] += 1
            word &= word - np.uint64(1)


@inline
def sum_bits(x: Any, first: int, row: int, t: int, counts: Any) -> int:
    """Sum of the counts of the channels that spike."""
    found = 0
    for w in range((len(counts) + 63) // 64):
        word = at(x, (row * x.shape[1] + t) * x.shape[2] + first + w)
        while word != 0:
            found += counts[w * 64 + lowest(word)]
            word &= word - np.uint64(1)
    return found


@kernel(f"void(uint64[:,:,:,::1], {SPIKES}, int64, int64, {ROWS}, {ROWS})")
def carry(scores: Any, v: Any, first: int, width: int, starts: Any, total: Any) -> None:
    """total[0] += coincidences of scores and values over all pairs of positions, heads, channels (`width` a head) and steps."""
    for text in range(len(starts) - 1):
        spikes = np.zeros(((starts[text + 1] - starts[text] + 63) // 64) * 64, np.int64)
        for t in range(v.shape[1]):
            for head in range(scores.shape[2]):
                for j in range(starts[text], starts[text + 1]):
                    spikes[j - starts[text]] = head_spikes(v, first, j, t, head, width)
                for i in range(starts[text], starts[text + 1]):
                    for block in range(len(spikes) // 64):
                        word = scores[i, t, head, block]
                        while word != 0:
                            total[0] += spikes[block * 64 + lowest(word)]
                            word &= word - np.uint64(1)


@inline
def head_spikes(x: Any, first: int, row: int, t: int, head: int, width: int) -> int:
    """Spikes of one head of one row."""
    found, base = 0, (row * x.shape[1] + t) * x.shape[2] + first
    for part in range(0, width, 64):
        found += popcount(field(x, base, head * width + part, min(64, width - part)))
    return found
