"""What a mapping's figures say, and their tables and picture."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import mapping_check
import pytest
import random_checkpoint
import small_board
import text_program
from random_network import Played
from small_board import SMALL

from tritspike.compiler.mapping.cost import events, step_ns
from tritspike.compiler.mapping.fit import map_network
from tritspike.compiler.mapping.picture import link_loads, picture
from tritspike.compiler.mapping.report import report
from tritspike.compiler.mapping.workload import assumed, assumed_of, counted_on, of_activity
from tritspike.runtime.board_costs import energy
from tritspike.runtime.map_report import Report, Static, findings, tables
from tritspike.runtime.rates import counted
from tritspike.runtime.records import from_json, to_json
from tritspike.runtime.tasks.operations import same_size

PROFILE = replace(SMALL, chips=4, chips_x=2, chips_y=2)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return text_program.program(random_checkpoint.write(tmp_path_factory.mktemp("report") / "c", 4))


@pytest.fixture(scope="module")
def work(program):
    rows = text_program.rows(program, [([1, 5, 6, 9, 2], [0] * 5), ([1] + [7] * 11, [0] * 12)])
    return of_activity(program, counted(program.scheduled, rows), [5, 12], "a test")


@pytest.fixture(scope="module")
def mapped(program, work):
    return map_network(program.scheduled, PROFILE, work.rates)


def test_it_says_where_its_rates_are_from(program, mapped, work):
    assert report(mapped, assumed(program), program).workload.startswith("assumed: ")
    told = report(mapped, work, program)
    assert told.workload == "measured on 2 texts of a test" and told.texts.tokens == 8.5 and told.texts.length == 12
    assert told.traffic.optimised < told.traffic.random


def test_resources_are_summed_by_name(mapped, work):
    found, used = report(mapped, work), list(mapped.used().values())
    assert list(found.resources) == list(mapping_check.NAMES) and (found.cores.used, found.cores.allowed) == (len(used), PROFILE.cores)
    for name, of in found.resources.items():
        most, limit = max(core[name].used for core in used), used[0][name].limit
        assert (of.most, of.limit, of.used) == (most, limit, sum(core[name].used for core in used)) and most <= limit


def test_static_energy_is_the_whole_board_s_power_for_as_long_as_a_sentence_takes(program, mapped, work):
    """By hand: 4 chips of 0.5 W; a streamed sentence takes its 4 steps, one alone those and the program's depth."""
    told = report(mapped, work, program)
    step = step_ns(mapped, work.rates) * 1e-9
    assert told.static.watts == PROFILE.static_w == 4 * 0.5
    assert told.static.streamed_pj == pytest.approx(2.0 * 4 * step * 1e12)
    assert told.static.alone_pj == pytest.approx(2.0 * (4 + program.scheduled.depth) * step * 1e12)
    assert told.energy_pj == energy(events(mapped, work.rates), PROFILE)


def test_the_table_shows_dynamic_and_static_energy_and_their_sum(program, mapped, work):
    told = replace(report(mapped, work, program), energy_pj={"synaptic events": 7e6}, static=Static(2.0, 5e6, 9e6))
    rows = dict(zip(*(column.cells for column in list(tables(told))[2].columns[:2])))
    assert rows["energy, uJ: dynamic, all of these"] == "7.00" and rows["energy, uJ: static, 2 W"] == "5.00"
    assert rows["energy, uJ: dynamic and static"] == "12.00" and rows["the same of a sentence alone"] == "16.00"


@pytest.mark.parametrize("head", ["host", "chip"])
def test_a_language_model_is_set_beside_a_float_model_with_its_head(tmp_path, head):
    """Wherever the program's own is computed: both sides have it, or neither would mean what the other does."""
    program = text_program.program(random_checkpoint.write(tmp_path / "c", readout="each"), head=head)
    work = assumed(program)
    told = report(map_network(program.scheduled, PROFILE, work.rates), work, program)
    rival, tokens, size = same_size(program), told.texts.tokens, program.hidden * program.classes
    own = "this program" if head == "chip" else "this program, with the head that its host has"
    assert list(told.operations) == [own, rival.name] and told.unit.name == "window"
    assert told.operations[rival.name].multiplies == rival.multiplies([tokens]) and rival.vocabulary == program.classes
    assert told.texts.host.get("head, 8-bit multiplies", 0) == (tokens * size if head == "host" else 0)


def test_a_network_without_a_host_has_no_sentences():
    network = small_board.picture()
    for work in (assumed_of(network), counted_on(network, Played(3, 4, 5))):
        told = report(map_network(network, PROFILE, work.rates), work)
        headline, _, costs, *_ = tables(told)
        assert told.texts is None and list(told.operations) == ["this network"] and " tokens" not in headline
        assert [str(c.header) for c in costs.columns] == ["figure", "a window"]
        assert from_json(to_json(told), Report) == told and not list(findings(to_json(told)))


def test_link_loads_carry_every_hop(mapped, work):
    horizontal, vertical = link_loads(mapped)
    e = events(mapped, work.rates)
    assert horizontal.sum() == pytest.approx(e.hops_x) and vertical.sum() == pytest.approx(e.hops_y)


def test_the_picture_shows_every_core_in_use_and_is_well_formed(mapped):
    root = ElementTree.fromstring(picture(mapped))
    (group,) = (e for e in root.iter("{http://www.w3.org/2000/svg}g") if e.get("id") == "cores")
    fills = [e.get("style").split(";")[0] for e in group.iter("{http://www.w3.org/2000/svg}path")]
    assert len(fills) == PROFILE.cores and sum(fill != "fill: #f7fbff" for fill in fills) == len(mapped.core)


@pytest.mark.parametrize("tiles, drawn", [((1_000_000, 1, 1), 128), ((1000, 1000, 1), 1 << 14), ((1, 1, 1_000_000), 1 << 14)])
def test_the_picture_of_an_endless_board_ends(tiles, drawn, program, work):
    """It would take matplotlib minutes and gigabytes, or more pixels than it has; the title says that a part is shown."""
    sizes = dict(chips=1, chips_x=1, chips_y=1, tiles_x=tiles[0], tiles_y=tiles[1], cores_per_tile=tiles[2], cores_per_chip=1_000_000)
    text = picture(map_network(program.scheduled, replace(PROFILE, **sizes), work.rates))
    assert f", {drawn:,} of 1,000,000 cores: " in text and text.count("#") > drawn
