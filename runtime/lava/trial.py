"""A small program that tries whether Lava runs here and gives the reference's spikes: `tritspike lava check`.

Random ternary weights, with a leak, a bias and thresholds, on LIF, LIFReset and Sparse: what every lowered program is made of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import FrontEnd, Host, Program
from tritspike.runtime.lava import executor
from tritspike.runtime.program import LIF, READOUT, SOURCE, Bias, Population, Samples, Synapse
from tritspike.runtime.simulator import reference
from tritspike.runtime.wiring import Dims, Matrix, Pool

_DIMS = Dims(positions=4, heads=1, head_dim=2, hidden=24, ffn=32, classes=2, causal=False)
_STEPS, _SAMPLES, _SEED = 4, 6, 0


def cells(limit: float) -> int:
    """How many (neuron, step) cells are equal. Raises `ExecutorError` where Lava does not run, `MismatchError` where a spike differs."""
    tried, random = program(), np.random.default_rng(_SEED)
    spikes = random.random((_SAMPLES, _STEPS, _DIMS.positions, _DIMS.hidden)) < 0.4
    samples = Samples.of(spikes, random.integers(1, _DIMS.positions + 1, _SAMPLES))
    expected = reference.run(tried, samples, record=True)
    return require_equal(tried, expected, executor.run(tried, samples, record=True, limit=limit), ("reference", "lava"))


def program() -> Program:
    """x -> hidden, which leaks -> output, which forgets between steps -> class membranes."""
    random = np.random.default_rng(_SEED)
    bias = Bias(random.integers(-900, 900, _DIMS.ffn), 1)
    populations = (
        Population(name="x", role=SOURCE, axes="ie", latency=0),
        Population(name="hidden", role=LIF, axes="if", latency=1, keep=3277, vth=20, bias=bias, resets=True),
        Population(name="output", role=LIF, axes="ie", latency=2, keep=1, vth=9),
        Population(name="class", role=READOUT, axes="c", latency=3, keep=arith.KEEP_ALL, vth=arith.VTH_LIMIT, resets=True),
    )
    synapses = (
        Synapse(name="in", source="x", target="hidden", wiring=_matrix(random, _DIMS.ffn, _DIMS.hidden)),
        Synapse(name="out", source="hidden", target="output", wiring=_matrix(random, _DIMS.hidden, _DIMS.ffn), exponent=1),
        Synapse(name="pool", source="output", target="class", wiring=Pool(_codes(random, _DIMS.classes, _DIMS.hidden), False)),
    )
    return Program(dims=_DIMS, steps=_STEPS, populations=populations, synapses=synapses, host=_host(), profile="loihi2")


def _codes(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.int8]:
    return random.integers(-1, 1, (rows, columns), np.int8, endpoint=True)


def _matrix(random: np.random.Generator, rows: int, columns: int) -> Matrix:
    return Matrix(_codes(random, rows, columns), random.integers(1, 40, rows))


def _host() -> Host:
    """Nothing of it is used: the spikes of x are drawn."""
    one = np.zeros((1, 1), np.int8)
    front = FrontEnd(
        token=one,
        position=np.zeros((_DIMS.positions, 1), np.int8),
        segment=np.zeros((2, 1), np.int8),
        projection=np.zeros((_DIMS.hidden, 1), np.int8),
        bias=np.zeros(_DIMS.hidden, np.int32),
        shift=0,
        keep=1,
        vth=1,
        tokenizer="{}",
    )
    bias = np.zeros(_DIMS.classes, np.int64)
    return Host(front=front, class_bias=bias, first_position_only=False, task="sst2", labels=("0", "1"), logit_scale=1.0, weights="ternary")
