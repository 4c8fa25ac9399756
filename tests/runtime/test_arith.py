"""The chip's arithmetic against plain Python integers, and against what a chip recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tritspike.runtime import arith

V, A, BIAS = (1 << 23) - 1, (1 << 17) - 1, 4095 << 7
membranes = st.integers(-V, V) | st.sampled_from([-V, V, -1, 0, 1, 4095, -4095, 4096, -4096])
inputs = st.integers(-A, A) | st.sampled_from([-A, A, 0, 1, -1])
biases = st.integers(-BIAS, BIAS) | st.sampled_from([-BIAS, BIAS, 0])
keeps = st.integers(1, 4096) | st.sampled_from([1, 2, 3277, 4095, 4096])
thresholds = st.integers(0, (1 << 17) - 1) | st.sampled_from([0, 1, (1 << 17) - 1])
many = settings(max_examples=300)


def step(v: int, a: int, bias: int, keep: int, vth: int) -> tuple[int, bool, int]:
    kept = abs(v) * keep // 4096
    before = max(-V, min(V, (kept if v >= 0 else -kept) + 64 * a + bias))
    return (0 if before > 64 * vth else before), before > 64 * vth, before


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@many
@given(membranes, keeps)
def test_decay(v, keep):
    kept = int(arith.decay(ints(v), keep)[0])
    assert kept == step(v, 0, 0, keep, V)[2] == -int(arith.decay(ints(-v), keep)[0])
    assert abs(kept) <= abs(v) and (keep < 4096 or kept == v) and (keep > 1 or abs(v) >= 4096 or kept == 0)


@many
@given(st.lists(st.integers(-(1 << 40), 1 << 40) | membranes, min_size=1, max_size=9))
def test_saturate(values):
    assert arith.saturate(ints(*values)).tolist() == [max(-V, min(V, v)) for v in values]


@many
@given(st.lists(st.tuples(membranes, inputs, biases), min_size=1, max_size=9), keeps, thresholds)
@example([(V, A, BIAS), (-V, -A, -BIAS), (V, -A, -BIAS)], 4096, (1 << 17) - 1)
@example([(0, 25, 0), (0, 25, 1), (0, 25, -1), (4096, 0, 0)], 4096, 25)
def test_lif_step(neurons, keep, vth):
    v, a, bias = (ints(*column) for column in zip(*neurons))
    after, spikes, before = arith.lif_step(v, a, bias, keep, vth)
    assert list(zip(after.tolist(), spikes.tolist(), before.tolist())) == [step(*neuron, keep, vth) for neuron in neurons]


@many
@given(st.lists(st.tuples(inputs, inputs), min_size=1, max_size=8), biases, keeps, thresholds)
def test_lif_scan_is_steps_from_rest(rows, bias, keep, vth):
    wanted, v = [], [0, 0]
    for row in rows:
        done = [step(v[n], a, bias, keep, vth) for n, a in enumerate(row)]
        v = [after for after, _, _ in done]
        wanted.append([spike for _, spike, _ in done])
    assert arith.lif_scan(np.array(rows, np.int64), bias, keep, vth).tolist() == wanted


@many
@given(st.integers(-(127 << 7), 127 << 7))
def test_mantissa_exponent_is_the_nearest_with_the_smallest_exponent(value):
    m, e = arith.mantissa_exponent(value)
    assert abs(m) <= 127 and 0 <= e <= 7 and m * value >= 0
    assert abs((m << e) - value) == min(abs((k << f) - abs(value)) for f in range(8) for k in range(128))
    assert e == 0 or abs(value) > 127 << (e - 1)
    assert arith.mantissa_exponent(-value) == (-m, e)


@many
@given(st.integers(-127, 127), st.integers(0, 7))
def test_mantissa_exponent_keeps_what_is_representable(m, e):
    found, exponent = arith.mantissa_exponent(m << e)
    assert found << exponent == m << e and exponent <= e


@pytest.mark.parametrize("value", [(127 << 7) + 64, -(127 << 7) - 64, 1 << 20])
def test_mantissa_exponent_refuses_what_is_out_of_reach(value):
    with pytest.raises(OverflowError, match=f"^{value} is beyond 127 << 7$"):
        arith.mantissa_exponent(value)
    inside = (127 << 7) + 63
    assert arith.mantissa_exponent(inside) == (127, 7)


def test_limits_are_the_registers():
    assert (arith.V_LIMIT, arith.A_LIMIT, arith.ONE, arith.KEEP_ALL) == (V, A + 1, 64, 4096)
    assert (arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT, arith.VTH_LIMIT) == (BIAS, 131071)


# A recording of a Loihi 2: input spike, membrane, output spike; one synapse of weight 10 that takes a step, one neuron


def _columns(folder, name: str) -> np.ndarray:
    return np.loadtxt(folder / name, delimiter=",").astype(np.int64).T


def _ours(spikes_in: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    v, membrane, spikes = ints(0), [], []
    for a in 10 * np.concatenate([[0], spikes_in[:-1]]):
        v, fired, _ = arith.lif_step(v, ints(a), 0, 4096 - 163, 25)
        membrane.append(int(v[0]))
        spikes.append(int(fired[0]))
    return np.array(membrane), np.array(spikes)


def test_a_recorded_run_of_the_cpu_model(chip_trace):
    spikes_in, v, spikes = _columns(chip_trace, "lif_lava_cpu_fixed.csv")
    membrane, fired = _ours(spikes_in)
    assert ((membrane == v).sum(), (fired == spikes).sum(), fired.sum()) == (1000, 1000, 4)


def test_a_recorded_run_of_the_chip(chip_trace):
    spikes_in, v, spikes = _columns(chip_trace, "lif_lava_loihi_fixed.csv")
    membrane, fired = _ours(spikes_in)
    assert (fired == spikes).sum() == 1000
    differs = membrane != v
    assert differs.sum() == 4 and (differs == (spikes == 1)).all() and (v[differs] == 128).all()
