"""Core by core is the whole chip: each slice with its own neurons and synapses, hearing only what its axons deliver."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import random_network
import text_program
from small_board import SMALL, chip

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping.fit import map_network
from tritspike.hw_profiles.profile import load
from tritspike.runtime import mapping
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors import partitioned as board
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import EXECUTORS
from tritspike.runtime.network.memory import require_stepped
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.rates import uniform_rates

FEW = replace(load("loihi2"), name="few", neurons_per_core=5, chips=64, chips_x=8, chips_y=8)
outcomes: Counter[str] = Counter()


@pytest.mark.parametrize("part", range(8))
def test_random_networks_on_drawn_cores(part):
    """Windows, streams, delays, currents that last and registers one a neuron; on cores drawn at random, or of five neurons where those refuse."""
    for seed in range(part, 400, 8):
        program, inputs = random_network.draw(seed)
        program = random_network.varied(program, seed) if seed % 3 == 0 else program
        mapped = _mapped(program, len(inputs) * program.timing.period, np.random.default_rng(seed))
        found = board.run(mapped.mapping(), inputs, record=True)
        random_network.require_same(literal.run(program, inputs, record=True), found)
        outcomes.update(networks=1, cut=len(mapped.partition) > len(mapped.partition.tilings), stacked=_stacked(mapped))
        outcomes.update(varied=seed % 3 == 0, spikes=sum(int(some.sum()) for some in found.spikes.values()))


def _mapped(program, steps, rng):
    """On the first board that has room and is not cut into more slices than there is time to step."""
    for profile in (chip(rng), FEW, SMALL, load("hala-point")):
        try:
            found = map_network(program, profile, uniform_rates(program))
        except DoesNotFit:
            continue
        if len(list(found.mapping().slices())) * steps < 10_000:
            return found
    return found


def _stacked(mapped) -> bool:
    return any(len(some) > 1 for some in mapped.partition.stacked.members.values())


def test_the_drawn_networks_were_cut_in_many_ways():
    if not outcomes:
        pytest.fail("the property did not run before this test")
    assert outcomes["networks"] == 400 and outcomes["cut"] > 200 and outcomes["stacked"] > 35 and outcomes["spikes"] > 500_000, outcomes


@pytest.mark.parametrize("readout, head", [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")])
def test_programs_of_texts(readout, head, tmp_path):
    program = text_program.program(random_checkpoint.write(tmp_path / "c", 3, readout=readout, window=2), head=head)
    rows, network = text_program.of_texts(program, 5, 3, 12), program.scheduled
    profile = replace(SMALL, chips=4, chips_x=2, chips_y=2)
    made = map_network(network, profile, uniform_rates(network)).mapping()
    mapping.save(made, tmp_path / "m.map")
    random_network.require_same(literal.run(network, rows, record=True), board.run(mapping.load(tmp_path / "m.map", network), rows, record=True))


def test_a_lost_synapse_and_a_lost_core_are_noticed():
    """What the board does not hold is not computed by some other way."""
    program, inputs = random_network.draw(1)
    made = map_network(program, FEW, uniform_rates(program)).mapping()
    one, *rest = made.stacks
    cut = one.tiling.cuts[1:] and one.tiling.cuts[-1][:-1]
    less = replace(one, tiling=replace(one.tiling, cuts=(*one.tiling.cuts[:-1], cut)))
    with pytest.raises(InputError, match=f"{one.members[0]}: the mapping's slices are not its neurons"):
        board.run(replace(made, stacks=(less, *rest)), inputs)
    with pytest.raises(InputError, match="the mapping's slices are not its neurons"):
        board.run(replace(made, stacks=tuple(rest)), inputs)


def test_its_memory_is_asked_for_first(monkeypatch):
    program, inputs = random_network.draw(2)
    made, asked = map_network(program, FEW, uniform_rates(program)).mapping(), []
    monkeypatch.setattr(board, "require_stepped", lambda *given: asked.append(given) or require_stepped(*given))
    board.run(made, inputs)
    assert asked == [(program, len(inputs), False)]


def test_the_executor_refuses_another_network_s_mapping():
    program, inputs = random_network.draw(1)
    other, _ = random_network.draw(2)
    entry, mappings = EXECUTORS["partitioned"], [map_network(p, FEW, uniform_rates(p)).mapping() for p in (program, other)]
    assert not list(entry.refuses(program, How(mapping=mappings[0])))
    random_network.require_same(literal.run(program, inputs, True), entry.prepare(program, How(mapping=mappings[0])).run(inputs, Ask(record=True)))
    with pytest.raises(InputError, match="another network's"):
        entry.prepare(program, How(mapping=mappings[1]))
