"""A network on cores: nothing lost, nothing doubled, no limit exceeded, against a count of every neuron and synapse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import mapping_check
import numpy as np
import pytest
import random_checkpoint
import random_network
import small_board
import text_program
from shipped import ZOO
from small_board import SMALL, chip

from tritspike.compiler.errors import CompileError, DoesNotFit
from tritspike.compiler.mapping import place, resources, slicing
from tritspike.compiler.mapping.fit import fit, map_network
from tritspike.compiler.mapping.slicing import slices_heard
from tritspike.compiler.mapping.stacking import stacked
from tritspike.compiler.mapping.storage import bound, projections, stored
from tritspike.compiler.mapping.traffic import traffic as traffic_of
from tritspike.compiler.mapping.words import packed_bits
from tritspike.compiler.schedule import schedule
from tritspike.hw_profiles.profile import load
from tritspike.runtime import mapping as mapping_file
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import even
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Population, Windows
from tritspike.runtime.network.neuron import RELAY, Values
from tritspike.runtime.network.terms import onto, same, sparse, summed
from tritspike.runtime.rates import uniform_rates


@pytest.fixture(scope="module")
def picture():
    return small_board.picture()


def with_registers(program, rng):
    """Some populations with thresholds and decays one a neuron."""
    populations = []
    for p in program.network.populations:
        if p.neuron is not None and grids.names(p.grid) and rng.random() < 0.3:
            names, sizes = grids.names(p.grid), grids.extents(p.grid)
            along = {k: tuple(map(str, rng.permutation(names)[: rng.integers(1, 3)])) for k in ("vth", "keep") if rng.random() < 0.7}
            registers = {k: Values(some, rng.integers(1, 3, [sizes[n] for n in some])) for k, some in along.items()}
            p = replace(p, neuron=replace(p.neuron, **registers))
        populations.append(p)
    return replace(program, network=replace(program.network, populations=tuple(populations)))


outcomes: Counter[str] = Counter()


@pytest.mark.parametrize("part", range(6))
def test_every_neuron_and_synapse_is_on_one_core_within_every_limit(part):
    for seed in range(part, 90, 6):
        rng = np.random.default_rng(seed)
        program, _ = random_network.draw(seed)
        program, profile = with_registers(program, rng), chip(rng)
        try:
            mapped = map_network(program, profile, uniform_rates(program))
        except DoesNotFit as error:
            outcomes["refused"] += 1
            assert " its smallest slice needs " in str(error) or " cores needed, " in str(error)
            continue
        outcomes["mapped"] += 1
        outcomes.update({form.name for form in mapped.partition.forms.values()})
        outcomes["several slices"] += len(mapped.partition) > len(mapped.partition.tilings)
        outcomes["several configurations"] += any(len(some) > 1 for some in mapped.partition.held)
        mapping_check.check(program, profile, mapped)


def test_the_drawn_cases_were_not_all_refused():
    if not outcomes:
        pytest.fail("the property did not run before this test")
    assert outcomes["mapped"] >= 60 and outcomes["refused"] and min(outcomes.values()) > 3 and len(outcomes) == 7, outcomes


@pytest.mark.parametrize("seed", range(6))
def test_programs_of_texts(seed, tmp_path):
    rng = np.random.default_rng(seed)
    changes = dict(causal=bool(seed % 2), window=1 + seed % 3, layers=1, max_length=5, readout=["mean", "each", "first"][seed % 3])
    changes["causal"] |= changes["readout"] == "each"
    program = text_program.program(random_checkpoint.write(tmp_path / "c", seed, **changes)).scheduled
    profile = replace(chip(rng), neurons_per_core=100, core_memory_bytes=1 << 13, synapse_memory_bytes=1 << 12, input_axons_per_core=400)
    profile = replace(profile, output_axons_per_core=1000)
    mapping_check.check(program, profile, map_network(program, profile, uniform_rates(program)))


def test_every_format_holds_what_is_counted():
    """Not the chosen one alone, and in slices that cross the diagonal of causal pairs, too."""
    profile = replace(load("loihi2"), word_bits=12)
    tried: Counter[str] = Counter()
    for seed, program in enumerate([_attention(), *(random_network.draw(n)[0] for n in range(40))]):
        rng, stacks = np.random.default_rng(seed), stacked(program)
        network = stacks.program.network
        tilings = {p.name: random_tiling(p.grid, rng) for p in network.populations if p.neuron is not None}
        ends = np.cumsum([0, *map(len, tilings.values())])
        offsets = dict(zip(tilings, ends.tolist()))
        measured = projections(network)
        for k in range(max(len(p.forms) for p in measured.values())):
            forms = {name: p.forms[min(k, len(p.forms) - 1)] for name, p in measured.items()}
            one = SimpleNamespace(stacked=stacks, tilings=tilings, forms=forms, offsets=offsets, program=stacks.program)
            held, _ = mapping_check.used(program, profile, SimpleNamespace(partition=one, slice_core=np.arange(ends[-1])))
            tried.update(form.name for form in forms.values())
            _compare(held, forms, measured, tilings, offsets, profile)
    assert min(tried.values()) > 100 and len(tried) == 3, tried


def random_tiling(grid, rng):
    return even(grid, [int(rng.integers(1, min(size, 3) + 1)) for size in grids.extents(grid).values()])


def _compare(held, forms, measured, tilings, offsets, profile):
    said_bytes, said_axons = np.zeros((2, sum(map(len, tilings.values()))), np.int64)
    exact = np.ones(len(said_bytes), np.bool_)
    for name, p in measured.items():
        tiling = tilings[p.synapse.target]
        rows = slice(offsets[p.synapse.target], offsets[p.synapse.target] + len(tiling))
        (cost,) = stored(p, tiling, [forms[name]], profile)
        said_bytes[rows] += cost.bits // 8
        said_axons[rows] += cost.axons
        _bounded(p, tiling, forms[name], cost, profile)
        exact[rows] &= forms[name].name != "dense" and p.one_side is None
    for number in range(len(said_bytes)):
        counted = held[number]
        assert counted["bytes of synapses"] <= said_bytes[number] and counted["input axons"] <= said_axons[number]
        assert not exact[number] or counted["input axons"] == said_axons[number]


def _bounded(p, tiling, form, cost, profile):
    """What is said of a cut before it is made is no less."""
    names, sizes = grids.names(p.target), grids.extents(p.target)
    pieces = {name: np.array([n]) for name, n in zip(names, tiling.shape)}
    extents = {name: np.array([-(-sizes[name] // n)]) for name, n in zip(names, tiling.shape)}
    (before,) = bound(p, pieces, extents, [form], profile)
    assert cost.bits.max() <= before.bits[0] and cost.axons.max() <= before.axons[0], (p.synapse.name, form)
    heard = np.bincount(p.synapse.wiring.between(even(p.source, list(grids.extents(p.source).values())), tiling)[1])
    assert heard.max(initial=0) <= slices_heard(p, pieces)[0], p.synapse.name


def _attention():
    """A causal product, its sum and its spread."""
    net = Net()
    q, k = (net.input(name, Axis("position", 6, True), channel=3) for name in "qk")
    pairs = net.coincide("pairs", q, k, causal=True)
    score = net.lif("score", summed(pairs, ["channel"]), keep=0, vth=1)
    net.count(net.lif("context", onto(score, (Axis("position", 6, True), Axis("channel", 3))) + summed(pairs, ["key"]), keep=0, vth=1))
    return schedule(net.network(), Windows(2))


@pytest.mark.parametrize("length, cores, slices", [(24, 35, 54), (56, 120, 354)])
def test_the_shipped_program_takes_no_more_than_was_found(length, cores, slices):
    found = fit(text_program.program(ZOO / "sst2-one-chip", length).scheduled, load("loihi2"))
    assert found.cores <= cores and len(found.partition) <= slices


def test_slices_are_cut_and_numbered_so_that_those_which_talk_lie_close(tmp_path):
    """A layer as wide as BERT-base's: heads, queries and keys may be cut in many ways that take as many cores and messages."""
    sizes = dict(hidden=768, heads=12, head_dim=64, ffn=3072, layers=1, max_length=128, readout="first")
    gains = {"layer.0.context.gain": np.array([32], np.int32)}  # so that sums over keys stay in range
    program = text_program.program(random_checkpoint.write(tmp_path / "c", 0, tensors=gains, **sizes)).scheduled
    found = fit(program, load("hala-point"))
    traffic = traffic_of(found.partition, found.group, uniform_rates(program))
    assert len(found.partition.edges.source) <= 25_062
    assert traffic.weighed(place.optimised(traffic)) <= 0.09 * traffic.weighed(place.random(traffic))


