"""Fast against the reference where the spine's property does not go: long texts, many steps, wide layers, any batch and thread count."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import found
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime import arith, limits
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.fast import memory
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.host import batches
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder

CASES = 160  # beside the 100 of the spine's property, which runs fast too
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
    rows = encoder.rows(tokens)
    expected = found("reference", program, rows)
    for name in ("fast", "plain"):
        require_equal(program, expected, found(name, program, rows), ("reference", name))
    least = least_memory(program) * threads
    answers = batches.streamed(encoder, tokens, "fast", How(threads=threads, memory=least if little else limits.MEMORY))
    assert (answers.logits == expected.logits).all() and (answers.lengths == rows.lengths).all()
    lengths_seen.update(rows.lengths.tolist())


def least_memory(program):
    """Of one text on one thread."""
    return memory.bytes_per_row(program.scheduled, program.positions) * program.positions


def test_the_property_met_long_texts():
    """Runs after the property."""
    if not lengths_seen:
        pytest.fail("the property did not run before this test")
    assert {1, 64, 65, 128} <= lengths_seen and len(lengths_seen) > 40


@pytest.mark.parametrize("changes", [{}, {"causal": True, "readout": "first"}, {"weights": "binary", "heads": 1, "head_dim": 70, "max_length": 70}])
def test_counts_are_those_of_the_reference_s_spikes(tmp_path, changes):
    program = lower(random_checkpoint.write(tmp_path / "c", 3, **changes), "kapoho-point")
    rows, network = Encoder(program).rows(random_checkpoint.tokens(1, 4, program.positions)), program.network
    spikes = {name: some.sum((0, 1), dtype=np.int64) for name, some in found("reference", program, rows).spikes.items()}
    events = {s.name: int(np.asarray((csr(network, s) != 0).sum(0)).ravel() @ spikes[s.source]) for s in network.synapses}
    for plainly in (False, True):
        counted = run(program.scheduled, rows, count=True, plainly=plainly).activity
        assert (counted.samples, counted.spikes, counted.events) == (4, {name: int(s.sum()) for name, s in spikes.items()}, events)
    assert all(events.values())


def csr(network, synapse):
    return synapse.wiring.csr(*network.grids(synapse))


def test_counts_of_batches_add_up(checkpoint):
    encoder = Encoder(lower(checkpoint, "loihi2"))
    tokens = random_checkpoint.tokens(4, 30, 12)
    whole = run(encoder.program.scheduled, encoder.rows(tokens), count=True).activity
    how = How(threads=2, memory=least_memory(encoder.program) * 2, count=True)
    assert batches.streamed(encoder, tokens, "fast", how).activity == whole


def test_a_weight_of_zero_is_no_synapse(tmp_path):
    """Neither counted on the chip nor an event, on every executor that counts."""
    none = {"layer.0.attended.skip": np.zeros(1, np.int32), "layer.1.score.gain": np.zeros(1, np.int32)}
    program = lower(random_checkpoint.write(tmp_path / "c", 3, none), "kapoho-point")
    ways = [("layer.0.attended", "x.relay."), ("layer.1.score", "layer.1.score.and")]
    silent = [s for s in program.network.synapses if any(s.target == target and s.source.startswith(source) for target, source in ways)]
    activity = run(program.scheduled, Encoder(program).rows(random_checkpoint.tokens(1, 4, 12)), count=True).activity
    for s in silent:
        assert (s.wiring.count(*program.network.grids(s)), csr(program.network, s).nnz, activity.events[s.name]) == (0, 0, 0)
    assert len(silent) == len(ways)
