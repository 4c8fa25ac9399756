"""The kernels again, in plain numpy on unpacked arrays: what each of them must equal, and what runs where numba may not compile."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.bits import Words, pack, unpack, words

Ints = NDArray[np.int64]
_UNPACKED = 64  # rows whose spikes are unpacked at once


def scan(drive: Ints, keep: Ints | int, vth: Ints | int) -> NDArray[np.bool_]:
    """LIF spikes along axis 1 of (rows, steps, ...); drive and threshold in membrane units."""
    v, out = np.zeros_like(drive[:, 0]), np.empty(drive.shape, np.bool_)
    for t in range(drive.shape[1]):
        before = arith.saturate(arith.decay(v, keep) + drive[:, t])
        out[:, t] = before > vth
        v = np.where(out[:, t], 0, before)
    return out


def _bits(x: Words, first: int, count: int) -> NDArray[np.bool_]:
    return unpack(x[..., first : first + words(count)], count)


def _product(spikes: NDArray[np.bool_], codes: Ints) -> Ints:
    """spikes @ codes in float32, which numpy multiplies fast and which holds every sum of so few ones and minus ones exactly."""
    assert len(codes) < 1 << 24
    return (spikes.astype(np.float32) @ codes.astype(np.float32)).astype(np.int64)


def linear(
    x: Words,
    first: int,
    inputs: int,
    table: Words,
    signs: Words,
    gain: NDArray[np.int32],
    bias: NDArray[np.int32],
    keep: NDArray[np.int32],
    vth: NDArray[np.int32],
    skip: Words,
    skip_first: int,
    skip_gain: int,
    bounded: int,
    out: Words,
) -> None:
    """`kernels.linear`: the weights are read back from the table's bits."""
    each, neurons = len(signs), len(gain)
    rows = unpack(table.swapaxes(0, 1).reshape(table.shape[1], -1), neurons)[:-1]
    codes = (2 * rows if each == 1 else rows.reshape(inputs, 2, neurons).sum(1)).astype(np.int64) - 1
    drive = _product(_bits(x, first, inputs), codes) * gain + bias
    if skip_gain:
        drive += skip_gain * _bits(skip, skip_first, neurons)
    out[:] = pack(scan(drive, np.repeat(keep, 64).astype(np.int64), np.repeat(vth, 64)))


def attend(
    q: Words,
    k: Words,
    v: Words,
    firsts: Ints,
    starts: Ints,
    width: int,
    causal: bool,
    begin: int,
    score: NDArray[np.int32],
    context: NDArray[np.int32],
    scores: Words,
    out: Words,
) -> None:
    """`kernels.attend`: two batched matrix products a text."""
    heads = scores.shape[2]
    grids = [_bits(s, f, heads * width).reshape(*s.shape[:2], heads, width).astype(np.int64) for s, f in zip((q, k, v), firsts.tolist())]
    for a, b in pairwise(starts):
        queries, keys, values = (g[a:b].transpose(1, 2, 0, 3) for g in grids)  # steps, heads, positions, channels
        seen = _lif(queries @ keys.swapaxes(-1, -2), score)
        if causal:
            seen &= np.tril(np.ones((b - a, b - a), np.bool_))
        scores[a + begin : b, :, :, : words(b - a)] = pack(seen).transpose(2, 0, 1, 3)[begin:]
        gathered = _lif(seen.astype(np.int64) @ values, context)
        found = pack(gathered.transpose(2, 0, 1, 3).reshape(b - a, scores.shape[1], heads * width))
        out[a + begin : b, :, : found.shape[-1]] = found[begin:]


