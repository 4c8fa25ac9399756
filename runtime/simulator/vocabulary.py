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
