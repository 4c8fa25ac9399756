"""The shipped program on cores: the smallest board, the same spikes core by core on real sentences, and what placement gains."""

from __future__ import annotations

import warnings
from pathlib import Path

import mapping_check
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import place
from tritspike.compiler.mapping.fit import fit, map_program
from tritspike.compiler.mapping.slicing import limits
from tritspike.compiler.mapping.workload import measured
from tritspike.hw_profiles.profile import load
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import partitioned, reference
from tritspike.runtime.tasks import glue

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "zoo" / "sst2-one-chip"


@pytest.fixture(scope="module", params=[24, 56])
def mapped(request, glue_dir):
    program = lower(CHECKPOINT, "auto", length=request.param)
    return map_program(program, load(program.profile), measured(program, glue_dir).rates)


def test_one_loihi_2_holds_it_within_every_limit(mapped):
    assert mapped.partition.profile.name == "loihi2" and (mapped.used() <= limits(mapped.partition.profile)).all()
    assert mapped.partition.uses[:, 0].sum() == mapped.partition.program.neurons()


def test_counted_again_synapse_by_synapse(glue_dir):
    """At three tokens: the checker looks at every synapse in Python."""
    program, profile = lower(CHECKPOINT, "loihi2", length=3), load("loihi2")
    mapped = map_program(program, profile, measured(program, glue_dir).rates)
    held, synapses = mapping_check.used(program, profile, mapped.mapping())
    assert synapses == sum(program.synapse_count(s) for s in program.synapses)
    for core, said in zip(mapped.core.tolist(), mapped.used().tolist()):
        assert held[core][0] == said[0] and (held[core][:5] <= limits(profile)).all() and len(held[core][5]) <= profile.configurations_per_core
        assert all(counted <= claimed for counted, claimed in zip(held[core], said)), core


def test_traffic_against_random_and_against_program_order(mapped):
    traffic = mapped.traffic
    optimised = traffic.weighed(mapped.core)
    assert optimised <= 0.5 * min(traffic.weighed(place.random(traffic, seed)) for seed in range(10))
    assert optimised <= 0.9 * traffic.weighed(place.in_order(traffic))


def test_core_by_core_gives_the_plain_run_on_16_real_sentences(mapped, glue_dir):
    program = mapped.partition.program
    encoder = Encoder(program)
    texts = [e.text for e in glue.read(glue.task_named("sst2"), str(glue_dir), "dev", None)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # texts that are cut are not among those taken
        tokens = [t for t in encoder.tokens(texts) if len(t[0]) < program.dims.positions][:16]
    samples = encoder.samples(tokens)
    expected, found = reference.run(program, samples, True), partitioned.run(mapped.mapping(), samples, True)
    assert len(samples) == 16 and require_equal(program, expected, found, ("reference", "partitioned")) > 16_000_000


def test_a_program_of_bert_base_s_size_is_cut_for_hala_point(tmp_path):
    """325 million neurons; the lists of their synapses alone would take gigabytes."""
    widths = dict(hidden=768, heads=12, head_dim=64, ffn=3072, layers=12, max_length=128, readout="first")
    program = lower(random_checkpoint.write(tmp_path / "bert", 0, **widths), "hala-point")
    board = load("hala-point")
    found, group = fit(program, board)
    assert found.uses[:, 0].sum() == program.neurons() > 300_000_000
    assert group.max() < board.cores and (found.uses <= limits(board)).all()
