"""The shipped program on cores: the smallest board, the same spikes core by core on real sentences, and what placement gains."""

from __future__ import annotations

import warnings
from pathlib import Path

import mapping_check
import pytest
import random_checkpoint
from random_network import require_same

from tritspike.compiler.frontend.table import Asked
from tritspike.compiler.lower import lower, lowered
from tritspike.compiler.mapping import place, resources
from tritspike.compiler.mapping.fit import fit, map_network, placed
from tritspike.compiler.mapping.workload import measured
from tritspike.hw_profiles.profile import load
from tritspike.runtime.executors import partitioned as board
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks import dataset, labelled

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "zoo" / "sst2-one-chip"


@pytest.fixture(scope="module", params=[24, 56])
def mapped(request, glue_dir):
    found = lowered(CHECKPOINT, "auto", asked=Asked(length=request.param))
    return found.program, placed(found.packed, measured(found.program, glue_dir).rates)


def test_one_loihi_2_holds_it_within_every_limit(mapped):
    program, found = mapped
    profile = found.partition.profile
    assert profile.name == program.profile == "loihi2" and (resources.shares(found.uses, profile) <= 1).all()
    assert found.uses[resources.NEURONS].sum() == program.neurons()


def test_counted_again_synapse_by_synapse(glue_dir):
    """At three tokens: the checker looks at every synapse in Python."""
    program, profile = lower(CHECKPOINT, "loihi2", length=3), load("loihi2")
    network = program.network
    found = map_network(program.scheduled, profile, measured(program, glue_dir).rates)
    held, synapses = mapping_check.used(program.scheduled, profile, found)
    assert synapses == sum(s.wiring.count(*network.grids(s)) for s in network.synapses)
    for core, said in found.used().items():
        counted = held[core] | {"neuron configurations": len(held[core]["neuron configurations"])}
        assert counted["neurons"] == said["neurons"].used
        assert all(number <= said[name].used <= said[name].limit for name, number in counted.items()), core


def test_traffic_against_random_and_against_program_order(mapped):
    found = mapped[1]
    optimised = found.traffic.weighed(found.core)
    assert optimised <= 0.5 * min(found.traffic.weighed(place.random(found.traffic, seed)) for seed in range(10))
    assert optimised <= 0.9 * found.traffic.weighed(place.in_order(found.traffic))


def test_core_by_core_gives_the_plain_run_on_16_real_sentences(mapped, glue_dir):
    program, found = mapped
    encoder = Encoder(program)
    texts = [e.text for e in dataset.read(labelled.task_named("sst2"), str(glue_dir), "dev", None)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # texts that are cut are not among those taken
        tokens = [t for t in encoder.tokens(texts) if len(t[0]) < program.positions][:16]
    rows = encoder.rows(tokens)
    expected, core_by_core = literal.run(program.scheduled, rows, True), board.run(found.mapping(), rows, True)
    require_same(expected, core_by_core)
    assert len(rows) == 16 and sum(some.size for some in core_by_core.spikes.values()) > 16_000_000


def test_a_program_of_bert_base_s_size_is_cut_for_hala_point(tmp_path):
    """325 million neurons; the lists of their synapses alone would take gigabytes."""
    widths = dict(hidden=768, heads=12, head_dim=64, ffn=3072, layers=12, max_length=128, readout="first")
    program = lower(random_checkpoint.write(tmp_path / "bert", 0, **widths), "hala-point")
    profile = load("hala-point")
    found = fit(program.scheduled, profile)
    assert found.partition.uses[resources.NEURONS].sum() == program.neurons() > 300_000_000
    assert found.cores <= profile.cores and (resources.shares(found.uses, profile) <= 1).all()
