"""Events, energy and counts against counting by hand, from the spikes and the materialised matrices."""

from __future__ import annotations

from dataclasses import replace

import mapping_check
import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping.cost import energy, events, static, step_ns, timing
from tritspike.compiler.mapping.counts import neurobench
from tritspike.compiler.mapping.fit import map_program
from tritspike.compiler.mapping.picture import link_loads, picture
from tritspike.compiler.mapping.rates import measured_rates, uniform_rates
from tritspike.compiler.mapping.report import report
from tritspike.compiler.mapping.workload import Workload, assumed
from tritspike.hw_profiles.profile import load
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.map_report import tables
from tritspike.runtime.operations import operations
from tritspike.runtime.program import COINCIDENCE, RELAY, SOURCE

PROFILE = replace(load("loihi2"), neurons_per_core=256, core_memory_bytes=16384, synapse_memory_bytes=16384, chips=4, chips_x=2, chips_y=2)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    program = lower(random_checkpoint.write(tmp_path_factory.mktemp("cost") / "c", 4), "loihi2")
    samples = Encoder(program).samples([([1, 5, 6, 9, 2], [0] * 5), ([1] + [7] * 11, [0] * 12)])
    rates = measured_rates(program, samples)
    return map_program(program, PROFILE, rates), rates


def test_synaptic_events_of_uniform_rates_are_rate_times_all_synapses(mapped):
    found, _ = mapped
    program = found.partition.program
    nonzero = sum(np.count_nonzero(program.csr(s).data) for s in program.synapses)
    assert events(found, uniform_rates(program, 0.25)).synaptic == pytest.approx(0.25 * program.steps * nonzero)


def test_every_neuron_is_updated_at_every_step(mapped):
    found, rates = mapped
    program, e = found.partition.program, events(found, rates)
    assert e.active_updates + e.idle_updates == pytest.approx(program.neurons() * program.steps)
    lasting = sum(program.size(p) for p in program.populations if p.role not in (COINCIDENCE, RELAY, SOURCE))
    assert e.leaky_updates == lasting * program.steps <= e.active_updates


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


def test_static_energy_is_the_whole_board_s_power_for_as_long_as_a_sentence_takes(mapped):
    """By hand: 4 chips of 0.5 W; a streamed sentence takes its 4 steps, one alone those and the program's depth."""
    found, rates = mapped
    told = report(found, Workload(rates, (5, 12), ""))
    step = step_ns(found, rates) * 1e-9
    assert told["static"]["W"] == PROFILE.static_w == 4 * 0.5
    assert told["static"]["streamed pJ"] == pytest.approx(2.0 * 4 * step * 1e12)
    assert told["static"]["alone pJ"] == pytest.approx(2.0 * (4 + found.partition.program.depth) * step * 1e12)
    assert told["energy pJ"] == energy(events(found, rates), PROFILE)  # dynamic energy is told as before


def test_static_energy_by_hand_numbers():
    seconds = {"step": 0.001, "latency": 0.02, "sentences a second": 250.0}
    assert static(seconds, replace(PROFILE, chips=8, chip_static_w=0.25)) == {"W": 2.0, "streamed pJ": 8e9, "alone pJ": pytest.approx(4e10)}


def test_the_table_shows_dynamic_and_static_energy_and_their_sum(mapped):
    found, rates = mapped
    told = report(found, Workload(rates, (5, 12), "")) | {
        "energy pJ": {"synaptic events": 7e6},
        "static": {"W": 2.0, "streamed pJ": 5e6, "alone pJ": 9e6},
    }
    rows = dict(zip(*(column.cells for column in list(tables(told))[2].columns[:2])))
    assert rows["energy, uJ: dynamic, all of these"] == "7.00" and rows["energy, uJ: static, 2 W"] == "5.00"
    assert rows["energy, uJ: dynamic and static"] == "12.00" and rows["the same of a sentence alone"] == "16.00"


def test_a_step_is_no_shorter_than_the_mean_core_and_its_barrier(mapped):
    found, rates = mapped
    e = events(found, rates)
    work = e.active_updates * PROFILE.active_update_ns + e.idle_updates * PROFILE.idle_update_ns + e.synaptic * PROFILE.synapse_ns
    assert step_ns(found, rates) >= work / e.steps / len(found.core) + PROFILE.barrier_ns
    seconds = timing(found, rates)
    program = found.partition.program
    assert seconds["latency"] == pytest.approx(seconds["step"] * (program.steps + program.depth))


