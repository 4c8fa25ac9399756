"""Rates, traffic, events, energy and time against counting by hand, from the spikes and the materialised matrices."""

from __future__ import annotations

from dataclasses import replace

import mapping_check
import numpy as np
import pytest
import small_board
from random_network import Played
from small_board import SMALL

from tritspike.compiler.mapping import place
from tritspike.compiler.mapping.cost import events, step_ns, timing
from tritspike.compiler.mapping.counts import neurobench
from tritspike.compiler.mapping.fit import map_network
from tritspike.compiler.schedule import schedule
from tritspike.runtime.board_costs import energy, static
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.map_report import Seconds, Static
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.terms import same
from tritspike.runtime.rates import measured_rates, uniform_rates
from tritspike.runtime.tasks.operations import lasts, operations

PROFILE = replace(SMALL, neurons_per_core=50, cores_per_chip=8, chips=16, chips_x=4, chips_y=4)


@pytest.fixture(scope="module")
def picture():
    return small_board.picture()


@pytest.fixture(scope="module")
def mapped(picture):
    rates = measured_rates(picture, Played(3, 4, 5))
    return map_network(picture, PROFILE, rates), rates


@pytest.mark.parametrize("profile", [replace(SMALL, neurons_per_core=20), PROFILE], ids=["one chip", "chips"])
def test_traffic_is_messages_times_hops_counted_one_by_one(picture, profile):
    rates = measured_rates(picture, Played(3, 4, 7))
    mapped = map_network(picture, profile, rates)
    owner, _ = mapping_check.owners(picture, mapped)
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
    """Hops between two cores, from the definition of the mesh."""
    (ax, ay, acx, acy), (bx, by, bcx, bcy) = (_where(core, profile) for core in (a, b))
    return abs(ax - bx) + abs(ay - by) + profile.chip_hop_weight * (abs(acx - bcx) + abs(acy - bcy))


def _where(core, profile):
    chip, local = divmod(core, profile.cores_per_chip)
    tile = local // profile.cores_per_tile
    chip_x, chip_y = chip % profile.chips_x, chip // profile.chips_x
    return chip_x * profile.tiles_x + tile % profile.tiles_x, chip_y * profile.tiles_y + tile // profile.tiles_x, chip_x, chip_y


@pytest.mark.parametrize("exact", [512, 0])
def test_both_optimisers_gain_on_random_and_on_the_order_of_latency(picture, exact, monkeypatch):
    monkeypatch.setattr(place, "_EXACT", exact)
    found = map_network(picture, replace(PROFILE, neurons_per_core=8, cores_per_chip=32), uniform_rates(picture))
    traffic = found.traffic
    assert traffic.weighed(found.core) < 0.7 * np.mean([traffic.weighed(place.random(traffic, n)) for n in range(5)])
    assert traffic.weighed(found.core) < traffic.weighed(place.in_order(traffic))


def test_rates_are_counted_from_every_spike(picture):
    inputs = Played(3, 4, 5)
    rates, spikes = measured_rates(picture, inputs), literal.run(picture, inputs, record=True).spikes
    for name, found in spikes.items():
        assert rates.spikes[name] == pytest.approx(found.mean())
    for s in picture.network.synapses:
        matrix = s.wiring.csr(*picture.network.grids(s)) != 0
        assert rates.events[s.name] == pytest.approx(sum(matrix.sum(0) @ w.sum(0).astype(int) for w in spikes[s.source]).item() / 3)


def test_synaptic_events_of_uniform_rates_are_rate_times_all_synapses(picture, mapped):
    nonzero = sum(np.count_nonzero(s.wiring.csr(*picture.network.grids(s)).data) for s in picture.network.synapses)
    assert events(mapped[0], uniform_rates(picture, 0.25)).synaptic == pytest.approx(0.25 * 4 * nonzero)


def test_events_and_steps_are_counted_by_hand(picture):
    rates = measured_rates(picture, Played(3, 4, 5))
    mapped = map_network(picture, SMALL, rates)
    e, network = events(mapped, rates), picture.network
    assert e.active_updates + e.idle_updates == pytest.approx(network.neurons() * 4) and e.synaptic == pytest.approx(sum(rates.events.values()))
    assert e.spikes == pytest.approx(sum(rates.spikes[p.name] * p.size * 4 for p in network.populations if p.neuron))
    lasting = {"b", "d"}  # a membrane that is kept; a keeps none
    assert {p.name for p in network.populations if lasts(picture, p)} == lasting
    assert e.leaky_updates == sum(network.by_name[name].size for name in lasting) * 4
    assert step_ns(mapped, rates) == pytest.approx(_busiest(picture, mapped, rates))
    found = timing(mapped, rates)
    assert found.latency == pytest.approx(found.step * (4 + picture.depth)) and found.a_second == pytest.approx(0.25 / found.step)