def _lif(counts: Ints, how: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Spikes of (steps, ...) counts; `how` is (gain, keep, threshold, bounded)."""
    gain, keep, vth, _ = how.tolist()
    return scan((counts * gain)[None], keep, vth)[0]


def pool(x: Words, first: int, starts: Ints, positive: Words, negative: Words, only_first: bool, out: Ints) -> None:
    """`kernels.pool`."""
    count = positive.shape[1] * 64
    codes = unpack(positive, count).astype(np.int64) - unpack(negative, count)
    sums = _bits(x, first, count).sum(1) @ codes.T
    for text, (a, b) in enumerate(pairwise(starts)):
        out[text] += sums[a : a + 1 if only_first else b].sum(0)


def encode(rows: NDArray[np.int32], projection: NDArray[np.int16], bias: NDArray[np.int32], shift: int, keep: int, vth: int, out: Words) -> None:
    """`kernels.encode`, for sums of any size."""
    weights = projection.reshape(rows.shape[1], -1, 2).swapaxes(1, 2).reshape(rows.shape[1] * 2, -1)
    drive = (rows.view(np.int16).astype(np.int64) @ weights.astype(np.int64) + bias) >> shift
    steps = np.broadcast_to(drive[:, None] * arith.ONE, (len(rows), out.shape[1], drive.shape[1]))
    out[:] = pack(scan(steps, keep, vth))


def draw(logits: Ints, shares: NDArray[np.float64], top_p: NDArray[np.float64], uniform: NDArray[np.float64], out: Ints) -> None:
    """`vocabulary.draw`: all tokens sorted."""
    for row, order in enumerate(np.argsort(-logits, axis=1, kind="stable")):
        sums = np.cumsum(shares[row, order])
        kept = sums[: int(np.searchsorted(sums, top_p[row] * sums[-1])) + 1]
        out[row] = order[min(int(np.searchsorted(kept, uniform[row] * kept[-1], "right")), len(kept) - 1)]


def tally(x: Words, first: int, positions: Ints, channels: Ints, places: Ints) -> None:
    """`counting.tally`."""
    spikes = _bits(x, first, len(channels))
    channels += spikes.sum((0, 1))
    np.add.at(places, positions, spikes.sum((1, 2)))


def meet(q: Words, k: Words, firsts: Ints, width: int, starts: Ints, causal: bool, total: Ints) -> None:
    """`counting.meet`."""
    queries, keys = (_bits(x, f, width).astype(np.int64) for x, f in zip((q, k), firsts.tolist()))
    for a, b in pairwise(starts):
        pairs = np.einsum("itc,jtc->ij", queries[a:b], keys[a:b])
        total += (np.tril(pairs) if causal else pairs).sum()


def carry(scores: Words, v: Words, first: int, width: int, starts: Ints, total: Ints) -> None:
    """`counting.carry`."""
    heads = scores.shape[2]
    values = _bits(v, first, heads * width).reshape(*v.shape[:2], heads, width).sum(3)
    for a, b in pairwise(starts):
        total += np.einsum("ithj,jth->", unpack(scores[a:b], b - a).astype(np.int64), values[a:b])


def _spikes(lines: Words, steps: int) -> NDArray[np.bool_]:
    """(steps, lines)."""
    return unpack(lines, steps).T


def _heard(lines: Words, starts: Ints, columns: Ints, weights: Ints, firsts: Ints, each: Ints, steps: int) -> Ints:
    """(steps, targets) input by lists."""
    total, spikes = np.zeros((steps, starts.shape[1] - 1), np.int64), _spikes(lines, steps).astype(np.int64)
    for begins, first, step in zip(starts, firsts, each):
        at = np.arange(begins[0], begins[-1])
        row = np.repeat(np.arange(total.shape[1]), np.diff(begins))
        np.add.at(total.T, row, (spikes[:, columns[at]] * weights[first + step * (at - begins[0])]).T)
    return total


def add_listed(lines: Words, starts: Ints, columns: Ints, weights: Ints, firsts: Ints, each: Ints, total: NDArray[np.int32]) -> None:
    """`timelines.add_listed`."""
    total[:, : starts.shape[1] - 1] += _heard(lines, starts, columns, weights, firsts, each, len(total)).astype(np.int32)


def fire_at_once(
    lines: Words, starts: Ints, columns: Ints, weights: Ints, firsts: Ints, each: Ints, bias: Ints, threshold: Ints, alive: Words, out: Words
) -> None:
    """`timelines.fire_at_once`."""
    heard = _heard(lines, starts, columns, weights, firsts, each, out.shape[1] * 64)
    out[:-1] = pack(((heard << arith.INPUT_SHIFT) + bias > threshold).T) & alive


def add_matrix(lines: Words, where: Ints, weights: NDArray[np.int32], places: Ints, straight: bool, total: NDArray[np.int32]) -> None:
    """`timelines.add_matrix`."""
    (cells, rows), (width, _) = places.shape, weights.shape
    counts = _spikes(lines, len(total))[:, where].sum(2, dtype=np.int64).reshape(len(total), cells, width)
    np.add.at(total.T, places.ravel(), (counts @ weights[:, :rows]).reshape(len(total), -1).T.astype(np.int32))


def fire_in_time(
    total: NDArray[np.int32], keep: Ints, keep_u: Ints, bias: Ints, threshold: Ints, current: bool, clear: NDArray[np.bool_], born: int, out: Words
) -> None:
    """`timelines.fire_in_time`."""
    count = len(out) - 1
    keep, keep_u, bias, threshold = (register[:count].astype(np.int64) for register in (keep, keep_u, bias, threshold))
    u, v, spikes = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros((len(total), count), np.bool_)
    for t in range(len(total)):
        if clear[t] or t < born:
            u, v = np.zeros_like(u), np.zeros_like(v)
        if t >= born:
            u = arith.decay(u, keep_u) + (total[t, :count].astype(np.int64) << arith.INPUT_SHIFT)
            before = arith.saturate(arith.decay(v, keep) + u + bias)
            spikes[t] = before > threshold
            v = np.where(spikes[t], 0, before)
        total[t, :count] = v
    out[:-1] = pack(spikes.T)


def last(
    x: Words, first: int, starts: Ints, weight: Ints, active: Ints, keep_u: Ints, keep: Ints, bias: Ints, vth: Ints, u: Ints, v: Ints, out: Words
) -> None:
    """`lasting.last`, all sequences beside each other."""
    weight, active, keep_u, keep, bias, vth = (register.astype(np.int64) for register in (weight, active, keep_u, keep, bias, vth))
    spikes, now, lengths = np.zeros((*out.shape[:2], u.shape[1]), np.bool_), np.zeros((len(out), out.shape[1], u.shape[1]), np.int64), np.diff(starts)
    now[:, : x.shape[1]] = _bits(x, first, u.shape[1]) * weight + active
    for position in range(int(lengths.max(initial=0))):
        there = np.flatnonzero(lengths > position)
        rows, current, membrane = starts[there] + position, u[there].astype(np.int64), v[there].astype(np.int64)
        for t in range(out.shape[1]):
            current = arith.decay(current, keep_u) + now[rows, t]
            before = arith.saturate(arith.decay(membrane, keep) + current + bias)
            spikes[rows, t] = before > vth
            membrane = np.where(before > vth, 0, before)
        u[there], v[there] = current, membrane
    out[:] = pack(spikes)


def count(x: Words, first: int, out: Ints) -> None:
    """`lasting.count`, a block of rows at a time: unpacked, spikes take eight times their room."""
    for at in range(0, len(x), _UNPACKED):
        out[at : at + _UNPACKED] = _bits(x[at : at + _UNPACKED], first, out.shape[1]).sum(1)
