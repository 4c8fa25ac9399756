"""What each kernel may be called with. A kernel indexes without asking, so every call is asked here first; numba has checked dtypes and ranks.

A program that is sound and samples that are its own meet all of this: a `ValueError` is a fault of ours, not of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

WORD = 64


def require(kernel: str, claims: Iterator[tuple[bool, str]]) -> None:
    """Raise `ValueError` at the first claim that does not hold."""
    for holds, claim in claims:
        if not holds:
            raise ValueError(f"{kernel}: called with arrays that do not fit each other: {claim}")


def words(bits: int) -> int:
    """Words that hold so many bits."""
    return -(-bits // WORD)


def _runs(starts: Any, rows: int) -> bool:
    """Whether `starts` cut `rows` rows into texts, in order."""
    return len(starts) > 0 and int(starts[0]) == 0 and int(starts[-1]) <= rows and bool((np.diff(starts) >= 0).all())


def linear(
    x: Any,
    first: int,
    inputs: int,
    table: Any,
    signs: Any,
    gain: Any,
    bias: Any,
    keep: Any,
    vth: Any,
    skip: Any,
    skip_first: int,
    skip_gain: int,
    bounded: int,
    out: Any,
) -> Iterator[tuple[bool, str]]:
    """Of `kernels.linear`."""
    tokens, steps, width = out.shape
    each, heard = signs.shape[0], words(inputs)
    yield each in (1, 2) and signs.shape == (each, width, heard, WORD), "signs"
    yield table.shape == (-(-width // 8), inputs * each + 1, 8) and table.shape[1] < 1 << 16, "table"
    yield len(gain) == len(bias) == width * WORD and len(keep) == len(vth) == width, "registers"
    yield x.shape[:2] == (tokens, steps) and 0 <= first <= x.shape[2] - heard, "input"
    yield not skip_gain or (skip.shape[:2] == (tokens, steps) and 0 <= skip_first <= skip.shape[2] - width), "skip"


def attend(
    q: Any, k: Any, v: Any, firsts: Any, starts: Any, width: int, causal: bool, begin: int, score: Any, context: Any, scores: Any, out: Any
) -> Iterator[tuple[bool, str]]:
    """Of `kernels.attend`."""
    rows, steps, heads, blocks = scores.shape
    each = words(heads * width)
    yield len(firsts) == 3 and len(score) == len(context) == 4 and width > 0 and begin >= 0, "parameters"
    yield out.shape[:2] == (rows, steps) and out.shape[2] >= each, "output"
    sides = zip((q, k, v), firsts.tolist())
    yield all(s.shape[:2] == (rows, steps) and 0 <= first <= s.shape[2] - each for s, first in sides), "query, key or value"
    yield _runs(starts, rows) and words(int(np.diff(starts).max(initial=0))) <= blocks, "texts"


def pool(x: Any, first: int, starts: Any, positive: Any, negative: Any, only_first: bool, out: Any) -> Iterator[tuple[bool, str]]:
    """Of `kernels.pool`."""
    yield positive.shape == negative.shape and 0 <= first <= x.shape[2] - positive.shape[1], "weights"
    yield out.shape == (len(starts) - 1, len(positive)), "output"
    yield _runs(starts, len(x)) and (not only_first or bool((np.diff(starts) > 0).all())), "texts"


def encode(rows: Any, projection: Any, bias: Any, shift: int, keep: int, vth: int, out: Any) -> Iterator[tuple[bool, str]]:
    """Of `kernels.encode`."""
    width = out.shape[2] * WORD
    yield projection.shape == (rows.shape[1], 2 * width) and len(bias) == width and len(rows) == len(out), "tables"
    yield 0 <= shift < 32, "shift"


def tally(x: Any, first: int, positions: Any, channels: Any, places: Any) -> Iterator[tuple[bool, str]]:
    """Of `counting.tally`."""
    yield 0 <= first <= x.shape[2] - words(len(channels)), "input"
    yield len(positions) == len(x) and (not len(x) or 0 <= int(positions.min()) <= int(positions.max()) < len(places)), "positions"


def meet(q: Any, k: Any, firsts: Any, width: int, starts: Any, causal: bool, total: Any) -> Iterator[tuple[bool, str]]:
    """Of `counting.meet`."""
    yield len(firsts) == 2 and len(total) == 1 and q.shape[:2] == k.shape[:2] and _runs(starts, len(q)), "texts"
    yield all(0 <= first <= s.shape[2] - words(width) for s, first in zip((q, k), firsts.tolist())), "query or key"


def carry(scores: Any, v: Any, first: int, width: int, starts: Any, total: Any) -> Iterator[tuple[bool, str]]:
    """Of `counting.carry`."""
    rows, steps, heads, blocks = scores.shape
    yield len(total) == 1 and v.shape[:2] == (rows, steps) and 0 <= first <= v.shape[2] - words(heads * width), "values"
    yield _runs(starts, rows) and words(int(np.diff(starts).max(initial=0))) <= blocks, "texts"


def _listed(lines: Any, starts: Any, columns: Any, weights: Any, firsts: Any, each: Any, targets: int) -> Iterator[tuple[bool, str]]:
    lists = len(starts)
    yield starts.shape == (lists, targets + 1) and len(firsts) == len(each) == lists, "lists"
    ends = starts.ravel()
    yield lists > 0 and int(ends[0]) == 0 and int(ends[-1]) == len(columns) and bool((np.diff(ends) >= 0).all()), "lists"
    yield not len(columns) or 0 <= int(columns.min()) <= int(columns.max()) < len(lines), "columns"
    counts = np.where(each == 1, starts[:, -1] - starts[:, 0], 1)
    yield bool(((each == 0) | (each == 1)).all() and (firsts >= 0).all() and (firsts + counts <= len(weights)).all()), "weights"


def add_listed(lines: Any, starts: Any, columns: Any, weights: Any, firsts: Any, each: Any, total: Any) -> Iterator[tuple[bool, str]]:
    """Of `timelines.add_listed`."""
    yield lines.shape[1] == words(len(total)) and total.shape[1] >= starts.shape[1] - 1, "total"
    yield from _listed(lines, starts, columns, weights, firsts, each, starts.shape[1] - 1)


def fire_at_once(
    lines: Any, starts: Any, columns: Any, weights: Any, firsts: Any, each: Any, bias: Any, threshold: Any, alive: Any, out: Any
) -> Iterator[tuple[bool, str]]:
    """Of `timelines.fire_at_once`."""
    yield len(out) > 0 and out.shape[1] == lines.shape[1] == len(alive), "output"
    yield len(bias) == len(threshold) == len(out) - 1, "registers"
    yield from _listed(lines, starts, columns, weights, firsts, each, len(out) - 1)


def add_matrix(lines: Any, where: Any, weights: Any, places: Any, straight: bool, total: Any) -> Iterator[tuple[bool, str]]:
    """Of `timelines.add_matrix`."""
    (width, stride), (cells, rows) = weights.shape, places.shape
    yield lines.shape[1] == words(len(total)) and len(where) == cells * width, "cells"
    yield not where.size or 0 <= int(where.min()) <= int(where.max()) < len(lines), "columns"
    yield stride % WORD == 0 and 0 < rows <= stride and stride - rows < WORD, "rows"
    first, last = int(places.min(initial=0)), int(places.max(initial=0))
    yield first >= 0 and last < total.shape[1] and (not straight or int(places[:, 0].max(initial=0)) + stride <= total.shape[1]), "places"


def fire_in_time(
    total: Any, keep: Any, keep_u: Any, bias: Any, threshold: Any, current: bool, clear: Any, born: int, out: Any
) -> Iterator[tuple[bool, str]]:
    """Of `timelines.fire_in_time`."""
    width = words(len(out) - 1) * WORD
    yield len(out) > 0 and out.shape[1] == words(len(total)) and total.shape[1] >= width, "output"
    yield all(len(register) >= width for register in (keep, keep_u, bias, threshold)), "registers"
    yield len(clear) == len(total) and born >= 0, "steps"


def last(
    x: Any, first: int, starts: Any, weight: Any, active: Any, keep_u: Any, keep: Any, bias: Any, vth: Any, u: Any, v: Any, out: Any
) -> Iterator[tuple[bool, str]]:
    """Of `lasting.last`."""
    width = out.shape[2] * WORD
    yield len(x) == len(out) and x.shape[1] <= out.shape[1] and 0 <= first <= x.shape[2] - out.shape[2], "input"
    yield all(len(register) == width for register in (weight, active, keep_u, keep, bias, vth)), "registers"
    yield u.shape == v.shape == (len(starts) - 1, width), "state"
    yield _runs(starts, len(out)), "sequences"


def multiply(counts: Any, table: Any, bias: Any, out: Any) -> Iterator[tuple[bool, str]]:
    """Of `vocabulary.multiply`."""
    (rows, tokens), (blocks, quads, width) = out.shape, table.shape
    yield width == 4 * WORD and blocks == words(tokens) == words(len(bias)) and len(bias) == tokens, "tables"
    yield counts.shape == (rows, quads), "counts"


def draw(logits: Any, shares: Any, top_p: Any, uniform: Any, out: Any) -> Iterator[tuple[bool, str]]:
    """Of `vocabulary.draw`."""
    yield logits.shape == shares.shape and logits.shape[1] > 0, "shares"
    yield len(top_p) == len(uniform) == len(out) == len(logits), "rows"
    yield not len(logits) or int(logits.max()) - int(logits.min()) < 1 << 62, "logits"


def count(x: Any, first: int, out: Any) -> Iterator[tuple[bool, str]]:
    """Of `lasting.count`."""
    yield len(x) == len(out) and 0 <= first <= x.shape[2] - words(out.shape[1]), "input"