def _busiest(program, mapped, rates):
    """Nanoseconds of the core with most to do, with each synapse's events spread over its matrix."""
    owner, _ = mapping_check.owners(program, mapped)
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


@pytest.mark.parametrize("weight, expected", [(2, False), (63, False), (64, True)])
def test_a_membrane_lasts_where_it_may_not_decay_at_once(weight, expected):
    """|v| of 64 synaptic units, 4096, leaves 4096 * 1 / 4096 = 1 behind; one unit less leaves nothing."""
    net = Net()
    net.count(net.lif("a", same(net.input("x", features=2), weight), keep=1, vth=0))
    program = schedule(net.network(), Windows(2))
    assert lasts(program, program.network.by_name["a"]) is expected


def test_energy_is_events_times_the_profile_s_costs(mapped):
    found, rates = mapped
    e, p = events(found, rates), PROFILE
    by_hand = (
        e.active_updates * p.active_update_pj
        + e.idle_updates * p.idle_update_pj
        + e.synaptic * p.synapse_pj
        + e.messages * p.spike_pj
        + e.hops_x * p.hop_x_pj
        + e.hops_y * p.hop_y_pj
        + e.hops_chip * p.chip_hop_pj
    )
    assert sum(energy(e, p).values()) == pytest.approx(by_hand) and min(energy(e, p).values()) >= 0
    assert e.hops_x + e.hops_y + p.chip_hop_weight * e.hops_chip == pytest.approx(found.traffic.weighed(found.core))


def test_static_energy_by_hand_numbers():
    seconds = Seconds(step=0.001, latency=0.02, a_second=250.0)
    assert static(seconds, replace(PROFILE, chips=8, chip_static_w=0.25)) == Static(2.0, 8e9, pytest.approx(4e10))


def test_a_step_is_no_shorter_than_the_mean_core_and_its_barrier(mapped):
    found, rates = mapped
    e = events(found, rates)
    work = e.active_updates * PROFILE.active_update_ns + e.idle_updates * PROFILE.idle_update_ns + e.synaptic * PROFILE.synapse_ns
    assert step_ns(found, rates) >= work / e.steps / len(found.core) + PROFILE.barrier_ns


def test_a_step_lasts_as_long_as_the_busiest_core_takes(picture, mapped):
    """Where an update takes 1 ns and an event nothing: its neurons, counted one by one, and the barrier."""
    found, rates = mapped
    counted = [held["neurons"] for held in mapping_check.used(picture, PROFILE, found)[0].values()]
    assert max(counted) > 1.1 * sum(counted) / len(counted), "the example must tell the busiest core from the mean one"
    chip = replace(PROFILE, active_update_ns=1.0, idle_update_ns=1.0, synapse_ns=0.0, barrier_ns=7.0)
    seconds = timing(replace(found, partition=replace(found.partition, profile=chip)), rates)
    step = (max(counted) + 7) * 1e-9
    expected = (step, step * (4 + picture.depth), 1 / (step * 4))
    assert (seconds.step, seconds.latency, seconds.a_second) == pytest.approx(expected)


def test_45_nm_counts_are_accumulates_and_leaks(mapped):
    e = events(*mapped)
    ops = operations(e.synaptic, e.updates, e.leaky_updates)
    assert ops["arithmetic pJ"] == pytest.approx(0.9 * (e.synaptic + e.updates - e.leaky_updates) + 4.6 * e.leaky_updates)
    assert ops["with movement pJ"] > ops["arithmetic pJ"]


def test_neurobench_counts(picture, mapped):
    found, rates = mapped
    metrics, network = neurobench(found.partition, events(found, rates), rates), picture.network
    reaching = sum(len(_reaching(picture, s)) for s in network.synapses)
    assert metrics["Synaptic Operations, Dense"] == reaching * 4 and metrics["Synaptic Operations, Effective_MACs"] == 0
    assert 0 < metrics["Connection Sparsity"] < 1 and 0 < metrics["Activation Sparsity"] < 1
    assert metrics["Membrane Updates"] == network.neurons() * 4
    assert metrics["Model Footprint"] == found.uses["bytes of memory"].sum()
    one_by_one = next(s.wiring for s in network.synapses if s.target == "e").csr(*network.grids(network.inputs("e")[0])).nnz
    assert metrics["Parameter Count"] == 4 * 2 * 9 + 30 * 80 + one_by_one + 1  # taps, a matrix, synapses one by one, a bias