def _neurons_by_core(found) -> dict[int, int]:
    return {core: uses[0] for core, uses in mapping_check.used(found.partition.program, PROFILE, found.mapping())[0].items()}


def test_a_step_lasts_as_long_as_the_busiest_core_takes(mapped):
    """Where an update takes 1 ns and an event nothing: its neurons, counted one by one, and the barrier."""
    found, rates = mapped
    counted = _neurons_by_core(found)
    assert max(counted.values()) > 1.1 * sum(counted.values()) / len(counted), "the example must tell the busiest core from the mean one"
    chip = replace(PROFILE, active_update_ns=1.0, idle_update_ns=1.0, synapse_ns=0.0, barrier_ns=7.0)
    ours = replace(found, partition=replace(found.partition, profile=chip))
    step = (max(counted.values()) + 7) * 1e-9
    program = found.partition.program
    assert timing(ours, rates)["step"] == pytest.approx(step)
    assert timing(ours, rates)["latency"] == pytest.approx(step * (program.steps + program.depth))
    assert timing(ours, rates)["sentences a second"] == pytest.approx(1 / (step * program.steps))


def test_link_loads_carry_every_hop(mapped):
    found, rates = mapped
    horizontal, vertical = link_loads(found)
    e = events(found, rates)
    assert horizontal.sum() == pytest.approx(e.hops_x) and vertical.sum() == pytest.approx(e.hops_y)


def test_45_nm_counts_are_accumulates_and_leaks(mapped):
    found, rates = mapped
    e = events(found, rates)
    ops = operations(e.synaptic, e.active_updates + e.idle_updates, e.leaky_updates)
    memoryless = e.active_updates + e.idle_updates - e.leaky_updates
    assert ops["arithmetic pJ"] == pytest.approx(0.9 * (e.synaptic + memoryless) + 4.6 * e.leaky_updates)
    assert ops["with movement pJ"] > ops["arithmetic pJ"]
    assert report(found, Workload(rates, (5, 12), ""))["45 nm"]["this program"] == ops


def test_neurobench_counts(mapped):
    found, rates = mapped
    program = found.partition.program
    metrics = neurobench(found.partition, events(found, rates), rates)
    dense = sum(program.synapse_count(s) for s in program.synapses)
    assert metrics["Synaptic Operations, Dense"] >= dense * program.steps and metrics["Synaptic Operations, Effective_MACs"] == 0
    assert 0 < metrics["Connection Sparsity"] < 1 and 0 < metrics["Activation Sparsity"] < 1
    assert metrics["Membrane Updates"] == program.neurons() * program.steps
    assert metrics["Model Footprint"] == found.used()[:, 1].sum()


def test_the_picture_shows_every_core_in_use_and_is_well_formed(mapped):
    from xml.etree import ElementTree

    found, _ = mapped
    root = ElementTree.fromstring(picture(found))
    (group,) = (e for e in root.iter("{http://www.w3.org/2000/svg}g") if e.get("id") == "cores")
    fills = [e.get("style").split(";")[0] for e in group.iter("{http://www.w3.org/2000/svg}path")]
    assert len(fills) == PROFILE.cores and sum(fill != "fill: #f7fbff" for fill in fills) == len(found.core)


@pytest.mark.parametrize("tiles, drawn", [((1_000_000, 1, 1), 128), ((1000, 1000, 1), 1 << 14), ((1, 1, 1_000_000), 1 << 14)])
def test_the_picture_of_an_endless_board_ends(tiles, drawn, mapped):
    """It would take matplotlib minutes and gigabytes, or more pixels than it has; the title says that a part is shown."""
    found, rates = mapped
    sizes = dict(chips=1, chips_x=1, chips_y=1, tiles_x=tiles[0], tiles_y=tiles[1], cores_per_tile=tiles[2], cores_per_chip=1_000_000)
    text = picture(map_program(found.partition.program, replace(PROFILE, **sizes), rates))
    assert f", {drawn:,} of 1,000,000 cores: " in text and text.count("#") > drawn


def test_the_report_says_where_its_rates_are_from(mapped):
    found, rates = mapped
    program = found.partition.program
    assert report(found, assumed(program))["workload"].startswith("assumed: ")
    told = report(found, Workload(rates, (5, 12), "measured on 2 texts of a test"))
    assert told["workload"] == "measured on 2 texts of a test" and told["tokens"] == 8.5
    assert told["traffic"]["optimised"] < told["traffic"]["random"]
