"""What a page shows, as records: the same numbers as the executors, the mapping and the history have."""

from __future__ import annotations

import numpy as np
import pytest

from tritspike.hw_profiles.errors import TritspikeError
from tritspike.hw_profiles.profile import load as profile
from tritspike.runtime import mapping, on_cores
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import array_files, arrays, batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.rates import uniform_rates
from tritspike.runtime.report import board, card, costs, gather, network, played, rates, versus
from tritspike.runtime.report.gather import Found
from tritspike.runtime.report.played import Given
from tritspike.runtime.report.records import Bars, Raster
from tritspike.runtime.tables import rows as population_rows
from tritspike.runtime.tasks.spike_rates import spike_counts
from tritspike.runtime.tasks.versus.runs import Past
from tritspike.runtime.unit import unit


def program_of(path):
    return program_file.load(path)


def every_spike(program, text):
    """(spikes by population of the reference, tokens)."""
    encoder = Encoder(program)
    tokens = encoder.tokens([text])
    whole = program if program.flows else batches.at_length(program, len(tokens[0][0]))
    rows = encoder.rows(tokens) if program.flows else encoder.rows(tokens, whole.positions)
    return whole, batches.run(whole, rows, "reference", ask=Ask(record=True)).spikes


@pytest.mark.parametrize("name, text", [("encoder", "w1 w2 w9 w30"), ("pair", ("w1 w2", "w2 w7 w3")), ("stream", "The game was")])
def test_a_raster_is_the_reference_s_spikes(made, name, text):
    program = program_of(getattr(made, name))
    raster = played.of_texts(program, Given(text)).raster
    whole, spikes = every_spike(program, text)
    assert raster.frames == program.scheduled.timing.period and any(b.spikes.any() for b in raster.bands)
    for band in raster.bands:
        found = spikes[band.name]
        assert band.totals == tuple(found.sum((0, 2)).tolist()), band.name
        assert (band.latency, band.neurons) == (whole.scheduled.latency[band.name], found.shape[2])
        assert (_shown(whole, band, found) == band.spikes).all(), band.name


def _shown(program, band, found):
    """The band's rows, neuron by neuron."""
    population = program.network.by_name[band.name]
    if program.flows:
        every = found.transpose(1, 2, 0)
    else:
        at, sizes = grids.coordinates(population.grid), grids.extents(population.grid)
        growing = next(side.name for side in grids.sides(population.grid) if side.grows)
        others = [name for name in sizes if name != growing]
        every = np.zeros((found.shape[1], int(np.prod([sizes[n] for n in others])), sizes[growing]), np.bool_)
        for neuron in range(population.size):
            row = 0
            for name in others:
                row = row * sizes[name] + at[name][neuron]
            every[:, row, at[growing][neuron]] |= found[0, :, neuron]
    some = np.unique(np.linspace(0, every.shape[1] - 1, min(every.shape[1], 48)).astype(int))
    return every[:, some]


def test_a_raster_of_arrays_is_their_spikes_as_late_as_they_are(made):
    program = arrays.load(made.net)
    given = array_files.read(made.arrays, program.scheduled)
    raster = played.of_arrays(program, Given(data=str(made.arrays))).raster
    found = arrays.run(program.scheduled, {name: array[:1] for name, array in given.items()}, "reference", How(), record=True).spikes
    assert raster.frames == 1 and raster.stops == len(raster.columns) == 20 + program.scheduled.depth
    for band in raster.bands:
        late = program.scheduled.latency[band.name]
        assert (band.spikes[0][:, late : late + 20] == found[band.name][0].T).all() and not band.spikes[0][:, :late].any()


def test_only_what_is_not_told_by_timing_is_drawn(made):
    names = [b.name for b in played.of_texts(program_of(made.stream), Given("The game")).raster.bands]
    assert names[0] == "x" and not {"idle", "active", "continues"} & set(names) and "layer.1.ffn" in names
    note = next(b.note for b in played.of_texts(program_of(made.stream), Given("The game")).raster.bands if b.name == "layer.0.traces.trace")
    assert note == "which remember for 1 (first) to 114 (last) tokens"


def test_rates_are_those_of_glue(made):
    program = program_of(made.encoder)
    seen = played.of_texts(program, Given(data=str(made.glue)))
    own, apart = spike_counts(program, seen.activity, seen.lengths)
    (bars,) = rates.rates_section(program, seen).charts
    assert isinstance(bars, Bars) and [b.value for b in bars.bars] == [c.rate for c in (own | apart).values()]
    assert {b.label for b in bars.bars if b.mark} == set(apart) and seen.source == "24 examples of sst2's dev set"
    assert seen.scored is not None and card.section(program, made.encoder, None, seen).heading.startswith("It scores ")


@pytest.mark.parametrize("name", ["encoder", "pair", "stream", "net"])
def test_messages_are_those_that_the_mapping_was_placed_for(made, name):
    path = getattr(made, name)
    scheduled = (arrays.load(path) if name == "net" else program_of(path)).scheduled
    mapped = mapping.load(path.with_suffix(".map"), scheduled)
    rates = uniform_rates(scheduled)
    start, end, load = on_cores.messages(mapped, rates)
    assert load.sum() == pytest.approx(mapped.report.traffic.messages, rel=1e-12) and load.sum() > 0
    assert set(end.tolist()) == set(mapped.used) and set(start.tolist()) <= {0, *mapped.used}


