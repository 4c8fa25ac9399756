"""The kernel of state that lasts against its twin in numpy, up to the ends of every register, by `==`; and cut anywhere it goes on as before."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.runtime import arith, bits
from tritspike.runtime.simulator import lasting, plain

SIZES = st.sampled_from([1, 63, 64, 65, 128, 130]) | st.integers(1, 200)
seeds = st.integers(0, 2**31)
cases = settings(max_examples=60, deadline=None)


def registers(rng, size: int):
    """(weight, active, keep_u, keep, bias, vth) of which no input makes a current wrap."""
    width = bits.words(size) * 64
    found, keep_u = np.zeros((6, width), np.int32), rng.choice([0, 1, 15, 2048, 4095, int(rng.integers(1, 4096))], size)
    most = (arith.A_LIMIT - 1) * (4096 - keep_u) // 4096 // 2
    for n in (0, 1):
        found[n, :size] = (most * rng.choice([-1, 0, 1, -0.3, 0.3], size)).astype(np.int64) << arith.INPUT_SHIFT
    found[2, :size], found[3, :size] = keep_u, rng.choice([0, 1, 3072, 4095, 4096], size)
    found[4, :size] = rng.choice([-(4095 << 7), -64, 0, 64, 4095 << 7], size)
    found[5, :size] = rng.choice([0, 1, 300, 50_000, arith.VTH_LIMIT], size) << arith.INPUT_SHIFT
    return list(found)


def arguments(rng, size: int):
    """(x, first, starts, registers..., u, v, out)."""
    lengths, steps = rng.integers(0, 5, int(rng.integers(1, 4))), int(rng.integers(1, 4))
    rows, all_steps, first, words = int(lengths.sum()), steps + int(rng.integers(0, 5)), int(rng.integers(0, 3)), bits.words(size)
    x = np.concatenate([rng.integers(0, 2**63, (rows, steps, first)).astype(np.uint64), bits.pack(rng.random((rows, steps, size)) < 0.4)], 2)
    u, v = (rng.integers(-arith.V_LIMIT // 3, arith.V_LIMIT // 3, (len(lengths), words * 64)).astype(np.int32) for _ in range(2))
    u[:, size:] = v[:, size:] = 0
    rest = np.concatenate([[0], np.cumsum(lengths)])
    u //= 8
    return [x, first, rest, *registers(rng, size), u, v, np.zeros((rows, all_steps, words), np.uint64)]


def bounded_start(given_):
    """From currents that these registers can have: what is kept of them and what comes in stays in the register."""
    keep_u, u = given_[5].astype(np.int64), given_[9]
    u[:, keep_u > 2048] = 0
    return given_


@cases
@given(seeds, SIZES)
def test_last(seed, size):
    made = bounded_start(arguments(np.random.default_rng(seed), size))
    compiled, plainly = ([some.copy() if n >= 9 else some for n, some in enumerate(made)] for _ in range(2))
    lasting.last(*compiled)
    plain.last(*plainly)
    for n in (9, 10, 11):
        assert (compiled[n] == plainly[n]).all(), n


@cases
@given(seeds, SIZES, st.booleans())
def test_cut_anywhere_it_goes_on(seed, size, plainly):
    rng, module = np.random.default_rng(seed), plain if plainly else lasting
    made = bounded_start(arguments(rng, size))
    x, first, starts, *lanes = made[:9]
    rows, cut = int(starts[1]), int(rng.integers(0, int(starts[1]) + 1))
    u, v, out = made[9][:1].copy(), made[10][:1].copy(), made[11][:rows].copy()
    whole = [made[9][:1].copy(), made[10][:1].copy(), out.copy()]
    module.last(x[:rows], first, np.array([0, rows]), *lanes, *whole)
    for a, b in ((0, cut), (cut, rows)):
        module.last(x[a:b], first, np.array([0, b - a]), *lanes, u, v, out[a:b])
    assert (whole[0] == u).all() and (whole[1] == v).all() and (whole[2] == out).all()


@cases
@given(seeds, SIZES)
def test_count(seed, size):
    rng = np.random.default_rng(seed)
    rows, steps, first = int(rng.integers(0, 150)), int(rng.integers(1, 6)), int(rng.integers(0, 3))
    spikes = rng.random((rows, steps, size)) < 0.4
    x = np.concatenate([rng.integers(0, 2**63, (rows, steps, first)).astype(np.uint64), bits.pack(spikes)], 2)
    for module in (lasting, plain):
        out = np.full((rows, size), -1)
        module.count(x, first, out)
        assert (out == spikes.sum(1)).all()
