"""A text that grows token by token gives the spikes and logits of a whole run, in every population, at every step."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import InputError
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import fast, reference
from tritspike.runtime.simulator.growing import Growing


@st.composite
def cases(draw):
    """(config of a language model, seed, where its head is, where the text is cut into what is read at once)."""
    length = draw(st.sampled_from([1, 2, 63, 64, 65, 70]) | st.integers(1, 24))
    config = dict(
        readout="each",
        steps=draw(st.integers(1, 5)),
        max_length=length,
        hidden=draw(st.sampled_from([63, 64, 65]) | st.integers(8, 90)),
        heads=draw(st.integers(1, 3)),
        head_dim=draw(st.integers(1, 12)),
        ffn=draw(st.integers(8, 130)),
        layers=draw(st.integers(1, 3)),
        window=draw(st.integers(1, 5)),
        weights=draw(st.sampled_from(["ternary", "binary"])),
    )
    cuts = draw(st.lists(st.integers(1, length), max_size=4)) if draw(st.booleans()) else list(range(1, length))
    return config, draw(st.integers(0, 2**31)), draw(st.sampled_from(["host", "chip"])), sorted({*cuts, length})


def read_in_parts(encoder, ids, cuts, plainly):
    """(rows read one part after another, everything at the end)."""
    growing, rows, first = Growing(encoder.program, plainly), [], 0
    for last in cuts:
        places = np.arange(first, last)
        rows.append(growing.add(encoder.words(np.array(ids[first:last]), 0 * places, places)))
        first = last
    return np.concatenate(rows), growing.result()


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(cases())
def test_growing_is_a_whole_run(case):
    config, seed, head, cuts = case
    with tempfile.TemporaryDirectory() as folder:
        program = lower(random_checkpoint.write(Path(folder) / "c", seed, **config), "hala-point", head=head)
    encoder = Encoder(program)
    ((ids, _),) = random_checkpoint.tokens(seed, 1, config["max_length"])
    samples = encoder.samples([(ids, [0] * len(ids))])
    run = reference.run if len(ids) <= 24 else fast.run
    expected = run(program, samples, record=True)
    for plainly in (False, True):
        rows, found = read_in_parts(encoder, ids, cuts, plainly)
        require_equal(program, expected, found, ("whole", "growing"))
        assert (rows == expected.read).all()


def test_a_restarted_text_is_a_new_one(tmp_path):
    encoder = Encoder(lower(random_checkpoint.write(tmp_path / "c", 3, readout="each", window=3), "loihi2"))
    growing, places = Growing(encoder.program), np.arange(5)
    growing.add(encoder.words(np.arange(4, 9), 0 * places, places))
    growing.restart()
    ids = np.arange(20, 25)
    assert (growing.add(encoder.words(ids, 0 * places, places)) == fast.run(encoder.program, encoder.samples([(ids, 0 * ids)])).read).all()


def test_what_cannot_grow_is_refused(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too"):
        Growing(lower(checkpoint, "loihi2"))
    encoder = Encoder(lower(random_checkpoint.write(tmp_path / "c", readout="each", max_length=3), "loihi2"))
    with pytest.raises(InputError, match=r"^4 tokens in a window of 3"):
        Growing(encoder.program).add(encoder.words(np.arange(4), np.zeros(4, int), np.array([0, 1, 2, 2])))


def test_a_matrix_that_hears_later_tokens_cannot_grow(tmp_path):
    """Attention is causal; what a query hears of the next token is not, and would change when that is read."""
    program = lower(random_checkpoint.write(tmp_path / "c", readout="each"), "kapoho-point")
    (query,) = (n for n, s in enumerate(program.synapses) if s.name == "layer.0.query<x")
    changed = replace(program.synapses[query], wiring=replace(program.synapses[query].wiring, offset=1))
    program = replace(program, synapses=(*program.synapses[:query], changed, *program.synapses[query + 1 :]))
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too"):
        Growing(program)
    samples = Encoder(program).samples(random_checkpoint.tokens(0, 2, 12))
    require_equal(program, reference.run(program, samples, record=True), fast.run(program, samples, record=True), ("reference", "fast"))
