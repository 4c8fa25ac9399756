"""Whatever a streaming model is made of, torch's integers are the executors' on every spike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from flow_modules import tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.models.data import Corpus, pack
from tritspike.models.export import export
from tritspike.models.flow import Flow
from tritspike.models.fold import recalibrated
from tritspike.models.mixers import MIXERS
from tritspike.models.nets import outcome
from tritspike.models.sizes import FlowConfig
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor
from tritspike.runtime.host.program import TOKENS
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask

VOCABULARY = 40


@st.composite
def models(draw) -> tuple[FlowConfig, int]:
    """(sizes, seed)."""
    steps, classes = draw(st.integers(1, 4)), draw(st.sampled_from([0, 0, 2, 3]))
    groups = draw(st.lists(st.sampled_from([0.5, 1, 3, 9, 40]), min_size=1, max_size=3, unique=True))
    return FlowConfig(
        vocabulary=VOCABULARY,
        hidden=draw(st.integers(3, 24)),
        layers=draw(st.integers(1, 2)),
        ffn=draw(st.integers(2, 30)),
        mixer=draw(st.sampled_from(list(MIXERS))),
        series=draw(st.booleans()),
        traces=len(groups) * draw(st.integers(1, 4)),
        memory=tuple(groups),
        recall=tuple(draw(st.lists(st.sampled_from([2, 7, 30]), min_size=1, max_size=2, unique=True))),
        key=draw(st.integers(1, 3)),
        value=draw(st.integers(1, 4)),
        window=draw(st.integers(1, 3)),
        steps=steps,
        period=draw(st.sampled_from([0, steps, steps + 1, steps + 5])) if classes else draw(st.sampled_from([0, steps + 12])),
        rank=4,
        weights=draw(st.sampled_from(["ternary", "binary"])),
        classes=classes,
        slot=9 if classes else 0,
    ), draw(st.integers(0, 1 << 30))


def folded(config: FlowConfig, seed: int, inputs) -> Flow:
    torch.manual_seed(seed)
    model = Flow(config)
    with recalibrated(model):
        model(inputs)
    for name, parameter in model.named_parameters():
        if name.endswith("norm.bias"):
            parameter.data.uniform_(-0.6, 0.6)
    model.fold(90)
    return model.eval()


def corpus(rng: np.random.Generator, lengths: list[int]) -> Corpus:
    ids = rng.integers(0, VOCABULARY, sum(lengths)).astype(np.int32)
    return Corpus(ids, np.zeros(len(ids), np.int8), np.cumsum([0, *lengths]))


@given(models())
@settings(max_examples=25)
def test_torch_reference_and_fast_fire_the_same(tmp_path_factory, drawn):
    config, seed = drawn
    rng = np.random.default_rng(seed)
    texts = corpus(rng, rng.integers(1, 10, 4).tolist() if config.classes else [int(rng.integers(2, 30))])
    inputs = pack(texts, range(len(texts))) if config.classes else torch.from_numpy(texts.ids[None].astype(np.int64))
    model, folder = folded(config, seed, inputs), tmp_path_factory.mktemp("drawn")
    export(model, tokenizer(), "sst2" if config.classes else "lm", folder, {}, tuple("abc"[: config.classes]))
    program = lower(folder, "loihi2")
    encoder = Encoder(program)
    rows = encoder.rows([(texts.part(n, n + 1).ids.tolist(), [0] * int(np.diff(texts.starts)[n])) for n in range(len(texts))])
    _, ours = outcome(model, inputs)
    expected = executor("reference").prepare(program.scheduled, How()).run(rows, Ask(record=True))
    for name, spikes in ours.spikes.items():
        assert np.array_equal(expected.spikes[name][rows.real][:, : spikes.shape[1]], spikes), name
    found = executor("fast").prepare(program.scheduled, How()).run(rows, Ask(record=True))
    assert all(np.array_equal(found.spikes[name], spikes) for name, spikes in expected.spikes.items())
    assert all(np.array_equal(rows.each_row(found.read[name]), rows.each_row(read)) for name, read in expected.read.items())
    if not config.classes:
        _require_chunks(program, encoder, texts.ids, expected, rng)


def _require_chunks(program, encoder, ids, expected, rng) -> None:
    """A stream in parts of any size."""
    session = executor("fast").prepare(program.scheduled, How()).open()
    cuts = [0, *sorted(rng.integers(0, len(ids) + 1, 3).tolist()), len(ids)]
    parts = [session.add({TOKENS: encoder.flowing(ids[a:b].astype(np.int64))}) for a, b in pairwise(cuts) if b > a]
    for name, read in expected.read.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), read)
