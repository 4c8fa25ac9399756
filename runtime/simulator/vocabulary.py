"""Compiled kernels over a language model's vocabulary: the product with its head, and a draw among its tokens. `plain.py` has both in numpy.

A head's bytes lie so that no sum crosses lanes: 64 tokens by 4 neurons are one run of 256 bytes. At one row the product takes as long as the
table takes to come from memory; four rows share each load.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.runtime.arith import INPUT_SHIFT
from tritspike.runtime.simulator.cache import kernel
from tritspike.runtime.simulator.kernels import inline
from tritspike.runtime.simulator.lanes import at, multiply_bytes, splat, store

_BUCKETS = 1024
_DIGIT = 11  # bits that a pass of the sort looks at
_ONES = (1 << _DIGIT) - 1
_SLACK = 2.0**-51  # for each share: sums of the same shares in two orders differ by less than this of them


@inline
def one_row(counts: Any, row: int, table: Any, block: int, tile: Any) -> None:
    """tile[:64]: the products of a row with 64 tokens."""
    quads, width = table.shape[1], table.shape[2]
    a = splat(np.int32(0))
    for k in range(quads):
        a = multiply_bytes(a, table, (block * quads + k) * width, at(counts, row * quads + k))
    store(tile, 0, a)


@inline
def four_rows(counts: Any, row: int, table: Any, block: int, tile: Any) -> None:
    """tile (256,): the same of four rows, one after another."""
    quads, width = table.shape[1], table.shape[2]
    first = row * quads
    a = b = c = d = splat(np.int32(0))
    for k in range(quads):
        here = (block * quads + k) * width
        a = multiply_bytes(a, table, here, at(counts, first + k))
        b = multiply_bytes(b, table, here, at(counts, first + quads + k))
        c = multiply_bytes(c, table, here, at(counts, first + 2 * quads + k))
        d = multiply_bytes(d, table, here, at(counts, first + 3 * quads + k))
    store(tile, 0, a)
    store(tile, 64, b)
    store(tile, 128, c)
    store(tile, 192, d)


@kernel("void(int32[:,::1], int8[:,:,::1], int64[::1], int64[:,::1])")
def multiply(counts: Any, table: Any, bias: Any, out: Any) -> None:
    """out (rows, tokens) = 64 * (counts @ head) + bias, exact in int32 before the bias.

    counts: (rows, neurons / 4), each four uint8; table: (blocks of 64 tokens, neurons / 4, 64 * 4) int8; bias: (tokens,).
    """
    tile = np.empty(256, np.int32)
    rows, tokens = out.shape
    for block in range(table.shape[0]):
        first = block * 64
        many = min(64, tokens - first)
        row = 0
        while row < rows:
            together = 4 if row + 4 <= rows else 1
            if together == 4:
                four_rows(counts, row, table, block, tile)
            else:
                one_row(counts, row, table, block, tile)
            for r in range(together):
                for n in range(many):
                    out[row + r, first + n] = (np.int64(tile[r * 64 + n]) << INPUT_SHIFT) + bias[first + n]
            row += together


@inline
def scale(logits: Any, row: int) -> Any:
    """(a row's largest logit, the shift by which all differences from it are numbers of buckets)."""
    top = bottom = logits[row, 0]
    for n in range(logits.shape[1]):
        top, bottom = max(top, logits[row, n]), min(bottom, logits[row, n])
    shift = 0
    while (top - bottom) >> shift >= _BUCKETS:
        shift += 1
    return top, shift


@inline
def by_mass(logits: Any, row: int, shares: Any, top: int, shift: int, mass: Any) -> float:
    """The sum of a row's shares; mass (buckets,): of the logits within each 2^shift below the top."""
    mass[:] = 0.0
    for n in range(logits.shape[1]):
        mass[(top - logits[row, n]) >> shift] += shares[row, n]
    total = 0.0
    for b in range(len(mass)):
        total += mass[b]
    return total


@inline
def reach(mass: Any, target: float) -> int:
    """How many buckets from the top hold more than `target`; all where none do."""
    held = 0.0
    for b in range(len(mass)):
        held += mass[b]
        if held > target:
            return b + 1
    return len(mass)


@inline
def list_within(logits: Any, row: int, top: int, bound: int, keys: Any, tokens: Any) -> int:
    """Tokens whose logits are less than `bound` below the top, which is their key: how many."""
    end = 0
    for n in range(logits.shape[1]):
        keys[end], tokens[end] = top - logits[row, n], n
        end += keys[end] < bound
    return end


@inline
def sort_down(keys: Any, tokens: Any, many: int, spare_keys: Any, spare_tokens: Any, starts: Any) -> None:
    """Sort the first `many` tokens by their keys, not negative, equal ones as they are: a digit at a time, from the lowest."""
    shift, most = 0, 0
    for n in range(many):
        most = max(most, keys[n])
    while most >> shift:
        starts[:] = 0
        for n in range(many):
            starts[((keys[n] >> shift) & _ONES) + 1] += 1
        for b in range(1, len(starts)):
            starts[b] += starts[b - 1]
        for n in range(many):
            digit = (keys[n] >> shift) & _ONES
            spare_keys[starts[digit]], spare_tokens[starts[digit]] = keys[n], tokens[n]
            starts[digit] += 1
        for n in range(many):
            keys[n], tokens[n] = spare_keys[n], spare_tokens[n]
        shift += _DIGIT


@inline
def add_up(shares: Any, row: int, tokens: Any, many: int, sums: Any) -> None:
    """sums: of the shares of the tokens up to each, one after another."""
    held = 0.0
    for n in range(many):
        held += shares[row, tokens[n]]
        sums[n] = held


@inline
def passing(sums: Any, many: int, value: float, equal: bool) -> int:
    """The place of the first of `many` ascending sums that is above `value`, or (equal) not below it; `many` where none is."""
    low, high = 0, many
    while low < high:
        middle = (low + high) >> 1
        if sums[middle] > value or (equal and sums[middle] == value):
            high = middle
        else:
            low = middle + 1
    return low


@inline
def place(sums: Any, many: int, top_p: float, uniform: float, low: float, high: float) -> int:
    """The place that is drawn, by the sums of the `many` largest shares alone; -1 where it hangs on where in low..high all shares' sum is."""
    last = passing(sums, many, top_p * low, True)
    if last < many and last == passing(sums, many, top_p * high, True):
        return min(passing(sums, last + 1, uniform * sums[last], False), last)
    found = passing(sums, many, uniform * low, False)  # where all are kept
    return found if top_p == 1.0 and found < many and found == passing(sums, many, uniform * high, False) else -1


@inline
def place_of_all(sums: Any, many: int, top_p: float, uniform: float) -> int:
    """The same by the sums of all shares."""
    last = min(passing(sums, many, top_p * sums[many - 1], True), many - 1)
    return min(passing(sums, last + 1, uniform * sums[last], False), last)


@kernel("void(int64[:,::1], float64[:,::1], float64[::1], float64[::1], int64[::1])")
def draw(logits: Any, shares: Any, top_p: Any, uniform: Any, out: Any) -> None:
    """out (rows,): a token of each row, drawn by `uniform` (0..1) among the likeliest that share `top_p` of all; equal logits in their order.

    logits, shares: (rows, tokens), the shares not normalised. Sums are those of all shares from the largest logit on, one after another: as
    long as the largest decide wherever their total's last bits lie, the others are not sorted.
    """
    rows, many = logits.shape
    keys, tokens, starts = np.empty((2, many), np.int64), np.empty((2, many), np.int64), np.empty((1 << _DIGIT) + 1, np.int64)
    sums, mass, slack = np.empty(many, np.float64), np.empty(_BUCKETS, np.float64), many * _SLACK
    for row in range(rows):
        top, shift = scale(logits, row)
        total = by_mass(logits, row, shares, top, shift, mass)
        buckets = reach(mass, total * (1.0 + slack) * (uniform[row] if top_p[row] == 1.0 else top_p[row]))
        found = -1
        while found < 0:
            end = list_within(logits, row, top, np.int64(buckets) << shift, keys[0], tokens[0])
            sort_down(keys[0], tokens[0], end, keys[1], tokens[1], starts)
            add_up(shares, row, tokens[0], end, sums)
            if end == many:
                found = place_of_all(sums, many, top_p[row], uniform[row])
            else:
                found = place(sums, end, top_p[row], uniform[row], total * (1.0 - slack), total * (1.0 + slack))
            buckets = _BUCKETS
        out[row] = tokens[0, found]
