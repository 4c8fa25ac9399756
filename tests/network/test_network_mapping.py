"""A network on cores against a count of every neuron and synapse, of random networks and of programs of old records; and against today's mapper."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import network_mapping_check
import numpy as np
import pytest
import random_checkpoint
import random_network

from tritspike.compiler.errors import CompileError, DoesNotFit
from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.cost import events, lasts, step_ns, timing
from tritspike.compiler.mapping.cost import events as old_events
from tritspike.compiler.mapping.fit import fit, map_network, map_program
from tritspike.compiler.mapping.fit import fit as fit_program
from tritspike.compiler.mapping.rates import Rates
from tritspike.compiler.mapping.rates import uniform_rates as old_rates
from tritspike.compiler.mapping.report import report
from tritspike.compiler.mapping.slicing import slices_heard
from tritspike.compiler.mapping.stacking import stacked
from tritspike.compiler.mapping.storage import bound, projections, stored
from tritspike.compiler.mapping.traffic import measured_rates, slice_messages, uniform_rates
from tritspike.compiler.schedule import schedule
from tritspike.hw_profiles.profile import load
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network import literal
from tritspike.runtime.network.boxes import even
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.legacy import converted
from tritspike.runtime.network.network import Population, Windows
from tritspike.runtime.network.neuron import RELAY, Resets, Values
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


def check(program, profile, mapped):
    held, synapses = network_mapping_check.used(program, profile, mapped)
    assert synapses == sum(s.wiring.count(*program.network.grids(s)) for s in program.network.synapses)
    assert sum(h["neurons"] for h in held.values()) == program.network.neurons()
    assert len(set(mapped.core.tolist())) == len(mapped.core) and mapped.core.min() >= 0 and mapped.core.max() < profile.cores
    said = mapped.used()
    assert held.keys() == said.keys()
    for core, counted in held.items():
        counted["neuron configurations"] = len(counted["neuron configurations"])
        for name, number in counted.items():
            assert number <= said[core][name].used <= said[core][name].limit, (core, name, number, said[core][name])
        assert counted["neurons"] == said[core]["neurons"].used


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
        check(program, profile, mapped)


def test_the_drawn_cases_were_not_all_refused():
    if not outcomes:
        pytest.fail("the property did not run before this test")
    assert outcomes["mapped"] >= 60 and outcomes["refused"] and min(outcomes.values()) > 3 and len(outcomes) == 7, outcomes


@pytest.mark.parametrize("seed", range(6))
def test_programs_of_old_records(seed, tmp_path):
    rng = np.random.default_rng(seed)
    changes = dict(causal=bool(seed % 2), window=1 + seed % 3, layers=1, max_length=5, readout=["mean", "each", "first"][seed % 3])
    changes["causal"] |= changes["readout"] == "each"
    program = converted(lower(random_checkpoint.write(tmp_path / "c", seed, **changes), "hala-point"))
    profile = replace(chip(rng), neurons_per_core=100, core_memory_bytes=1 << 13, synapse_memory_bytes=1 << 12, input_axons_per_core=400)
    profile = replace(profile, output_axons_per_core=1000)
    check(program, profile, map_network(program, profile, uniform_rates(program)))


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
            held, _ = network_mapping_check.used(program, profile, SimpleNamespace(partition=one, slice_core=np.arange(ends[-1])))
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
def test_the_shipped_program_takes_no_more_than_today(length, cores, slices):
    program, profile = lower("models/zoo/sst2-one-chip", "loihi2", length=length), load("loihi2")
    today, group = fit_program(program, profile)
    found = fit(converted(program), profile)
    print(f"{length} tokens: {len(found.partition)} slices on {found.cores} cores; today {len(today)} on {int(group.max()) + 1}")
    assert found.cores <= min(int(group.max()) + 1, cores) and len(found.partition) <= min(len(today), slices)


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


def _edges(network, s, source, target, sizes):
    found = s.wiring.csr(*network.grids(s)).tocoo()
    (a, i), (b, j) = source, target
    return {(a, int(c) + i * sizes[a], b, int(r) + j * sizes[b], int(w) << s.exponent) for r, c, w in zip(found.row, found.col, found.data)}


@pytest.fixture(scope="module")
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


def test_bytes_and_axons_without_diagonals_are_counted_exactly(picture):
    mapped = map_network(picture, SMALL, uniform_rates(picture))
    held, _ = network_mapping_check.used(picture, SMALL, mapped)
    for core, said in mapped.used().items():
        for name in ("neurons", "input axons"):
            assert held[core][name] == said[name].used, (core, name)
        assert len(held[core]["neuron configurations"]) == said["neuron configurations"].used


def test_traffic_is_messages_times_hops_counted_one_by_one(picture):
    profile = replace(SMALL, neurons_per_core=20)
    rates = measured_rates(picture, random_network.Played(3, 4, 7))
    mapped = map_network(picture, profile, rates)
    owner, _ = network_mapping_check.owners(picture, mapped)
    total, messages = 0.0, 0.0
    for s in picture.network.synapses:
        found = _reaching(picture, s)
        for column, target in {(c, int(owner[s.target][r])) for r, c in found}:
            start = 0 if s.source not in owner else int(mapped.slice_core[owner[s.source][column]])
            often = rates.spikes[s.source] * 4
            total += often * _far(start, int(mapped.slice_core[target]), profile)
            messages += often
    assert len(mapped.core) > 5 and messages > 0
    assert mapped.traffic.messages == pytest.approx(messages) and mapped.traffic.weighed(mapped.core) == pytest.approx(total)


def _reaching(program, s):
    """(row, column) wherever the map lets a synapse be, of weight 0 or not: a spike goes there."""
    wiring = s.wiring
    if hasattr(wiring, "codes"):
        wiring = replace(wiring, codes=np.ones_like(wiring.codes), gain=np.ones_like(wiring.gain))
    found = wiring.csr(*program.network.grids(s)).tocoo()
    return list(zip(found.row.tolist(), found.col.tolist()))


def _far(a, b, profile):
    """Hops between two cores of one chip."""
    (ay, ax), (by, bx) = (divmod(core // profile.cores_per_tile, profile.tiles_x) for core in (a, b))
    return abs(ax - bx) + abs(ay - by)


def test_rates_are_counted_from_every_spike(picture):
    inputs = random_network.Played(3, 4, 5)
    rates, spikes = measured_rates(picture, inputs), literal.run(picture, inputs, record=True).spikes
    for name, found in spikes.items():
        assert rates.spikes[name] == pytest.approx(found.mean())
    for s in picture.network.synapses:
        matrix = s.wiring.csr(*picture.network.grids(s)) != 0
        assert rates.events[s.name] == pytest.approx(sum(matrix.sum(0) @ w.sum(0).astype(int) for w in spikes[s.source]).item() / 3)


def test_events_and_steps_are_counted_by_hand(picture):
    rates = measured_rates(picture, random_network.Played(3, 4, 5))
    mapped = map_network(picture, SMALL, rates)
    e, network = events(mapped, rates), picture.network
    assert e.active_updates + e.idle_updates == pytest.approx(network.neurons() * 4) and e.synaptic == pytest.approx(sum(rates.events.values()))
    assert e.spikes == pytest.approx(sum(rates.spikes[p.name] * p.size * 4 for p in network.populations if p.neuron))
    lasting = {"b", "d"}  # a membrane that is kept; a keeps none
    assert {p.name for p in network.populations if lasts(picture, p)} == lasting
    assert e.leaky_updates == sum(network.by_name[name].size for name in lasting) * 4
    assert step_ns(mapped, rates) == pytest.approx(_busiest(picture, mapped, rates))
    found = timing(mapped, rates)
    assert found["latency"] == pytest.approx(found["step"] * (4 + picture.depth)) and found["windows a second"] == pytest.approx(0.25 / found["step"])


def _busiest(program, mapped, rates):
    """Nanoseconds of the core with most to do, with each synapse's events spread over its matrix."""
    owner, _ = network_mapping_check.owners(program, mapped)
    neurons, arriving = np.zeros((2, len(mapped.partition)))
    for p in program.network.populations:
        if p.neuron:
            neurons += np.bincount(owner[p.name], minlength=len(neurons))
    for s in program.network.synapses:
        matrix = s.wiring.csr(*program.network.grids(s)).tocoo()
        arriving += np.bincount(owner[s.target][matrix.row], minlength=len(neurons)) * rates.events[s.name] / max(matrix.nnz, 1) / 4
    active = np.array([n if lasts(program, program.network.by_name[o]) else min(n, a) for n, a, o in zip(neurons, arriving, mapped.partition.owner)])
    busy = active * SMALL.active_update_ns + (neurons - active) * SMALL.idle_update_ns + arriving * SMALL.synapse_ns
    return np.bincount(mapped.group, busy).max() + SMALL.barrier_ns


