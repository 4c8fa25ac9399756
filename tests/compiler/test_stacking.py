"""Chains of relays as one population: the same synapses, and only what is alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import random_network
from small_board import SMALL

from tritspike.compiler.mapping.fit import map_network
from tritspike.compiler.mapping.stacking import stacked
from tritspike.compiler.mapping.traffic import slice_messages
from tritspike.compiler.schedule import schedule
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import same
from tritspike.runtime.rates import Rates, uniform_rates


def test_stacks_have_the_same_synapses():
    deep = 0
    for seed in range(60):
        program, _ = random_network.draw(seed)
        stacks = stacked(program)
        where = {name: (first, k) for first, chain in stacks.members.items() for k, name in enumerate(chain)}
        sizes = {p.name: p.size for p in program.network.populations}
        expected = [_edges(program.network, s, *(where[n] for n in (s.source, s.target)), sizes) for s in program.network.synapses]
        found = [_edges(stacks.program.network, s, (s.source, 0), (s.target, 0), sizes) for s in stacks.program.network.synapses]
        assert sorted(n for some in stacks.synapses.values() for n in some) == sorted(s.name for s in program.network.synapses)
        assert set().union(*expected) == set().union(*found) and stacks.program.network.neurons() == program.network.neurons()
        deep += max(map(len, stacks.members.values())) > 1
    assert deep > 10


def _edges(network, s, source, target, sizes):
    found = s.wiring.csr(*network.grids(s)).tocoo()
    (a, i), (b, j) = source, target
    return {(a, int(c) + i * sizes[a], b, int(r) + j * sizes[b], int(w) << s.exponent) for r, c, w in zip(found.row, found.col, found.data)}


def test_only_what_is_alike_is_stacked():
    def chains(weights, resets, **last):
        net = Net()
        heard = net.input("x", features=3)
        for n, weight in enumerate(weights):
            registers = dict(keep=0, vth=1) | (last if n == len(weights) - 1 else {})
            heard = net.lif(f"p{n}", same(heard, weight), resets=resets, **registers)
        net.count(heard)
        return sorted(len(chain) for chain in stacked(schedule(net.network(), Windows(2))).members.values())

    assert chains([9, 2, 2, 2], Resets.NEVER) == [1, 4]  # what leads into a stack may differ
    assert chains([2, 2, 3, 3], Resets.NEVER) == [1, 2, 2]  # weights
    assert chains([2, 2, 2, 2], Resets.WINDOW) == [1, 1, 1, 1, 1]  # cleared a step apart
    assert chains([2, 2, 2, 2], Resets.NEVER, vth=0) == chains([2, 2, 2, 2], Resets.NEVER, bias=8) == [1, 1, 3]


def test_a_chain_of_relays_is_cut_where_output_axons_are_few():
    net = Net()
    x = net.input("x", features=16)
    first = last = net.lif("first", same(x), keep=0, vth=0)
    for n in range(5):
        last = net.lif(f"way{n}", same(last), keep=4096, vth=0)
    net.count(net.lif("both", same(last) + same(first), keep=0, vth=1))
    program = schedule(net.network(), Windows(2))
    assert max(map(len, stacked(program).members.values())) == 5
    profile = replace(SMALL, output_axons_per_core=12)
    mapped = map_network(program, profile, uniform_rates(program))
    assert len(mapped.core) >= 16 * 12 / 12
    rates = Rates({p.name: n / 20 for n, p in enumerate(program.network.populations)}, {})
    messages = sum(rates.spikes[s.source] * 16 * 2 for s in program.network.synapses)  # each neuron is heard by one slice
    assert slice_messages(mapped.partition, rates).sum() == pytest.approx(messages)
