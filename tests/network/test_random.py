"""Random networks, drawn over everything: at once over time, and neuron by neuron and step by step, the same spikes.

At once twice: in numpy, and by compiled kernels.
"""

from __future__ import annotations

import pytest
import random_network
from random_network import require_same

from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.generic import run as generic
from tritspike.runtime.network.network import Stream, Windows
from tritspike.runtime.network.neuron import Resets, numbers
from tritspike.runtime.network.wiring import Dense, Join, Sparse

SEEDS = range(400)


@pytest.mark.parametrize("part", range(8))
def test_every_spike_and_reading_is_the_same(part):
    for seed in SEEDS[part::8]:
        for plainly in (True, False):
            require_same(random_network.expected(seed), generic.run(*random_network.drawn(seed), record=True, plainly=plainly))


def test_registers_may_differ_from_neuron_to_neuron():
    for seed in SEEDS[::4]:
        program, inputs = random_network.varied(random_network.drawn(seed)[0], seed), random_network.drawn(seed)[1]
        expected = literal.run(program, inputs, record=True)
        for plainly in (True, False):
            require_same(expected, generic.run(program, inputs, record=True, plainly=plainly))


@pytest.mark.parametrize("plainly", [True, False])
def test_windows_that_have_nothing_to_do_with_each_other_are_run_in_blocks(plainly, monkeypatch):
    """Blocks of one window, of some, of all; with a last one that is shorter."""
    tried = 0
    for seed in SEEDS[::3]:
        program, inputs = random_network.drawn(seed)
        for steps in (1, 2 * program.timing.period):
            monkeypatch.setattr(generic, "_STEPS", steps)
            tried += len(generic._clocks(program, len(inputs))) > 1
            require_same(random_network.expected(seed), generic.run(program, inputs, record=True, plainly=plainly))
    assert tried > 30, tried


def test_they_are_drawn_over_everything():
    """A rule that no drawn network has would be a rule that nothing tries."""
    programs = [program for program, _ in map(random_network.drawn, SEEDS)]
    neurons = [p.neuron for program in programs for p in program.network.populations if p.neuron]
    assert {n.resets for n in neurons} == set(Resets)
    assert sum(int(numbers(n.keep_u).max()) > 0 for n in neurons) > 40 and sum(n.bias is not None for n in neurons) > 40
    assert {type(p.timing) for p in programs} == {Windows, Stream} and len({p.timing.steps for p in programs}) == 6
    assert sum(isinstance(p.timing, Stream) and p.timing.slot > 0 for p in programs) > 20
    wirings = [s.wiring for program in programs for s in program.network.synapses]
    assert {type(w) for w in wirings} == {Dense, Join, Sparse}
    assert sum(".relay." in p.name for program in programs for p in program.network.populations) > 100
    loops = sum(len(group) > 1 for program in programs for group in random_network.groups(program))
    assert loops > 20 and sum(len(p.network.ports) > 1 for p in programs) > 40 and sum(len(p.network.probes) > 1 for p in programs) > 40


def test_they_spike():
    outcomes = [random_network.expected(seed) for seed in SEEDS[::10]]
    assert sum(any(s.any() for name, s in o.spikes.items() if name.startswith("p")) for o in outcomes) > 25
