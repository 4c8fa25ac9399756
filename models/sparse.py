"""Products of spikes and codes by a sum over those that fire, one of ten or so: exact, and in training a third of what a dense product takes.

Sums are kept in int8, which holds 127 codes of one sign, and are emptied into float32 before more are added.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

_HELD = 127
_LEAST = 64  # rows of one thread's share: fewer are not worth the handing over


@numba.njit(cache=True, nogil=True)
def _sums(spikes: Any, codes: Any, out: Any, first: int, last: int) -> None:  # pragma: no cover - compiled
    """spikes: (M, K) int16, bfloat16's bits, 0 or not; codes: (K, N) int8; out: (M, N) float32, rows `first` to `last` of it.

    Which columns fire is listed first, without a branch that nobody could predict.
    """
    count, rows = spikes.shape[1], codes.shape[1]
    fired, held = np.zeros(count + 1, np.uint32), np.zeros(rows, np.int8)
    for m in range(first, last):
        own, total, some = spikes[m], out[m], 0
        for k in range(count):
            fired[some] = k
            some += own[k] != 0
        total[:] = 0
        for begin in range(0, some, _HELD):
            held[:] = 0
            end = min(begin + _HELD, some)
            for at in range(begin, end - 3, 4):  # four at once: their sum is held in a register
                a, b, c, d = codes[fired[at]], codes[fired[at + 1]], codes[fired[at + 2]], codes[fired[at + 3]]
                for n in range(rows):
                    held[n] += a[n] + b[n] + c[n] + d[n]
            for at in range(end - (end - begin) % 4, end):
                row = codes[fired[at]]
                for n in range(rows):
                    held[n] += row[n]
            for n in range(rows):
                total[n] += np.float32(held[n])


def product(spikes: Tensor, codes: Tensor) -> Tensor:
    """spikes (..., K) bfloat16 in {0, 1} times codes (R, K) in {-1, 0, 1} -> (..., R) float32, exact up to 2^24 columns. On a CPU."""
    flat = spikes.reshape(-1, spikes.shape[-1]).contiguous()
    found = torch.empty(len(flat), len(codes))
    arrays = flat.view(torch.int16).numpy(), codes.T.to(torch.int8).contiguous().numpy(), found.numpy()
    parts = max(1, min(torch.get_num_threads(), len(flat) // _LEAST))
    bounds = [len(flat) * n // parts for n in range(parts + 1)]
    if parts == 1:
        _sums(*arrays, *bounds)
    else:
        list(_pool(parts).map(lambda n: _sums(*arrays, *bounds[n : n + 2]), range(parts)))
    return found.view(*spikes.shape[:-1], len(codes))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
