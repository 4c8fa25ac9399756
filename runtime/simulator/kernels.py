"""Compiled kernels on packed spikes. `plain.py` has each of them in numpy, as the oracle.

Spikes are uint64 arrays (rows, steps, words): a row is a token, and a population is a run of words from some first word on.

A product with binary or ternary weights adds, for each spike, one row of bits (binary: w > 0) or two (ternary: w > 0 and w >= 0), so that
    sum_k w_k s_k = (each count of ones) * (3 - rows per spike) - spikes.
The ones are counted for 512 neurons at once in vertical counters: bit p of every count lies in plane p. A three-input gate adds two rows to a
plane and carries (Harley and Seal's counter). That costs 2 gates a row whatever the width, nothing for silent inputs, and no multiplication.
AND and population count take 3 instructions for 512 inputs of one neuron, silent or not: less where more than half of all inputs spike, and
only there they are used.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from tritspike.runtime.arith import V_LIMIT
from tritspike.runtime.bits import PLANES
from tritspike.runtime.simulator.cache import kernel
from tritspike.runtime.simulator.lanes import (
    above,
    append,
    at,
    choose,
    clamp,
    counted,
    load_lanes,
    load_words,
    lowest,
    majority,
    multiply_pairs,
    narrow,
    odd,
    overlap,
    popcount,
    splat,
    store,
)

_GROUP = 16  # rows added at a time
SPIKES, LANES, ROWS = "uint64[:,:,::1]", "int32[::1]", "int64[::1]"  # spikes; parameters of neurons or words; numbers of rows
inline = numba.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)


@inline
def step(v: Any, drive: Any, keep: int, threshold: int, bounded: int) -> Any:
    """One LIF step of 64 neurons (`arith.lif_step`, drive and threshold in membrane units): (membranes, word of spikes).

    `bounded`: no input can reach the membrane's limit, so nothing need be cut there.
    """
    sign = v >> splat(np.int32(31))
    if keep & 15:  # |v| * keep needs 35 bits: the upper and lower 12 bits of |v| apart
        size = (v ^ sign) - sign
        part = (size & splat(np.int32(4095))) * splat(np.int32(keep))
        kept = (size >> splat(np.int32(12))) * splat(np.int32(keep)) + (part >> splat(np.int32(12)))
        before = (kept ^ sign) - sign + drive
    else:  # (v * 16m) >> 12 == (v * m) >> 8, and 23 + 8 bits fit; 255 more makes a negative product round up, toward zero
        before = ((v * splat(np.int32(keep >> 4)) + (sign & splat(np.int32(255)))) >> splat(np.int32(8))) + drive
    if not bounded:
        before = clamp(before, np.int32(V_LIMIT))
    spikes = above(before, splat(np.int32(threshold)))
    return choose(spikes, splat(np.int32(0)), before), spikes


@inline
def add_four(table: Any, base: int, rows: Any, g: int, ones: Any, twos: Any) -> Any:
    """Add rows g .. g + 3 to the two lowest planes: (ones, twos, carry)."""
    a, b = load_words(table, base + 8 * np.int64(at(rows, g))), load_words(table, base + 8 * np.int64(at(rows, g + 1)))
    first, ones = majority(ones, a, b), odd(ones, a, b)
    a, b = load_words(table, base + 8 * np.int64(at(rows, g + 2))), load_words(table, base + 8 * np.int64(at(rows, g + 3)))
    second, ones = majority(ones, a, b), odd(ones, a, b)
    return ones, odd(twos, first, second), majority(twos, first, second)


@inline
def count_rows(table: Any, base: int, rows: Any, end: int, planes: Any) -> None:
    """planes (PLANES * 8,): the vertical counter of table rows[:end], 512 columns from word `base`; `end` is a multiple of 16."""
    zero = load_words(planes, PLANES * 8)  # a spare row of zeros
    ones = twos = fours = eights = p4 = p5 = p6 = p7 = p8 = zero
    for p in range(9, PLANES):
        store(planes, p * 8, zero)
    for g in range(0, end, _GROUP):
        ones, twos, a = add_four(table, base, rows, g, ones, twos)
        ones, twos, b = add_four(table, base, rows, g + 4, ones, twos)
        first, fours = majority(fours, a, b), odd(fours, a, b)
        ones, twos, a = add_four(table, base, rows, g + 8, ones, twos)
        ones, twos, b = add_four(table, base, rows, g + 12, ones, twos)
        second, fours = majority(fours, a, b), odd(fours, a, b)
        carry, eights = majority(eights, first, second), odd(eights, first, second)
        carry, p4 = p4 & carry, p4 ^ carry
        carry, p5 = p5 & carry, p5 ^ carry
        carry, p6 = p6 & carry, p6 ^ carry
        carry, p7 = p7 & carry, p7 ^ carry
        carry, p8 = p8 & carry, p8 ^ carry
        if g >= 496:  # 512 rows and more can overflow nine planes
            for p in range(9, PLANES):
                plane = load_words(planes, p * 8)
                store(planes, p * 8, plane ^ carry)
                carry = plane & carry
    store(planes, 0, ones)
    store(planes, 8, twos)
    store(planes, 16, fours)
    store(planes, 24, eights)
    store(planes, 32, p4)
    store(planes, 40, p5)
    store(planes, 48, p6)
    store(planes, 56, p7)
    store(planes, 64, p8)


@inline
def list_rows(x: Any, first: int, words: int, each: int, rows: Any, empty: int) -> Any:
    """Numbers of the table rows that the spikes of x[first : first + words] add, filled up with an empty row: (how many, filled up)."""
    end = 0
    for w in range(words):
        word = at(x, first + w)
        if word != 0:
            end = append(word, 64 * w, rows, end, 1) if each == 1 else append(word, 64 * w, rows, end, 2)
    full = (end + _GROUP - 1) // _GROUP * _GROUP
    for n in range(end, full):
        rows[n] = empty
    return end, full


@inline
def totals(planes: Any, w: int, rows: int, each: int) -> Any:
    """W s of 64 neurons from the counter of so many rows; only planes that they can reach are read."""
    count = counted(planes, w, 0, 7)
    if rows > 511:
        count = count + (counted(planes, w, 7, 7) << splat(np.int32(7)))
    elif rows > 127:
        count = count + (counted(planes, w, 7, 2) << splat(np.int32(7)))
    if each == 1:
        count = count + count
    return count - splat(np.int32(rows // each))


@inline
def dense_totals(x: Any, first: int, signs: Any, w: int, spikes: int) -> Any:
    """W s of 64 neurons by AND and population count; signs: (1 or 2, words of neurons, words of inputs, 64), w > 0 and (ternary) w < 0."""
    each, words, heard, _ = signs.shape
    count = overlap(signs, w * heard * 64, at(x, first))
    for k in range(1, heard):
        count = count + overlap(signs, (w * heard + k) * 64, at(x, first + k))
    if each == 1:
        return narrow(count + count) - splat(np.int32(spikes))
    for k in range(heard):
        count = count - overlap(signs, ((words + w) * heard + k) * 64, at(x, first + k))
    return narrow(count)


@inline
def count_spikes(x: Any, first: int, words: int) -> int:
    """Set bits of x[first : first + words]."""
    found = 0
    for w in range(words):
        found += popcount(at(x, first + w))
    return found


@kernel(f"void({SPIKES}, int64, int64, {SPIKES}, uint64[:,:,:,::1], {LANES}, {LANES}, {LANES}, {LANES}, {SPIKES}, int64, int64, int64, {SPIKES})")
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
) -> None:
    """Populations that hear one matrix: out = LIF(gain * (W x) + skip_gain * skip + bias), all in membrane units (1/64 synaptic unit).

    x, skip, out: spikes; `inputs` neurons from word `first`. table: (blocks, rows + 1, 8) words, the last row empty; signs: see `dense_totals`.
    gain, bias: (neurons of out) int32. keep, vth: (words of out) int32. bounded: no membrane can reach its limit.
    """
    tokens, steps, words = out.shape
    height, each, heard = table.shape[1], signs.shape[0], (inputs + 63) // 64
    rows = np.empty(height + 64, np.uint16)
    planes = np.zeros((PLANES + 1) * 8, np.uint64)
    v = np.empty(words * 64, np.int32)
    for token in range(tokens):
        v[:] = 0
        for t in range(steps):
            now = token * steps + t
            here = now * x.shape[2] + first
            spikes, end, full = count_spikes(x, here, heard), 0, 0
            many = 2 * spikes > inputs
            if not many:
                end, full = list_rows(x, here, heard, each, rows, height - 1)
            for w in range(words):
                if many:
                    heard_sum = dense_totals(x, here, signs, w, spikes)
                else:
                    if w & 7 == 0:
                        count_rows(table, (w >> 3) * height * 8, rows, full, planes)
                    heard_sum = totals(planes, w & 7, end, each)
                drive = heard_sum * load_lanes(gain, w * 64) + load_lanes(bias, w * 64)
                if skip_gain != 0:
                    heard_too = at(skip, now * skip.shape[2] + skip_first + w)
                    drive = choose(heard_too, drive + splat(np.int32(skip_gain)), drive)
                kept, fired = step(load_lanes(v, w * 64), drive, at(keep, w), at(vth, w), bounded)
                store(v, w * 64, kept)
                out[token, t, w] = fired


@inline
def field(x: Any, first: int, bit: int, width: int) -> Any:
    """`width` <= 64 bits of the row that begins at x[first], from `bit` on."""
    word, shift = first + (bit >> 6), np.uint64(bit & 63)
    found = at(x, word) >> shift
    if (bit & 63) + width > 64:
        found |= at(x, word + 1) << (np.uint64(64) - shift)
    return found if width == 64 else found & ((np.uint64(1) << np.uint64(width)) - np.uint64(1))


@inline
def gather_keys(k: Any, first: int, start: int, length: int, head: int, width: int, keys: Any) -> None:
    """keys (steps, words of a head, positions): the head's bits of each position, so that 64 keys lie side by side."""
    for t in range(keys.shape[0]):
        for part in range(keys.shape[1]):
            for j in range(length):
                row = ((start + j) * k.shape[1] + t) * k.shape[2] + first
                keys[t, part, j] = field(k, row, head * width + part * 64, min(64, width - part * 64))
            keys[t, part, length:] = 0