def test_of_an_old_program_events_are_today_s(tmp_path):
    """But for messages where slices differ."""
    program = lower(random_checkpoint.write(tmp_path / "c", 4), "loihi2")
    old = map_program(program, SMALL, old_rates(program))
    today = vars(old_events(old, old_rates(program)))
    network = converted(program)
    found = vars(events(map_network(network, SMALL, uniform_rates(network)), uniform_rates(network)))
    same_names = ("steps", "active_updates", "idle_updates", "leaky_updates", "synaptic", "spikes")
    assert {n: found[n] for n in same_names} == pytest.approx({n: today[n] for n in same_names})


def test_the_same_network_maps_the_same(picture):
    a, b = (map_network(picture, SMALL, uniform_rates(picture)) for _ in range(2))
    assert (a.slice_core == b.slice_core).all() and a.partition.forms == b.partition.forms


def test_each_limit_is_the_profile_s_of_that_name():
    values = dict(neurons_per_core=1, core_memory_bytes=2, synapse_memory_bytes=3, input_axons_per_core=4, output_axons_per_core=5)
    found = resources.limits(replace(load("loihi2"), configurations_per_core=6, **values))
    assert list(found.items()) == list(zip(network_mapping_check.NAMES, range(1, 7)))


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
    check(program, profile, mapped)
    assert len(mapped.core) >= 16 * 12 / 12
    rates = Rates({p.name: n / 20 for n, p in enumerate(program.network.populations)}, {})
    messages = sum(rates.spikes[s.source] * 16 * 2 for s in program.network.synapses)  # each neuron is heard by one slice
    assert slice_messages(mapped.partition, rates).sum() == pytest.approx(messages)


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


