"""45 nm operations of float models and of a program, counted by hand; spike rates of a program from every spike that the literal simulator has."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
import text_program

from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.network.network import Reads
from tritspike.runtime.tasks.operations import (
    TEACHER,
    FloatModel,
    float_operations,
    leaky_updates,
    neuron_updates,
    program_operations,
    same_size,
    synaptic_events,
)
from tritspike.runtime.tasks.spike_rates import Count, mean, spike_counts

TOKENS = [([1, 5, 6, 9, 2], [0] * 5), ([1] + [7] * 11, [0] * 12), ([1, 2], [0, 0])]


@pytest.fixture(scope="module", params=[False, True], ids=["all pairs", "causal"])
def ran(request, tmp_path_factory):
    """(program, rows, activity, every population's spikes as (samples, steps, neurons))."""
    folder = random_checkpoint.write(tmp_path_factory.mktemp("operations") / "c", 4, causal=request.param, window=3)
    program = text_program.program(folder)
    rows = text_program.rows(program, TOKENS)
    activity, spikes = run(program.scheduled, rows, count=True).activity, literal.run(program.scheduled, rows, True).spikes
    return program, rows, activity, spikes


def test_the_float_teacher_is_counted_by_its_layers():
    tokens = 10
    layer = 4 * 384 * 384 * tokens + 2 * 384 * 1536 * tokens + 2 * tokens * tokens * 384
    assert TEACHER.multiplies([tokens]) == 6 * layer
    assert FloatModel("one", 1, 2, 3, 5).multiplies([1, 3]) == ((4 * 6 + 20) * 1 + 2 * 1 * 3 + (4 * 6 + 20) * 3 + 2 * 9 * 3) / 2
    assert float_operations(TEACHER, [tokens])["arithmetic pJ"] == pytest.approx(6 * layer * 4.6)
    assert FloatModel("causal", 1, 2, 3, 5, causal=True, vocabulary=7).multiplies([4]) == (4 * 6 + 20) * 4 + 2 * 10 * 3 + 4 * 2 * 7


def test_a_float_model_has_the_program_s_widths(ran):
    student = same_size(ran[0])
    assert (student.layers, student.hidden, student.attention, student.ffn, student.window) == (2, 16, 8, 24, 3)
    assert student.causal == ran_is_causal(ran[0]) and student.vocabulary == 0
    assert student.multiplies([1]) == 2 * (4 * 16 * 8 + 3 * 16 * 24 + 24 * 16 + 2 * 8)


def ran_is_causal(program) -> bool:
    """From the score's number of neurons."""
    return program.network.by_name["layer.0.score"].size == 2 * 12 * 13 // 2


def test_every_neuron_on_the_chip_is_updated_at_every_step(ran):
    program = ran[0].scheduled
    assert sum(neuron_updates(program).values()) == program.network.neurons() * 4
    forgetting = [p for p in program.network.populations if p.neuron and (".and" in p.name or ".relay" in p.name)]
    lasting = program.network.neurons() - sum(p.size for p in forgetting)
    assert leaky_updates(program) == lasting * 4 and len(forgetting) > 10


def test_a_program_is_priced_by_spikes_times_synapses(ran):
    """Each spike, relays, masks and coincidence neurons too, times the synapses that leave its neuron."""
    program, rows, activity, spikes = ran
    network, events = program.network, 0
    for s in network.synapses:
        fan_out = np.asarray((s.wiring.csr(*network.grids(s)) != 0).sum(0)).ravel()
        events += int((spikes[s.source].sum((0, 1)) @ fan_out).sum())
    found, synaptic, updates = program_operations(program, activity), events / len(rows), program.neurons() * program.steps
    leaks = leaky_updates(program.scheduled)
    assert found["accumulates"] == synaptic + updates - leaks and found["multiplies"] == leaks
    assert found["arithmetic pJ"] == pytest.approx(0.9 * (synaptic + updates - leaks) + 4.6 * leaks)
    assert found["with movement pJ"] == pytest.approx(found["arithmetic pJ"] + 5 * (3 * synaptic + 2 * updates))


def test_a_head_costs_the_same_on_the_host_as_on_the_chip(tmp_path):
    head = np.full((len(random_checkpoint.WORDS), 16), 3, np.int8)  # no zeros: the chip stores none, the host multiplies them
    folder = random_checkpoint.write(tmp_path / "c", 4, {"head.weight": head}, readout="each")
    counted = []
    for where in ("host", "chip"):
        program = text_program.program(folder, head=where)
        activity = run(program.scheduled, text_program.rows(program, TOKENS), count=True).activity
        counted.append(synaptic_events(program, activity))
        assert same_size(program).vocabulary == program.classes == len(head)
    assert counted[0] == counted[1] > 0


def test_spikes_are_the_literal_simulator_s_and_cells_are_real_positions(ran):
    program, rows, activity, spikes = ran
    rates, apart = spike_counts(program, activity, rows.lengths)
    assert list(rates) == ["x", *(f"layer.{n}.{kind}" for n in (0, 1) for kind in KINDS)]
    members = {name: [p.name for p in program.network.populations if name in (p.name, p.name.rpartition(".")[0])] for name in apart}
    assert all(".and" in name or ".relay" in name for name in apart) and not any("mask" in name for name in apart)
    for name, found in rates.items():
        assert found.spikes == spikes[name].sum(), name
    for name, found in apart.items():
        assert found.spikes == sum(spikes[member].sum() for member in members[name]), name
    lengths, pairs, steps = sum(rows.lengths), sum(rows.lengths**2), program.steps
    widths = {"query": 8, "key": 8, "value": 8, "context": 8, "attended": 16, "hidden": 24, "output": 16}
    assert rates["x"].cells == lengths * 16 * steps
    for name, width in widths.items():
        assert rates[f"layer.1.{name}"].cells == lengths * width * steps, name
    assert rates["layer.0.score"].cells == pairs * 2 * steps
    assert apart["layer.0.score.and"].cells == pairs * 8 * steps
    assert apart["layer.0.value.relay"].cells == lengths * 8 * steps * len(members["layer.0.value.relay"])


def test_what_is_read_and_what_says_where_the_padding_is_are_not_counted(ran):
    program, rows, activity, _ = ran
    (probe,) = program.network.probes
    counted = set().union(*spike_counts(program, activity, rows.lengths))
    assert probe.reads is Reads.MEMBRANE and not counted & {probe.population, *(p.population for p in program.network.ports if p.plays == "pad")}


def test_the_mean_counts_each_population_once():
    assert mean({"small": Count(1, 2), "large": Count(0, 1000)}) == 0.25
    assert mean({}) is None


KINDS = ("query", "key", "value", "score", "context", "attended", "hidden", "output")