def test_bytes_and_axons_without_diagonals_are_counted_exactly(picture):
    mapped = map_network(picture, SMALL, uniform_rates(picture))
    held, _ = mapping_check.used(picture, SMALL, mapped)
    for core, said in mapped.used().items():
        for name in ("neurons", "input axons"):
            assert held[core][name] == said[name].used, (core, name)
        assert len(held[core]["neuron configurations"]) == said["neuron configurations"].used


@pytest.mark.parametrize("entries, bits, expected", [(0, 9, 0), (1, 9, 64), (6, 9, 64), (7, 9, 128), (64, 8, 576), (65, 8, 640)])
def test_packing_is_nengo_loihi_s(entries, bits, expected):
    """Words of 64 bits, ten of header for each 64 synapses: 6 * 9 + 10 = 64 bits is one word."""
    assert packed_bits(np.array([entries]), bits, load("loihi1")).tolist() == [expected]


def test_fewer_candidates_are_cuts_too(picture, monkeypatch):
    """What bounds memory for very long axes leaves the mapping sound."""
    monkeypatch.setattr(slicing, "_MOST_CANDIDATES", 20)
    mapping_check.check(picture, SMALL, map_network(picture, SMALL, uniform_rates(picture)))


def test_the_same_network_maps_the_same(picture):
    a, b = (mapping_file.to_bytes(map_network(picture, SMALL, uniform_rates(picture)).mapping()) for _ in range(2))
    assert a == b