@inline
def gather_values(x: Any, first: int, start: int, length: int, head: int, width: int, values: Any) -> None:
    """values (steps, words of positions, channels): bit j of a channel's word is position j, the transpose of what x holds."""
    values[:] = 0
    for t in range(values.shape[0]):
        for j in range(length):
            row = ((start + j) * x.shape[1] + t) * x.shape[2] + first
            for part in range(0, width, 64):
                word = field(x, row, head * width + part, min(64, width - part))
                while word != 0:
                    values[t, j >> 6, part + lowest(word)] |= np.uint64(1) << np.uint64(j & 63)
                    word &= word - np.uint64(1)


@inline
def put(out: Any, token: int, t: int, bit: int, word: int, width: int) -> None:
    """Or `width` <= 64 bits of `word` into a row of `out` from `bit` on."""
    out[token, t, bit >> 6] |= word << np.uint64(bit & 63)
    if (bit & 63) + width > 64:
        out[token, t, (bit >> 6) + 1] |= word >> np.uint64(64 - (bit & 63))


@inline
def score_one(q: Any, first: int, token: int, i: int, head: int, width: int, causal: bool, keys: Any, how: Any, out: Any) -> None:
    """Scores of query i of one head, 64 keys at a time."""
    steps, parts, _ = keys.shape
    for block in range((i >> 6) + 1 if causal else (keys.shape[2] + 63) >> 6):
        past = np.uint64(0xFFFFFFFFFFFFFFFF)
        if causal and block == i >> 6:
            past >>= np.uint64(63 - (i & 63))
        v = splat(np.int32(0))
        for t in range(steps):
            row = (token * steps + t) * q.shape[2] + first
            count = splat(np.int32(0))
            for part in range(parts):
                word = field(q, row, head * width + part * 64, min(64, width - part * 64))
                count = count + narrow(overlap(keys, (t * parts + part) * keys.shape[2] + block * 64, word))
            v, fired = step(v, count * splat(np.int32(how[0])), how[1], how[2], how[3])
            out[token, t, head, block] = fired & past


