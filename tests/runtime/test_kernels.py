"""Each compiled kernel against its numpy oracle, at the edges of widths and registers, by `==`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.runtime import arith, bits
from tritspike.runtime.simulator import counting, kernels, plain, vocabulary, weights

KEEPS = st.sampled_from([1, 15, 16, 3072, 3277, 4095, 4096]) | st.integers(1, 4096)
WIDTHS = st.sampled_from([1, 63, 64, 65, 128, 511, 512, 513, 600]) | st.integers(1, 700)
seeds = st.integers(0, 2**31)
cases = settings(max_examples=60)


def spikes(rng, *shape: int) -> bits.Words:
    """Packed spikes of any rate, none and all included."""
    return bits.pack(rng.random(shape) < rng.choice([0, 0.02, 0.2, 0.7, 1]))


def beside(rng, words: bits.Words) -> tuple[bits.Words, int]:
    """The same words behind others, as populations that share a buffer lie, and the first of them."""
    first = int(rng.integers(0, 3))
    other = rng.integers(0, 2**63, (*words.shape[:2], first)).astype(np.uint64)
    return np.concatenate([other, words], 2), first


def both(module, name: str, *arguments, out: np.ndarray) -> np.ndarray:
    """What the kernel writes, once its oracle wrote the same."""
    compiled, plainly = out.copy(), out.copy()
    getattr(module, name)(*arguments, compiled)
    getattr(plain, name)(*arguments, plainly)
    assert (compiled == plainly).all(), (name, np.argwhere(compiled != plainly)[0])
    return compiled


@cases
@given(seeds, WIDTHS, WIDTHS, st.integers(1, 2), KEEPS, st.sampled_from([1, 64, 1 << 15, (1 << 17) - 1]))
def test_linear(seed, inputs, neurons, each, keep, gain):
    """Gains up to where one spike saturates the membrane, thresholds and biases over all of their registers."""
    rng = np.random.default_rng(seed)
    rows, steps, words = int(rng.integers(0, 6)), int(rng.integers(1, 6)), bits.words(neurons)
    codes = rng.choice([-1, 1] if each == 1 else [-1, 0, 1], (neurons, inputs)).astype(np.int8)
    gains, biases = np.zeros((2, words * 64), np.int32)
    most = min(gain, arith.V_LIMIT // inputs)
    gains[:neurons] = rng.integers(-most, most + 1, neurons)
    biases[:neurons] = rng.integers(-(4095 << 7), (4095 << 7) + 1, neurons)
    vth = rng.integers(0, most * inputs + 1, words).astype(np.int32)
    skip, skip_first = beside(rng, spikes(rng, rows, steps, neurons))
    x, first = beside(rng, spikes(rng, rows, steps, inputs))
    weight = int(rng.integers(-(1 << 22), 1 << 22)) * int(rng.integers(0, 2))
    out = np.zeros((rows, steps, words), np.uint64)
    table, signs = weights.table(codes, each), weights.signs(codes, each)
    both(kernels, "linear", x, first, inputs, table, signs, gains, biases, np.full(words, keep, np.int32), vth, skip, skip_first, weight, 0, out=out)


@pytest.mark.parametrize("inputs", [3072, 16383])
def test_linear_at_large_fan_in(inputs):
    """Weights all 1 or all -1, up to every plane of the vertical counter and beyond half of the inputs: a neuron fires where its sum passes."""
    codes = np.ones((512, inputs), np.int8)
    codes[256:] = -1
    table, signs = weights.table(codes, 2), weights.signs(codes, 2)
    for spiking in (0, 7, 63, 64, 255, 256, 257, 1024, 1536, 1537, 3072, inputs // 2, inputs // 2 + 1, inputs):
        x = bits.pack(np.arange(inputs)[None, None] < spiking)
        for threshold, fires in ((spiking - 1, True), (spiking, False)):
            vth, gain = np.full(8, threshold, np.int32), np.ones(512, np.int32)
            out = np.zeros((1, 1, 8), np.uint64)
            kernels.linear(x, 0, inputs, table, signs, gain, 0 * gain, np.ones(8, np.int32), vth, x, 0, 0, 0, out)
            expected = np.zeros(512, np.bool_)
            expected[:256] = fires
            expected[256:] = -spiking > threshold
            assert (bits.unpack(out, 512)[0, 0] == expected).all(), spiking


@cases
@given(seeds, st.integers(1, 4), st.sampled_from([1, 24, 63, 64, 65, 128]) | st.integers(1, 140), st.booleans(), KEEPS, KEEPS)
def test_attention(seed, heads, width, causal, keep, other_keep):
    rng = np.random.default_rng(seed)
    steps, starts = int(rng.integers(1, 5)), _starts(rng, (0, 1, 5, 63, 64, 65, 130))
    rows, blocks, begin = int(starts[-1]), bits.words(int(np.diff(starts).max())), int(rng.choice([1, 5, 64, 200]))
    sides = [beside(rng, spikes(rng, rows, steps, heads * width)) for _ in range(3)]
    firsts = np.array([first for _, first in sides], np.int64)
    score = np.array([rng.integers(1, 9000), keep, rng.integers(0, 9000), rng.integers(0, 2)], np.int32)
    context = np.array([rng.integers(1, 9000), other_keep, rng.integers(0, 9000), rng.integers(0, 2)], np.int32)
    found = []
    for module in (kernels, plain):
        scores, out = np.zeros((rows, steps, heads, blocks), np.uint64), np.zeros((rows, steps, bits.words(heads * width)), np.uint64)
        module.attend(*(words for words, _ in sides), firsts, starts, width, causal, 0, score, context, scores, out)
        later = np.zeros_like(scores), np.zeros_like(out)
        module.attend(*(words for words, _ in sides), firsts, starts, width, causal, begin, score, context, *later)
        answered = np.concatenate([np.arange(n) >= begin for n in np.diff(starts)])
        assert all((part[answered] == whole[answered]).all() and not part[~answered].any() for part, whole in zip(later, (scores, out)))
        found.append((scores, out))
    assert all((a == b).all() for a, b in zip(*found))
    (query, _), (key, _), (value, _) = sides
    both(counting, "meet", query, key, firsts[:2], heads * width, starts, causal, out=np.zeros(1, np.int64))
    both(counting, "carry", found[0][0], value, int(firsts[2]), width, starts, out=np.zeros(1, np.int64))


def _starts(rng, lengths) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(rng.choice(lengths, rng.integers(1, 4)))]).astype(np.int64)


@cases
@given(seeds, WIDTHS, st.integers(1, 5), st.booleans())
def test_pool_and_tally(seed, width, classes, only_first):
    rng = np.random.default_rng(seed)
    starts = _starts(rng, (1, 3, 9))
    rows = int(starts[-1])
    x, first = beside(rng, spikes(rng, rows, int(rng.integers(1, 5)), width))
    codes = rng.integers(-1, 2, (classes, width))
    signs = bits.pack(codes > 0), bits.pack(codes < 0)
    both(kernels, "pool", x, first, starts, *signs, only_first, out=np.zeros((len(starts) - 1, classes), np.int64))
    positions = rng.integers(0, 7, rows)
    channels = np.zeros(width, np.int64)
    both(counting, "tally", x, first, positions, channels, out=np.zeros(7, np.int64))
    assert channels.sum() == 2 * bits.unpack(x[..., first:], width).sum()  # the kernel's and the oracle's


@cases
@given(seeds, WIDTHS, st.integers(1, 70), st.integers(0, 30), KEEPS, st.integers(0, arith.VTH_LIMIT))
def test_encode(seed, hidden, rank, shift, keep, vth):
    rng = np.random.default_rng(seed)
    width = bits.words(hidden) * 64
    projection, bias = np.zeros((rank, width, 2), np.int16), np.zeros(width, np.int32)
    projection[:, :hidden] = rng.integers(-128, 128, (rank, hidden, 2))
    bias[:hidden] = rng.integers(-(1 << 30), 1 << 30, hidden) >> rng.integers(0, 20)
    rows = rng.integers(-384, 382, (int(rng.integers(0, 5)), 2 * rank)).astype(np.int16).view(np.int32)
    out = np.zeros((len(rows), int(rng.integers(1, 9)), width // 64), np.uint64)
    both(kernels, "encode", rows, projection.reshape(rank, -1), bias, shift, keep, vth << arith.INPUT_SHIFT, out=out)


@given(seeds, st.integers(0, 200))
@settings(max_examples=30)
def test_packing(seed, width):
    x = np.random.default_rng(seed).random((2, 3, width)) < 0.5
    assert (bits.unpack(bits.pack(x), width) == x).all() and bits.pack(x).shape == (2, 3, bits.words(width))


def test_the_oracle_s_scan_is_the_arithmetic_of_the_chip():
    rng = np.random.default_rng(0)
    for keep in (1, 3277, 4096):
        drive = rng.integers(-(1 << 17), 1 << 17, (9, 50))
        expected = arith.lif_scan(drive, 0, keep, 1 << 16)
        found = plain.scan((drive.T << arith.INPUT_SHIFT)[..., None], keep, 1 << 22)
        assert (expected == found[..., 0].T).all() and 0.1 < expected.mean() < 0.9


@cases
@given(seeds, st.integers(1, 200), st.integers(1, 70), st.sampled_from([1, 2, 3, 4, 5, 8, 9]))
def test_a_head_s_product(seed, tokens, neurons, rows):
    """All bytes, 255 and -128 included, against int64."""
    rng = np.random.default_rng(seed)
    codes, counts = rng.choice([-128, 127, *range(-5, 5)], (tokens, neurons)), rng.choice([0, 0, 1, 4, 255], (rows, neurons))
    bias, table = rng.integers(-(1 << 40), 1 << 40, tokens), weights.bytes_of(codes.astype(np.int8))
    octets, out = np.zeros((rows, table.shape[1] * 4), np.uint8), np.zeros((rows, tokens), np.int64)
    octets[:, :neurons] = counts
    vocabulary.multiply(octets.view(np.int32), table, bias, out)
    assert (out == 64 * (counts @ codes.T) + bias).all()
