"""Boards whose cores are small enough for many slices, and a network that has a little of everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tritspike.compiler.schedule import schedule
from tritspike.hw_profiles.profile import load
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.terms import conv2d, linear, onto, same, sparse, summed

SMALL = replace(load("loihi2"), name="small", neurons_per_core=256, core_memory_bytes=16384, synapse_memory_bytes=16384)


def chip(rng):
    """Cores so small that networks of a few hundred neurons are cut in every way."""
    memory = int(rng.choice([1 << 8, 1 << 10, 1 << 15]))
    return replace(
        load("loihi2"),
        name="drawn",
        neurons_per_core=int(rng.choice([3, 16, 64])),
        core_memory_bytes=memory,
        synapse_memory_bytes=int(rng.choice([memory, memory // 2])),
        input_axons_per_core=int(rng.choice([6, 40, 400])),
        output_axons_per_core=int(rng.choice([8, 100, 1000])),
        word_bits=int(rng.choice([12, 64])),
        population_axon_slots=int(rng.choice([2, 12])),
        configurations_per_core=int(rng.integers(1, 5)),
        chips=64,
        chips_x=8,
        chips_y=8,
    )


def picture():
    """A convolution, a matrix over all of it, synapses one by one, and a residual path with a relay."""
    rng, net = np.random.default_rng(3), Net()
    x = net.input("x", Axis("y", 9), Axis("x", 8), Axis("c", 2))
    a = net.lif("a", conv2d(x, rng.integers(-1, 2, (4, 2, 3, 3)), 3, stride=2, padding=1), keep=0, vth=5)
    b = net.lif("b", same(a, 4), keep=4096, vth=3, bias=8)
    c = net.lif("c", same(b, 2) + same(a, 1), keep=0, vth=rng.integers(1, 4, 4))
    d = net.lif("d", linear(c, rng.integers(-1, 2, (30, 80)), over=("y", "x", "c")), keep=2048, vth=9)
    e = net.lif("e", sparse(d, rng.integers(0, 50, 99), rng.integers(0, 30, 99), rng.integers(1, 9, 99), (Axis("any", 50),)), keep=0, vth=2)
    f = net.lif("f", onto(net.lif("sum", summed(e, ["any"]), keep=0, vth=3), (Axis("out", 7),)), keep=0, vth=0)
    net.count(f)
    return schedule(net.network(), Windows(4))
