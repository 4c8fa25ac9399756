"""Streams on cores: what is cleared when, neurons of many configurations, and figures of a token."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import mapping_check
import numpy as np
import pytest
import stream_network
from small_board import SMALL

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.cost import timing
from tritspike.compiler.mapping.fit import fit, map_network
from tritspike.compiler.mapping.stacking import phase
from tritspike.compiler.schedule import schedule
from tritspike.runtime.board_costs import steps_to_the_end
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream, Windows
from tritspike.runtime.network.neuron import Resets, Values
from tritspike.runtime.network.terms import linear, same
from tritspike.runtime.rates import measured_rates, uniform_rates

TIGHT = replace(
    SMALL, neurons_per_core=64, core_memory_bytes=2048, synapse_memory_bytes=1024, input_axons_per_core=400, chips=64, chips_x=8, chips_y=8
)


def test_random_streams_are_on_cores_within_every_limit():
    found: Counter[str] = Counter()
    for seed in range(16):
        program = stream_network.drawn(seed)
        mapped = map_network(program, TIGHT, measured_rates(program, stream_network.sequences(program, seed)))
        mapping_check.check(program, TIGHT, mapped)
        found["several slices"] += len(mapped.partition) > len(mapped.partition.tilings)
        found["several configurations"] += any(len(some) > 1 for some in mapped.partition.held)
        found["without end"] += program.timing.slot == 0
    assert min(found.values()) > 5 and len(found) == 3, found


@pytest.mark.parametrize("slot, resets, cleared", [(0, Resets.SEQUENCE, 4), (1, Resets.SEQUENCE, 1), (2, Resets.SEQUENCE, 4), (0, Resets.WINDOW, 1)])
def test_what_is_cleared_at_other_times_has_another_configuration(slot, resets, cleared):
    """A period of 3, latencies 1 and 4: tokens begin for both at once, the first token does not."""
    net = Net()
    heard = x = net.input("x", features=2)
    for n in range(4):
        heard = net.lif(f"p{n}", same(heard), keep=3072, vth=9, resets=resets)
    net.count(heard)
    program = schedule(net.network(), Stream(3, 3, slot))
    assert program.latency[x.name] == 0 and program.latency["p3"] == 4
    assert phase(program, program.network.by_name["p0"]) == (resets, 1)
    assert phase(program, program.network.by_name["p3"]) == (resets, cleared)
    held, _ = mapping_check.used(program, SMALL, map_network(program, SMALL, uniform_rates(program)))
    assert [len(core["neuron configurations"]) for core in held.values()] == [len({1, 2, 3, cleared})]


def traces(wide):
    """Traces of 8 time constants, and two populations each of which takes more than half of a small core's memory."""
    net, rng = Net(), np.random.default_rng(0)
    axes = (Axis("group", 8), Axis("trace", wide))
    event = net.input("event", *axes)
    keep_u = Values(("group",), np.arange(8) * 100)
    net.count(net.lif("trace", same(event), keep=3072, keep_u=keep_u, vth=9))
    for n in range(2):
        codes = rng.integers(-1, 2, (150, 64)).astype(np.int8)
        net.lif(f"large{n}", linear(net.input(f"x{n}", features=64), codes, 127), keep=n, vth=5)
    return schedule(net.network(), Windows(2))


def test_a_small_population_of_many_configurations_leaves_some_to_others():
    found = fit(traces(2), SMALL)
    held = dict(zip(found.partition.owner, found.partition.held))
    assert SMALL.configurations_per_core == 8 and found.partition.owner.count("trace") == 4 and len(held["trace"]) == 2
    assert found.cores == 2 and found.uses[resources.CONFIGURATIONS].sum() == 10


def test_a_population_that_fills_cores_is_cut_as_before():
    """8 groups of 100 neurons, where a core has 256."""
    found = fit(traces(100), replace(SMALL, core_memory_bytes=1 << 20, synapse_memory_bytes=1 << 20))
    assert found.partition.owner.count("trace") == 4


def test_a_token_ends_where_what_is_read_has_seen_it():
    """Its relays hold it for later tokens: those are no way to the answer."""
    net = Net()
    x = net.input("x", features=3)
    codes = np.ones((4, 3), np.int8)
    answer = net.lif("answer", linear(x, codes) + linear(x, codes, delay=2), keep=0, vth=2)
    net.count(answer)
    program = schedule(net.network(), Stream(4, 7))
    assert program.depth > 10 and steps_to_the_end(program) == 4 + 1
    rates = uniform_rates(program)
    seconds = timing(map_network(program, SMALL, rates), rates)
    assert seconds.latency == pytest.approx(5 * seconds.step) and seconds.a_second == pytest.approx(1 / (7 * seconds.step))
    unread = replace(program, network=replace(program.network, probes=()))
    assert steps_to_the_end(unread) == 4 + program.depth
