"""Models through which tokens flow, on cores: how many they take, and what a token costs."""

from __future__ import annotations

from dataclasses import replace

import mapping_check
import pytest
from flow_modules import folded, tokenizer
from small_board import SMALL

from tritspike.compiler.lower import lower, lower_network
from tritspike.compiler.mapping.capacity import require_room
from tritspike.compiler.mapping.cost import events
from tritspike.compiler.mapping.fit import fit, map_network
from tritspike.compiler.mapping.report import report
from tritspike.compiler.mapping.workload import activity_of, assumed, of_activity
from tritspike.hw_profiles.profile import load
from tritspike.models.export import export
from tritspike.models.nets import trace
from tritspike.runtime.board_costs import energy
from tritspike.runtime.map_report import Report, findings, tables
from tritspike.runtime.network.wiring import Dense
from tritspike.runtime.records import from_json, to_json

TEXTS = ["w1 w2 w3", "w4 w5 w6 w7 w8 w9 w10", "w3"]
FULL = dict(vocabulary=100, rank=32, memory=(1, 2, 4, 8, 16, 32, 64, 128), recall=())  # what is on the chip does not depend on the first two
LARGE = FULL | dict(hidden=512, layers=4, ffn=1536, traces=256)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "c"
    export(folded(), tokenizer(), "lm", folder, {"seed": 0})
    return lower(folder, "loihi2")


def test_all_of_it_is_on_cores_within_every_limit(program):
    scheduled, board = program.scheduled, replace(SMALL, neurons_per_core=128, core_memory_bytes=4096, chips=4, chips_x=2, chips_y=2)
    work = assumed(program)
    mapped = map_network(scheduled, board, work.rates)
    mapping_check.check(scheduled, board, mapped)
    assert len(mapped.core) > 8 and any(len(some) > 1 for some in mapped.partition.held)


def test_a_token_s_figures_by_hand(program):
    """All tokens of three texts, one after another, and the steps of each, in which input comes or none."""
    activity, tokens = activity_of(program, TEXTS)
    work = of_activity(program, activity, tokens, "a test")
    mapped = map_network(program.scheduled, load("loihi2"), work.rates)
    told, timing = report(mapped, work, program), program.scheduled.timing
    assert tokens == [3, 7, 1] and activity.samples == 11 and timing.period == 12
    assert told.neurobench["Synaptic Operations, Effective_ACs"] == pytest.approx(sum(activity.events.values()) / 11)
    assert told.neurobench["Membrane Updates"] == program.neurons() * 12
    assert told.energy_pj == energy(events(mapped, work.rates), load("loihi2"))
    assert told.seconds.a_second == pytest.approx(1 / (12 * told.seconds.step))
    assert told.seconds.latency == pytest.approx(12 * told.seconds.step)  # it is made of the token before, whose answer is there in time
    assert told.static.streamed_pj == pytest.approx(0.5 * 12 * told.seconds.step * 1e12)
    front, head = program.host.front.projection.size, program.hidden * program.classes
    assert told.texts.host == {"front end, 8-bit multiplies": front, "head, 8-bit multiplies": head}


def test_figures_are_said_to_be_of_a_token(program):
    work = assumed(program)
    told = report(map_network(program.scheduled, load("loihi2"), work.rates), work, program)
    headline, _, costs, counts, _ = tables(told)
    assert headline.startswith("loihi2, a stream: ") and "texts of full length" not in headline and counts.title.startswith("a token in 45 nm")
    assert [str(c.header) for c in costs.columns] == ["figure", "a token"] and costs.title.startswith("a token, streamed")
    rows = list(costs.columns[0].cells)
    assert "energy, uJ: static, 0.5 W" in rows and not any("alone" in row for row in rows)
    assert from_json(to_json(told), Report) == told and not list(findings(to_json(told)))


def lowered(sizes):
    """A model with random weights."""
    model = folded(**sizes)
    return lower_network(trace(model), model.config.timing)


def widest(program):
    """The same where all gains take the 8 bits that a weight may have."""

    def wide(s):
        return replace(s, wiring=replace(s.wiring, gain=s.wiring.gain * 0 + 127)) if isinstance(s.wiring, Dense) else s

    return replace(program, network=replace(program.network, synapses=tuple(map(wide, program.network.synapses))))


SIZES = [(FULL | dict(hidden=320, layers=2, ffn=768, traces=128), 10, 16), (LARGE, 72, 120)]


@pytest.mark.parametrize("sizes, cores, most", SIZES, ids=["full", "large"])
def test_models_of_full_size_take_few_of_a_chip_s_cores(sizes, cores, most):
    """cores: with the gains that this model has; most: with any."""
    narrow = lowered(sizes)
    for program, allowed in ((narrow, cores), (widest(narrow), most)):
        require_room(program, load("loihi2"))
        assert fit(program, load("loihi2")).cores <= allowed
