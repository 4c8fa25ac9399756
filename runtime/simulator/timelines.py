"""Compiled kernels on spikes packed along time: what a population hears over all steps, and when it fires. `plain.py` has each of them in numpy.

Lines are uint64 arrays (neurons + 1, words): bit t % 64 of a neuron's word t // 64 is its step t. The last line is silent, for what hears nobody.
Synapses that are listed take 64 steps of one neuron at once: a word of its source selects the lanes that a weight is added to, so that their cost
does not depend on how many spike. A matrix takes 64 neurons of one step at once, and only the columns that spike. A membrane must be followed in
time: 64 neurons at once again.
Totals are int32 arrays (steps, neurons and more), at least 64 more: a vector may be written that is longer than what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.runtime.arith import INPUT_SHIFT, V_LIMIT
from tritspike.runtime.simulator.cache import kernel
from tritspike.runtime.simulator.kernels import LANES, ROWS, inline
from tritspike.runtime.simulator.lanes import above, at, choose, clamp, load_lanes, lowest, splat, store

LINES, LISTS, TOTAL = "uint64[:,::1]", "int64[:,::1]", "int32[:,::1]"  # spikes; where lists begin and end; (steps, neurons and more)
_LISTED = f"{LINES}, {LISTS}, {LANES}, {LANES}, {ROWS}, {ROWS}"


@inline
def gathered(lines: Any, w: int, starts: Any, columns: Any, weights: Any, firsts: Any, each: Any, n: int) -> Any:
    """Input of one neuron in the 64 steps of word w."""
    total = splat(np.int32(0))
    for s in range(starts.shape[0]):
        weight, step = firsts[s] + (starts[s, n] - starts[s, 0]) * each[s], each[s]
        for k in range(starts[s, n], starts[s, n + 1]):
            word = at(lines, np.int64(at(columns, k)) * lines.shape[1] + w)
            total = choose(word, total + splat(at(weights, weight)), total)
            weight += step
    return total


@kernel(f"void({_LISTED}, {TOTAL})")
def add_listed(lines: Any, starts: Any, columns: Any, weights: Any, firsts: Any, each: Any, total: Any) -> None:
    """Add what synapses that are listed bring.

    starts: (lists, targets + 1): columns[starts[l, n] : starts[l, n + 1]] are the lines that neuron n hears by list l; each list follows on the
    one before. weights: of list l from firsts[l] on, one for each column (each[l] = 1) or the same for all (0).
    """
    steps, tile = total.shape[0], np.empty(64 * 64, np.int32)
    for begin in range(0, starts.shape[1] - 1, 64):
        many = min(64, starts.shape[1] - 1 - begin)
        for w in range(lines.shape[1]):
            for i in range(many):
                store(tile, i * 64, gathered(lines, w, starts, columns, weights, firsts, each, begin + i))
            for t in range(min(64, steps - w * 64)):
                for i in range(many):
                    total[w * 64 + t, begin + i] += tile[i * 64 + t]


@kernel(f"void({_LISTED}, {LANES}, {LANES}, uint64[::1], {LINES})")
def fire_at_once(
    lines: Any, starts: Any, columns: Any, weights: Any, firsts: Any, each: Any, bias: Any, threshold: Any, alive: Any, out: Any
) -> None:
    """Neurons that forget everything: out = 64 * input + bias > threshold, in the steps whose bit of `alive` is set; lists as `add_listed` takes."""
    for n in range(out.shape[0] - 1):
        for w in range(out.shape[1]):
            total = gathered(lines, w, starts, columns, weights, firsts, each, n)
            drive = (total << splat(np.int32(INPUT_SHIFT))) + splat(at(bias, n))
            out[n, w] = above(drive, splat(at(threshold, n))) & alive[w]


@inline
def turn(block: Any) -> None:
    """Transpose 64 words: bit i of word j for bit j of word i."""
    j, mask = 32, np.uint64(0xFFFFFFFF)
    while j > 0:
        shift = np.uint64(j)
        for begin in range(0, 64, 2 * j):
            for k in range(begin, begin + j):
                swap = ((block[k] >> shift) ^ block[k + j]) & mask
                block[k + j] ^= swap
                block[k] ^= swap << shift
        j >>= 1
        mask ^= mask << np.uint64(j)


@inline
def columns_by_step(lines: Any, w: int, where: Any, cell: int, width: int, turn_of: int, block: Any, by_step: Any) -> None:
    """by_step (chunks * 64,): of 64 columns of a cell a word for each of 64 steps."""
    for begin in range(0, width, 64):
        many = min(64, width - begin)
        for i in range(many):
            block[i] = lines[where[cell * width + begin + i, turn_of], w]
        block[many:] = 0
        turn(block)
        for t in range(64):
            by_step[begin + t] = block[t]


@inline
def list_columns(by_step: Any, t: int, width: int, active: Any) -> int:
    """Columns that spike in step t of 64, to `active`: how many."""
    end = 0
    for begin in range(0, width, 64):
        word = by_step[begin + t]
        while word != 0:
            active[end] = begin + lowest(word)
            end += 1
            word &= word - np.uint64(1)
    return end


@kernel(f"void({LINES}, {TOTAL}, {TOTAL}, {TOTAL}, boolean, {TOTAL})")
def add_matrix(lines: Any, where: Any, weights: Any, places: Any, straight: bool, total: Any) -> None:
    """Add what a matrix brings that is the same for every cell.

    where: (cells * columns, times) lines that each column of a cell hears. weights: (columns, rows and more up to whole 64s, of weight 0).
    places: (cells, rows) neurons. straight: those of a cell lie end to end.
    """
    (width, stride), (cells, rows), steps = weights.shape, places.shape, total.shape[0]
    block, by_step = np.empty(64, np.uint64), np.empty((width + 63) // 64 * 64, np.uint64)
    active, sums = np.empty(width, np.int64), np.empty(stride, np.int32)
    for cell in range(cells):
        for w in range(lines.shape[1]):
            for turn_of in range(where.shape[1]):
                columns_by_step(lines, w, where, cell, width, turn_of, block, by_step)
                for t in range(min(64, steps - w * 64)):
                    end = list_columns(by_step, t, width, active)
                    if end == 0:
                        continue
                    for r in range(0, rows, 64):
                        found = splat(np.int32(0))
                        for k in range(end):
                            found = found + load_lanes(weights, active[k] * stride + r)
                        if straight:
                            place = (w * 64 + t) * total.shape[1] + places[cell, 0] + r
                            store(total, place, load_lanes(total, place) + found)
                        else:
                            store(sums, r, found)
                    if not straight:
                        for r in range(rows):
                            total[w * 64 + t, places[cell, r]] += sums[r]


@inline
def kept(state: Any, keep: Any) -> Any:
    """Of 64 neurons: state * keep / 4096, truncated toward zero; the upper and lower 12 bits apart, since the product needs 35."""
    sign = state >> splat(np.int32(31))
    size = (state ^ sign) - sign
    part = (size & splat(np.int32(4095))) * keep
    found = (size >> splat(np.int32(12))) * keep + (part >> splat(np.int32(12)))
    return (found ^ sign) - sign


@kernel(f"void({TOTAL}, {LANES}, {LANES}, {LANES}, {LANES}, boolean, boolean[::1], int64, {LINES})")
def fire_in_time(total: Any, keep: Any, keep_u: Any, bias: Any, threshold: Any, current: bool, clear: Any, born: int, out: Any) -> None:
    """u = kept(u) + 64 * input;  v = saturate(kept(v) + u + bias);  spikes = v > threshold;  v = 0 where they are. total becomes v.

    Registers: (neurons and more, to whole 64s), in membrane units. current: whether any u is kept; no u may leave its register.
    clear: (steps,) where u and v are 0 before. born: the first step; before it all is at rest.
    """
    (steps, stride), neurons, block = total.shape, out.shape[0] - 1, np.empty(64, np.uint64)
    for begin in range(0, neurons, 64):
        u = v = splat(np.int32(0))
        for w in range(out.shape[1]):
            block[:] = 0
            for t in range(w * 64, min(steps, w * 64 + 64)):
                if clear[t] or t < born:
                    u = v = splat(np.int32(0))
                if t >= born:
                    now = load_lanes(total, t * stride + begin) << splat(np.int32(INPUT_SHIFT))
                    u = kept(u, load_lanes(keep_u, begin)) + now if current else now
                    before = clamp(kept(v, load_lanes(keep, begin)) + u + load_lanes(bias, begin), np.int32(V_LIMIT))
                    fired = above(before, load_lanes(threshold, begin))
                    v = choose(fired, splat(np.int32(0)), before)
                    block[t - w * 64] = fired
                store(total, t * stride + begin, v)
            turn(block)
            for i in range(min(64, neurons - begin)):
                out[begin + i, w] = block[i]
