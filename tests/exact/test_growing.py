"""A text that grows token by token gives the spikes and logits of a whole run, in every population, at every step."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import found
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.fast.growing import Growing
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import TOKENS
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.wiring.maps import Follow


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
    growing, read, first = Growing(encoder.program.scheduled, plainly), [], 0
    for last in cuts:
        read.append(added(growing, encoder, ids[first:last], first))
        first = last
    return np.concatenate(read), encoder.program.result(encoder.rows([(ids, [0] * len(ids))]), growing.outcome())


def added(growing, encoder, ids, first=0):
    """What is read of `ids`, the first of them at position `first`."""
    places = np.arange(first, first + len(ids))
    return growing.add({TOKENS: encoder.words(np.array(ids), 0 * places, places)})[encoder.program.probe.name]


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(cases())
def test_growing_is_a_whole_run(case):
    config, seed, head, cuts = case
    with tempfile.TemporaryDirectory() as folder:
        program = lower(random_checkpoint.write(Path(folder) / "c", seed, **config), "hala-point", head=head)
    encoder = Encoder(program)
    ((ids, _),) = random_checkpoint.tokens(seed, 1, config["max_length"])
    expected = found("reference" if len(ids) <= 24 else "fast", program, encoder.rows([(ids, [0] * len(ids))]))
    for plainly in (False, True):
        read, whole = read_in_parts(encoder, ids, cuts, plainly)
        require_equal(program, expected, whole, ("whole", "growing"))
        assert (read == expected.read).all()


def test_a_restarted_text_is_a_new_one(tmp_path):
    encoder = Encoder(lower(random_checkpoint.write(tmp_path / "c", 3, readout="each", window=3), "loihi2"))
    growing = Growing(encoder.program.scheduled)
    added(growing, encoder, range(4, 9))
    growing.restart()
    ids = range(20, 25)
    assert (added(growing, encoder, ids) == found("fast", encoder.program, encoder.rows([(ids, [0] * 5)])).read).all()


def test_what_cannot_grow_is_refused(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too"):
        Growing(lower(checkpoint, "loihi2").scheduled)
    encoder = Encoder(lower(random_checkpoint.write(tmp_path / "c", readout="each", max_length=3), "loihi2"))
    with pytest.raises(InputError, match=r"^4 tokens in a window of 3"):
        Growing(encoder.program.scheduled).add({TOKENS: encoder.words(np.arange(4), np.zeros(4, int), np.array([0, 1, 2, 2]))})


def test_a_matrix_that_hears_later_tokens_cannot_grow(tmp_path):
    """Attention is causal; what a query hears of the next token is not, and would change when that is read."""
    program = lower(random_checkpoint.write(tmp_path / "c", readout="each"), "kapoho-point")
    network = program.network
    synapses = tuple(_ahead(s) if (s.source, s.target) == ("x", "layer.0.query") else s for s in network.synapses)
    program = replace(program, scheduled=replace(program.scheduled, network=replace(network, synapses=synapses)))
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too"):
        Growing(program.scheduled)
    rows = Encoder(program).rows(random_checkpoint.tokens(0, 2, 12))
    require_equal(program, found("reference", program, rows), found("fast", program, rows), ("reference", "fast"))


def _ahead(s):
    return replace(s, wiring=replace(s.wiring, read=s.wiring.read | {"position": Follow("position", offset=1)}))