def test_each_limit_is_the_profile_s_of_that_name():
    values = dict(neurons_per_core=1, core_memory_bytes=2, synapse_memory_bytes=3, input_axons_per_core=4, output_axons_per_core=5)
    found = resources.limits(replace(load("loihi2"), configurations_per_core=6, **values))
    assert list(found.items()) == list(zip(mapping_check.NAMES, range(1, 7)))


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(synapse_memory_bytes=8), r"small: \w+: its smallest slice needs \d+ bytes of synapses, a core has 8 \(hint: a narrower layer"),
        (
            dict(cores_per_chip=1, neurons_per_core=20),
            r"small: \d+ cores needed, 1 available; what fills a core: neurons on \d+.*hint: --profile loihi2",
        ),
        (
            dict(input_axons_per_core=1, output_axons_per_core=1),
            r"small: \w+: its smallest slice needs \d+ (input|output) axons, a core has 1 \(hint",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_a_way_out(picture, changes, message):
    with pytest.raises(DoesNotFit, match=message):
        map_network(picture, replace(SMALL, **changes), uniform_rates(picture))


def test_registers_one_a_neuron_take_configurations():
    net = Net()
    x = net.input("x", features=12)
    net.count(net.lif("a", same(x), keep=0, vth=np.arange(12)))
    program = schedule(net.network(), Windows(2))
    found = fit(program, replace(SMALL, configurations_per_core=5))
    assert found.cores == 3 and found.uses[resources.CONFIGURATIONS].max() <= 5
    assert found.uses[resources.CONFIGURATIONS].sum() == 12


def test_registers_along_a_text_are_cut_with_it():
    net = Net()
    x = net.input("x", Axis("position", 6, True), features=2)
    net.count(net.lif("a", same(x), keep=0, vth=Values(("position",), np.arange(6))))
    program = schedule(net.network(), Windows(2))
    found = fit(replace(program, network=program.network.at_length(3)), SMALL)
    assert found.cores == 1 and found.uses[resources.CONFIGURATIONS].tolist() == [3] and found.uses[resources.NEURONS].tolist() == [6]


def test_synapses_one_by_one_are_heard_by_no_more_slices_than_there_are():
    net = Net()
    x = net.input("x", features=8)
    net.count(net.lif("a", sparse(x, range(8), range(8), [1] * 8, (Axis("any", 8),)), keep=0, vth=0))
    (p,) = projections(net.network()).values()
    assert slices_heard(p, {"any": np.array([1, 8])}).tolist() == [1, 1]


def test_what_is_not_on_the_chip_or_hears_nothing():
    net = Net()
    net.count(net.input("x", features=2))
    with pytest.raises(CompileError, match="no population is on the chip: a host plays all there is"):
        fit(schedule(net.network(), Windows(1)), SMALL)
    network = replace(net.network(), populations=(Population(name="x", grid=(), neuron=RELAY),), ports=())
    assert fit(schedule(network, Windows(1)), SMALL).cores == 1
