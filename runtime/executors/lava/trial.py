"""A small network that tries whether Lava runs here and gives the reference's spikes: `tritspike lava check`.

Random ternary weights, with a leak, a memory in the current, a bias and thresholds, on LIF, LIFReset and Sparse: what every program is made of.
"""

from __future__ import annotations

import numpy as np

from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.lava import executor
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.compare import require_equal
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.network import Network, Scheduled, Windows
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import linear

_FEATURES, _STEPS, _WINDOWS, _SEED = 24, 4, 6, 0


def cells(limit: float) -> int:
    """How many (neuron, step) cells are equal. Raises `ExecutorError` where Lava does not run, `MismatchError` where a spike differs."""
    spikes = Spikes({"x": np.random.default_rng(_SEED).random((_WINDOWS, _STEPS, _FEATURES)) < 0.4})
    tried = program()
    expected = literal.run(tried, spikes, record=True)
    return require_equal(tried, expected, executor.run(tried, spikes, record=True, limit=limit), ("reference", "lava"))


def program() -> Scheduled:
    """x -> hidden, which leaks -> output, which is never reset -> class membranes."""
    made = network()
    return Scheduled(network=made, timing=Windows(_STEPS), latency={p.name: at for at, p in enumerate(made.populations)})


def network() -> Network:
    """A chain, so that each population's latency is its place in it."""
    random, net = np.random.default_rng(_SEED), Net()
    x = net.input("x", features=_FEATURES)
    hidden = net.lif(
        "hidden",
        linear(x, random.integers(-1, 2, (32, _FEATURES)), random.integers(1, 40, 32)),
        keep=3277,
        vth=20,
        bias=2 * random.integers(-900, 900, 32),
    )
    heard = linear(hidden, random.integers(-1, 2, (_FEATURES, 32)), random.integers(1, 40, _FEATURES)).scaled(1)
    output = net.lif("output", heard, keep=1, vth=9, keep_u=1024, resets=Resets.NEVER)
    net.readout("class", linear(output, random.integers(-1, 2, (2, _FEATURES))))
    return net.network()
