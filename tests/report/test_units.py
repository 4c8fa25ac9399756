"""What figures are of: the report, compare, glue and `lower --map` say the same of the same texts, and a float model's beside a program's is of
what the program's is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME, Shell
from shipped import ZOO

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import command as mapping_command
from tritspike.hw_profiles.profile import load as profile
from tritspike.runtime import on_cores
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.map_report import tables
from tritspike.runtime.network.neuron import each
from tritspike.runtime.rates import rates_of, uniform_rates
from tritspike.runtime.report import costs, played, rates
from tritspike.runtime.report.played import Given
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.operations import TEACHER, leaky_updates, neuron_updates
from tritspike.runtime.tasks.spike_rates import mean, spike_counts
from tritspike.runtime.tasks.versus import run as versus
from tritspike.runtime.tasks.versus.sources import Asked
from tritspike.runtime.unit import Unit, unit

TEXTS = ["a warm and funny film", "an overlong mess", "it takes its time, and then some more of ours"]
WORDS = ["w1 w2 w9", "w3", "w4 w5 w6 w7 w8 w1"]
LINE = "The game was released in Japan in 2011 ."


@dataclass(frozen=True)
class Kind:
    """checkpoint: a shipped name, or what a random one is written with. windows: of the network that a unit takes."""

    checkpoint: str | dict[str, object]
    texts: list[str]
    unit: str
    windows: int = 1
    classifies: bool = True


SMALL = dict(layers=1, hidden=16, heads=1, head_dim=8, ffn=16, max_length=12)
KINDS = {
    "slots": Kind("sst2-stream-ternary", TEXTS, "sentence", 56),
    "window of a classifier": Kind(SMALL, WORDS, "sentence"),
    "stream": Kind("lm-stream-ternary", [LINE], "token", classifies=False),
    "window of a language model": Kind(SMALL | {"readout": "each"}, ["w1 w2 w3 w4 w5"], "window", classifies=False),
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory):
    """A kind of program on a chip at the spike rates of its texts, and the same texts counted for a page."""
    kind, at = KINDS[request.param], tmp_path_factory.mktemp("unit")
    program = lower(ZOO / kind.checkpoint if isinstance(kind.checkpoint, str) else random_checkpoint.write(at / "c", 3, **kind.checkpoint), "loihi2")
    program_file.save(program, at / "p.tsp")
    (at / "SST-2").mkdir()
    (at / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "".join(f"{text}\t{n % 2}\n" for n, text in enumerate(kind.texts)))
    (at / "texts.txt").write_text("\n".join(kind.texts))
    data = at if kind.classifies else at / "texts.txt"
    found, figures = mapping_command.mapped(program, profile("loihi2"), data)
    seen = played.of_texts(program, Given(data=str(at)) if kind.classifies else Given(text=kind.texts[0]))  # as --rates reads a file's lines
    return SimpleNamespace(kind=kind, at=at, program=program, mapped=found.mapping(figures), figures=figures, seen=seen)


def shown(section):
    """By label, microjoules of the bars in 45 nm."""
    return {bar.label: bar.value for bar in section.charts[0].bars if not bar.mark}


def test_the_report_and_the_map_say_the_same_of_a_unit(made):
    section = costs.section(made.program, made.seen, None)
    of_map = {name: found.arithmetic_pj * 1e-6 for name, found in made.figures.operations.items()}
    assert shown(section) == pytest.approx(of_map, rel=1e-9)
    assert unit(made.program) == made.figures.unit == Unit(made.kind.unit, made.kind.windows)
    assert f" uJ of arithmetic a {made.kind.unit}" in section.heading and section.charts[0].sentence.startswith(f"Energy a {made.kind.unit},")
    titles = [table.title for table in tables(made.figures) if not isinstance(table, str)]
    assert sum(title.startswith(f"a {made.kind.unit}") for title in titles) == 2


def test_a_float_model_beside_it_is_of_the_same_texts(made):
    """The teacher multiplies for whole sentences, as long as they are; a token of a stream has none beside it."""
    rivals = list(made.figures.operations.items())[1:]
    lengths = made.seen.lengths.tolist()
    assert (TEACHER.name in dict(rivals)) == made.kind.classifies and bool(rivals) == (made.kind.unit != "token")
    for name, found in rivals:
        assert found.accumulates == 0
        if name == TEACHER.name:
            assert found.multiplies == TEACHER.multiplies(lengths) > TEACHER.multiplies([1])


def test_a_unit_s_events_are_all_of_its_spikes_times_their_synapses(made):
    """On the literal simulator: a slot's with its padding, a window's, a token's; and of a head that the host has each spike's row."""
    program = made.program
    encoder = Encoder(program)
    rows = encoder.rows(encoder.tokens(made.kind.texts))
    spikes = literal.run(program.scheduled, rows, True).spikes
    events = 0
    for s in program.network.synapses:
        fan_out = each(s.wiring.fan_out(*program.network.grids(s)), program.network.by_name[s.source].grid)
        events += int((spikes[s.source].sum((0, 1)) * fan_out).sum())
    head = 0 if program.host.head is None else int(spikes[program.last.name].sum()) * program.classes
    units = len(rows) / made.kind.windows
    assert units == (int(made.seen.lengths.sum()) if made.kind.unit == "token" else len(made.kind.texts)), "a unit more or less"
    updates, leaks = sum(neuron_updates(program.scheduled).values()), leaky_updates(program.scheduled)
    (own, *_) = made.figures.operations.values()
    assert own.accumulates == pytest.approx((events + head) / units + made.kind.windows * (updates - leaks), rel=1e-9)
    assert own.multiplies == made.kind.windows * leaks


@pytest.mark.parametrize("made", [name for name, kind in KINDS.items() if kind.classifies], indirect=True)
def test_compare_and_glue_say_it_too(made, capsys):
    """Which take classifiers alone."""
    side = versus.run_program(made.at / "p.tsp", Asked(labelled.task_named("sst2"), str(made.at)))
    own, *rivals = made.figures.operations.items()
    assert side.operations["accumulates"] == pytest.approx(own[1].accumulates, rel=1e-9) and side.operations["multiplies"] == own[1].multiplies
    assert side.same_size is None or side.same_size["multiplies"] == dict(rivals)["float model of the same size"].multiplies
    options = ("--task", "sst2", "--data", made.at, "--activity")
    code, out, _ = Shell(capsys, made.at).run(RUNTIME, "glue", made.at / "p.tsp", *options)
    events = int(re.search(r"and ([\d,]+) synaptic events a sentence", out)[1].replace(",", ""))
    updates, leaks = (made.kind.windows * n for n in (sum(neuron_updates(made.program.scheduled).values()), leaky_updates(made.program.scheduled)))
    assert code == 0 and events == round(own[1].accumulates - updates + leaks), "it has no head on the host"
    assert (f"a slot of {made.kind.windows} tokens" in out) == (made.kind.windows > 1)


def test_a_board_s_figures_are_of_the_unit(made):
    """As many windows of the network as it takes; and the page's own, at the same spike rates, are the map's."""
    figures, windows, scheduled = made.figures, made.kind.windows, made.program.scheduled
    rates = rates_of(scheduled, made.seen.activity)
    assert figures.events["synaptic"] == pytest.approx(windows * sum(rates.events.values()), rel=1e-9)
    assert figures.seconds.a_second == pytest.approx(1 / (windows * scheduled.timing.period * figures.seconds.step))
    assert figures.static.streamed_pj == pytest.approx(0.5 / figures.seconds.a_second * 1e12)
    here = on_cores.costs(made.mapped, profile("loihi2"), rates, windows)
    assert here.energy_pj == pytest.approx(figures.energy_pj, rel=1e-9) and here.messages == pytest.approx(figures.traffic.messages, rel=1e-9)
    assert here.weighed == pytest.approx(figures.traffic.optimised, rel=1e-9)
    assert here.seconds.step == pytest.approx(figures.seconds.step, rel=0.02), "a stack's events are spread over its members there"


def test_a_page_counts_a_mapping_that_was_placed_at_assumed_rates_anew(made):
    found, figures = mapping_command.mapped(made.program, profile("loihi2"), None)
    assumed, board = found.mapping(figures), profile("loihi2")
    assert figures.workload.startswith("assumed") and figures.operations.keys() == made.figures.operations.keys()
    placed = costs.on_board(made.program, made.seen, assumed, board)
    even = on_cores.costs(assumed, board, uniform_rates(made.program.scheduled), made.kind.windows)
    assert even.energy_pj == pytest.approx(figures.energy_pj, rel=1e-9) and even.seconds.step == pytest.approx(figures.seconds.step, rel=1e-9)
    assert placed.costs.energy_pj["synaptic events"] == pytest.approx(made.figures.energy_pj["synaptic events"], rel=1e-9)
    section = costs.section(made.program, made.seen, placed)
    said = " ".join([*section.says, *(table.caption for table in section.tables)])
    assert "assumed" not in said and said.count(f"counted on {made.seen.source}") == 2


def test_the_page_s_rate_is_compare_s_and_the_board_s_is_said_beside_it(made):
    section = rates.rates_section(made.program, made.seen)
    own, _ = spike_counts(made.program, made.seen.activity, made.seen.lengths)
    flat = rates_of(made.program.scheduled, made.seen.activity).spikes
    assert section.heading.startswith(f"Where a text has tokens, a neuron spikes in {mean(own):.1%} of steps")
    assert f"{np.mean([flat[name] for name in own]):.1%}" in section.says[0]