def test_a_board_holds_every_neuron_once(made):
    program = program_of(made.stream)
    mapped, loihi = mapping.load(made.stream.with_suffix(".map"), program.scheduled), profile("loihi2")
    drawn = board.board(mapped, loihi, uniform_rates(program.scheduled), unit(program))
    assert sum(c.neurons for c in drawn.cores) == program.neurons() and len(drawn.cores) == loihi.cores_per_chip
    assert [c.number for c in drawn.cores if c.neurons] == mapped.used and max(c.load for c in drawn.cores) <= 1
    assert {name for c in drawn.cores for name in c.holds} == {p.name for p in program.network.populations if p.neuron is not None}
    assert len({(c.x, c.y) for c in drawn.cores}) == len(drawn.cores) and drawn.links


def test_the_network_s_tables_are_those_of_inspect(made):
    program = program_of(made.pair).scheduled
    populations, synapses, planned = network.section(program).tables
    assert populations.rows == tuple(population_rows(program)) and len(synapses.rows) == len(program.network.synapses)
    listed = {name for names, *_ in planned.rows for name in names.split(" and ")[0].split(", ")}
    assert listed <= {p.name for p in program.network.populations} and planned.rows


def test_costs_with_a_mapping_and_without(made):
    program = program_of(made.encoder)
    seen, mapped = played.of_texts(program, Given("w1 w2")), mapping.load(made.encoder.with_suffix(".map"), program.scheduled)
    figures, placed = mapped.report, costs.on_board(program, seen, mapped, None)
    alone, on_board = costs.section(program, seen, None), costs.section(program, seen, placed)
    assert len(alone.charts) == 1 and "lower it with --map" in alone.says[0] and alone.tables == ()
    energy = {b.label: b.value for b in on_board.charts[1].bars}
    assert energy["static, sentences one behind another"] == figures.static.streamed_pj * 1e-6
    assert {name.removeprefix("dynamic: ") for name in energy if name.startswith("dynamic")} == set(figures.energy_pj)
    assert "float teacher" in alone.heading and [b.mark for b in alone.charts[0].bars] == ["", "apart"] * 3


def test_a_page_of_an_array_program_has_no_texts(made):
    program = arrays.load(made.net)
    page = gather.page(Found(program=program, path=made.net, played=played.of_arrays(program, Given())))
    assert [s.name for s in page.sections] == ["card", "spikes", "rates", "network", "chip", "costs"]
    assert "4 samples of random spikes" in page.sections[1].charts[0].sentence
    assert isinstance(page.sections[1].charts[0], Raster)


@pytest.mark.parametrize("gate, below", [(None, ""), (-1.0, "1 of them below the gate of -1")])
def test_the_history_is_drawn_oldest_first_with_its_gate(gate, below):
    def past(time, points):
        return Past(time, "sst2", "dev", 9, "a", "program", "b", "program", "accuracy", 0.5, 0.6, points, points - 1, points + 1, 0.5, {})

    section = versus.history([past("2026-02", -2.0), past("2026-01", 3.0)], "runs.db", gate)
    (chart,) = section.charts
    assert [s.value for s in chart.spans] == [3.0, -2.0] and chart.gate == gate and chart.across
    assert below in section.heading and "-2.00 points" in section.heading and len(section.tables[0].rows) == 2


def test_cards_are_told_whatever_is_in_them(made):
    told = dict(card._told(card.read(made.card)))
    assert "none" in "".join(told.values()).lower() and any("deep" in name for name in told)
    many = {str(n): n for n in range(1000)}
    assert len(list(card._told(many))) == 300 and max(len(v) for v in dict(card._told({"a": "x" * 9999})).values()) < 250
    with pytest.raises(TritspikeError, match="no-card"):
        card.read(made.folder / "no-card.json")


def _classifier():
    """In slots of nine tokens."""
    from flow_modules import SMALL

    from tritspike.models.data import Corpus, pack
    from tritspike.models.flow import Flow
    from tritspike.models.fold import recalibrated
    from tritspike.models.sizes import FlowConfig

    ids, starts = np.random.default_rng(0).integers(0, SMALL["vocabulary"], 24).astype(np.int32), np.array([0, 3, 12, 16, 24])
    model = Flow(FlowConfig(**SMALL | {"classes": 2, "slot": 9, "memory": (1, 4, 20)}))
    with recalibrated(model):
        model(pack(Corpus(ids, np.zeros(24, np.int8), starts), range(4)))
    model.fold(90)
    return model.eval()


def test_texts_that_flow_in_slots_are_scored_and_drawn(tmp_path):
    """A classifier whose memory is its neurons."""
    pytest.importorskip("torch", reason="torch is not installed")
    from flow_modules import tokenizer

    from tritspike.compiler.lower import lower
    from tritspike.models.export import export

    export(_classifier(), tokenizer(), "sst2", tmp_path / "ck", {})
    program = lower(tmp_path / "ck", "loihi2")
    (tmp_path / "SST-2").mkdir()
    (tmp_path / "SST-2" / "dev.tsv").write_text("sentence\tlabel\nw1 w2 w9\t1\nw3\t0\n")
    seen = played.of_texts(program, Given(data=str(tmp_path)))
    assert seen.scored is not None and seen.raster.columns == ("w1", "w2", "w9") and seen.lengths.tolist() == [3, 1]
    whole, spikes = every_spike(program, "w1 w2 w9")
    for band in seen.raster.bands:
        assert (_shown(whole, band, spikes[band.name][:3]) == band.spikes).all(), band.name
    page = gather.page(Found(program=program, path=tmp_path / "p.tsp", played=seen))
    assert "uJ of arithmetic a sentence" in page.sections[-1].heading