@inline
def context_one(scores: Any, token: int, head: int, width: int, values: Any, how: Any, out: Any) -> None:
    """What one query of one head gathers, 64 channels at a time."""
    steps, blocks, channels = values.shape
    for part in range(0, width, 64):
        v = splat(np.int32(0))
        for t in range(steps):
            count = splat(np.int32(0))
            for block in range(blocks):
                count = count + narrow(overlap(values, (t * blocks + block) * channels + part, scores[token, t, head, block]))
            v, fired = step(v, count * splat(np.int32(how[0])), how[1], how[2], how[3])
            put(out, token, t, head * width + part, fired, min(64, width - part))


@kernel(f"void({SPIKES}, {SPIKES}, {SPIKES}, {ROWS}, {ROWS}, int64, boolean, int64, {LANES}, {LANES}, uint64[:,:,:,::1], {SPIKES})")
def attend(
    q: Any, k: Any, v: Any, firsts: Any, starts: Any, width: int, causal: bool, begin: int, score: Any, context: Any, scores: Any, out: Any
) -> None:
    """Spiking attention, each text by itself: scores = LIF(g * q AND k over channels), out = LIF(g' * scores AND v over keys).

    q, k, v: spikes, each from its word in `firsts`; heads lie end to end, `width` channels each. starts: (texts + 1,) rows.
    begin: position of each text before which no query is answered.
    score, context: (gain in membrane units, keep, vth, bounded) int32. scores: (rows, steps, heads, words of keys); out: spikes, zero at first.
    """
    steps, heads = scores.shape[1], scores.shape[2]
    parts = (width + 63) // 64
    for text in range(len(starts) - 1):
        start, length = starts[text], starts[text + 1] - starts[text]
        blocks = (length + 63) // 64
        keys = np.empty((steps, parts, blocks * 64), np.uint64)
        values = np.empty((steps, blocks, parts * 64), np.uint64)
        for head in range(heads):
            gather_keys(k, firsts[1], start, length, head, width, keys)
            gather_values(v, firsts[2], start, length, head, width, values)
            for i in range(begin, length):
                score_one(q, firsts[0], start + i, i, head, width, causal, keys, score, scores)
                context_one(scores, start + i, head, width, values, context, out)


