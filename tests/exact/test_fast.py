"""Fast against the reference where the spine's property does not go: long texts, many steps, wide layers, any batch and thread count."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime import arith, limits
from tritspike.runtime.host import batches
from tritspike.runtime.host.batches import How
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import fast, layout, reference

CASES = 320  # beside the 200 of the spine's property, which runs fast too
_CELLS = 5_000_000  # coincidence neurons times steps that the reference may simulate for one case, a second or so
lengths_seen: set[int] = set()


@st.composite
def cases(draw):
    """(config of a checkpoint, seed, texts, threads, whether memory is as small as may be)."""
    length = draw(st.sampled_from([1, 2, 63, 64, 65, 127, 128]) | st.integers(1, 128))
    steps = draw(st.sampled_from([1, 2, 4, 64]) | st.integers(1, 64))
    count = draw(st.integers(1, 4)) if length * steps < 1000 else 1
    width = max(1, min(160, _CELLS // (2 * length**2 * (steps * count + 20))))
    heads = draw(st.integers(1, min(4, width)))
    hidden = draw(st.sampled_from([63, 64, 65, 128, 520]) | st.integers(1, 200))
    poolable = hidden * length * steps <= arith.VTH_LIMIT  # beyond it the readout of a mean could fire, and the compiler refuses
    config = dict(
        steps=steps,
        max_length=length,
        hidden=hidden,
        heads=heads,
        head_dim=draw(st.integers(1, max(1, width // heads))),
        ffn=draw(st.sampled_from([64, 129, 511, 512, 513]) | st.integers(1, 700)),
        layers=1 if length * steps > 1000 else draw(st.integers(1, 2)),
        weights=draw(st.sampled_from(["ternary", "binary"])),
        window=draw(st.integers(1, 4)),
        causal=draw(st.booleans()),
        readout=draw(st.sampled_from(["mean", "first", "each"] if poolable else ["first", "each"])),
        keep={kind: draw(st.sampled_from([1, 3072, 3277, 4095, 4096]) | st.integers(1, 4096)) for kind in random_checkpoint.KINDS},
    )
    config["causal"] |= config["readout"] == "each"
    return config, draw(st.integers(0, 2**31)), count, draw(st.integers(1, 4)), draw(st.booleans())


@settings(max_examples=CASES, suppress_health_check=list(HealthCheck))
@given(cases())
def test_fast_is_the_reference(case):
    config, seed, count, threads, little = case
    with tempfile.TemporaryDirectory() as folder:
        program = lower(random_checkpoint.write(Path(folder) / "c", seed, **config), "kapoho-point")
    encoder, tokens = Encoder(program), random_checkpoint.tokens(seed, count, config["max_length"])
    samples = encoder.samples(tokens)
    expected = reference.run(program, samples, record=True)
    for name, run in (("fast", fast.run), ("plain", partial(fast.run, plainly=True))):
        require_equal(program, expected, run(program, samples, record=True), ("reference", name))
    memory = layout.bytes_per_token(program, program.dims.positions) * program.dims.positions * threads if little else limits.MEMORY
    answers = batches.streamed(encoder, tokens, How(threads=threads, memory=memory))
    assert (answers.logits == expected.logits).all() and (answers.lengths == samples.lengths).all()
    lengths_seen.update(samples.lengths.tolist())


def test_the_property_met_long_texts():
    """Runs after the property."""
    if not lengths_seen:
        pytest.fail("the property did not run before this test")
    assert {1, 64, 65, 128} <= lengths_seen and len(lengths_seen) > 40


@pytest.mark.parametrize("changes", [{}, {"causal": True, "readout": "first"}, {"weights": "binary", "heads": 1, "head_dim": 70, "max_length": 70}])
def test_counts_are_those_of_the_reference_s_spikes(tmp_path, changes):
    program = lower(random_checkpoint.write(tmp_path / "c", 3, **changes), "kapoho-point")
    samples = Encoder(program).samples(random_checkpoint.tokens(1, 4, program.dims.positions))
    expected = reference.run(program, samples, record=True).spikes
    spikes = {p.name: np.unpackbits(expected[p.name], axis=-1, count=program.size(p)).sum((0, 1), dtype=np.int64) for p in program.populations}
    events = {s.name: int(np.asarray((program.csr(s) != 0).sum(0)).ravel() @ spikes[s.source]) for s in program.synapses}
    for plainly in (False, True):
        found = fast.run(program, samples, count=True, plainly=plainly).activity
        assert (found.samples, found.spikes, found.events) == (4, {name: int(s.sum()) for name, s in spikes.items()}, events)
    assert all(events.values())


def test_counts_of_batches_add_up(checkpoint):
    encoder = Encoder(lower(checkpoint, "loihi2"))
    tokens = random_checkpoint.tokens(4, 30, 12)
    whole = fast.run(encoder.program, encoder.samples(tokens), count=True).activity
    memory = layout.bytes_per_token(encoder.program, 12) * 12 * 2
    assert batches.streamed(encoder, tokens, How(threads=2, memory=memory, count=True)).activity == whole


def test_a_weight_of_zero_is_no_synapse(tmp_path):
    """Neither counted on the chip nor an event, on every executor that counts."""
    none = {"layer.0.attended.skip": np.zeros(1, np.int32), "layer.1.score.gain": np.zeros(1, np.int32)}
    program = lower(random_checkpoint.write(tmp_path / "c", 3, none), "kapoho-point")
    silent = ["layer.0.attended<x.relay", "layer.1.score<layer.1.score.and"]
    activity = fast.run(program, Encoder(program).samples(random_checkpoint.tokens(1, 4, 12)), count=True).activity
    for synapse in map(program.by_synapse.__getitem__, silent):
        assert (program.synapse_count(synapse), program.csr(synapse).nnz, activity.events[synapse.name]) == (0, 0, 0)