@pytest.mark.parametrize("weight, expected", [(2, False), (63, False), (64, True)])
def test_a_membrane_lasts_where_it_may_not_decay_at_once(weight, expected):
    """|v| of 64 synaptic units, 4096, leaves 4096 * 1 / 4096 = 1 behind; one unit less leaves nothing."""
    net = Net()
    net.count(net.lif("a", same(net.input("x", features=2), weight), keep=1, vth=0))
    program = schedule(net.network(), Windows(2))
    assert lasts(program, program.network.by_name["a"]) is expected


def test_the_report_has_every_figure_as_json(picture):
    mapped, rates = map_network(picture, SMALL, uniform_rates(picture)), uniform_rates(picture)
    found = json.loads(json.dumps(report(mapped, rates)))
    used = list(mapped.used().values())
    for name, of in found["resources"].items():
        most, limit = max(core[name].used for core in used), used[0][name].limit
        assert of["core"][2:] == [most, limit] and of["used"] == sum(core[name].used for core in used) and most <= limit
    assert list(found["resources"]) == list(network_mapping_check.NAMES) and found["cores"] == [len(used), SMALL.cores]
    assert found["traffic"]["optimised"] <= found["traffic"]["program order"] and found["events"]["steps"] == 4


def test_what_is_not_on_the_chip_or_hears_nothing():
    net = Net()
    net.count(net.input("x", features=2))
    with pytest.raises(CompileError, match="no population is on the chip: a host plays all there is"):
        fit(schedule(net.network(), Windows(1)), SMALL)
    network = replace(net.network(), populations=(Population(name="x", grid=(), neuron=RELAY),), ports=())
    assert fit(schedule(network, Windows(1)), SMALL).cores == 1