@kernel(f"void({SPIKES}, int64, {ROWS}, uint64[:,::1], uint64[:,::1], boolean, int64[:,::1])")
def pool(x: Any, first: int, starts: Any, positive: Any, negative: Any, only_first: bool, out: Any) -> None:
    """out (texts, classes) int64 += sum over rows (or the first row) and steps of W x; positive, negative: (classes, words) of W's signs."""
    classes, words = positive.shape
    for text in range(len(starts) - 1):
        stop = starts[text] + 1 if only_first else starts[text + 1]
        for row in range(starts[text] * x.shape[1], stop * x.shape[1]):
            for c in range(classes):
                for w in range(words):
                    word = at(x, row * x.shape[2] + first + w)
                    out[text, c] += popcount(word & positive[c, w]) - popcount(word & negative[c, w])


@kernel(f"void(int32[:,::1], int16[:,::1], {LANES}, int64, int64, int64, {SPIKES})")
def encode(rows: Any, projection: Any, bias: Any, shift: int, keep: int, vth: int, out: Any) -> None:
    """The host's encoder LIF: out = LIF((projection @ row + bias) >> shift), the same current at every step.

    rows: (tokens, rank / 2) int32, each two int16; projection: (rank / 2, 2 * neurons) int16, the weights of such a pair side by side;
    bias: (neurons,) int32; no sum may reach 2^31. A current beyond 2^18 saturates the membrane from anywhere: cutting it changes nothing.
    """
    tokens, steps, words = out.shape
    for token in range(tokens):
        for w in range(words):
            drive = load_lanes(bias, w * 64)
            for r in range(rows.shape[1]):
                drive = multiply_pairs(drive, projection, r * projection.shape[1] + w * 128, rows[token, r])
            drive = clamp(drive >> splat(np.int32(shift)), np.int32(1 << 18)) << splat(np.int32(6))
            v = splat(np.int32(0))
            for t in range(steps):
                v, fired = step(v, drive, keep, vth, 0)
                out[token, t, w] = fired
