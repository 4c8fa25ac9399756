"""A classifier through which texts flow: packed end to end in training, in slots on a chip."""

import numpy as np
import pytest
import torch
from command import lower_main
from flow_modules import SMALL, tokenizer

from tritspike.compiler.lower import lower
from tritspike.models.data import Corpus, pack
from tritspike.models.equality import _sequences
from tritspike.models.export import export
from tritspike.models.flow import Flow
from tritspike.models.fold import recalibrated
from tritspike.models.load import load_flow
from tritspike.models.nets import outcome
from tritspike.models.sizes import FlowConfig
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor
from tritspike.runtime.host.batches import answer
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask

SLOT = {"classes": 2, "slot": 9, "memory": (1, 4, 20)}
LENGTHS = np.array([3, 9, 1, 5, 5, 2, 8, 4])


def corpus(lengths=LENGTHS) -> Corpus:
    ids = np.random.default_rng(0).integers(0, SMALL["vocabulary"], lengths.sum()).astype(np.int32)
    return Corpus(ids, np.zeros(len(ids), np.int8), np.concatenate([[0], np.cumsum(lengths)]))


def calibrated(**changes) -> Flow:
    torch.manual_seed(0)
    model = Flow(FlowConfig(**SMALL | SLOT | changes))
    with recalibrated(model):
        model(pack(corpus(), range(len(LENGTHS))))
    for name, parameter in model.named_parameters():
        if name.endswith("norm.bias"):
            parameter.data.uniform_(-0.6, 0.6)
    model.answer.bias.data.uniform_(-0.2, 0.2)
    return model


def folded(**changes) -> Flow:
    model = calibrated(**changes)
    model.fold(90)
    return model.eval()


@pytest.mark.parametrize("make", [calibrated, folded])
@pytest.mark.parametrize("changes", [{}, {"mixer": "both"}, {"series": True}, {"period": 6}])
def test_a_text_is_answered_as_if_it_were_alone(make, changes):
    model = make(**changes)
    together = model(pack(corpus(), range(len(LENGTHS))))
    assert all(torch.equal(together[n : n + 1], model(pack(corpus(), [n]))) for n in range(len(LENGTHS)))


def test_nothing_is_learned_across_texts():
    model = calibrated()
    model.eval()
    batch = pack(corpus(), range(len(LENGTHS)))
    answers = model(batch)
    model.x.driven.retain_grad()
    answers[1:].sum().backward()
    driven = model.x.driven.grad
    assert not driven[: LENGTHS[0]].any() and driven[LENGTHS[0]].any()


@pytest.mark.parametrize("changes", [{}, {"mixer": "retention"}, {"series": True, "layers": 1}, {"period": 5}, {"window": 1}, {"steps": 2}])
@pytest.mark.parametrize("name", ["reference", "fast"])
def test_torch_and_executors_fire_the_same(tmp_path, changes, name):
    model = folded(**changes)
    export(model, tokenizer(), "sst2", tmp_path / "made", {}, ("negative", "positive"))
    program = lower(tmp_path / "made", "loihi2")
    encoder, found = Encoder(program), corpus()
    tokens = [(found.part(n, n + 1).ids.tolist(), [0] * LENGTHS[n]) for n in range(len(LENGTHS))]
    rows = encoder.rows(tokens)
    _, ours = outcome(model, pack(found, range(len(LENGTHS))))
    theirs = executor(name).prepare(program.scheduled, How()).run(rows, Ask(record=True))
    for population, spikes in ours.spikes.items():
        mine = theirs.spikes[population]
        mine = mine if len(mine) == LENGTHS.sum() else mine[rows.real]
        assert np.array_equal(mine[:, : spikes.shape[1]], spikes), population
    assert np.array_equal(rows.each_row(theirs.read["answer"]), ours.read["answer"])
    assert _sequences(load_flow(tmp_path / "made"), program, encoder, tokens) == (len(LENGTHS), len(LENGTHS))


@pytest.mark.parametrize("name", ["reference", "fast"])
def test_texts_are_classified(tmp_path, name):
    model = folded()
    export(model, tokenizer(), "sst2", tmp_path / "made", {}, ("negative", "positive"))
    program = lower(tmp_path / "made", "loihi2")
    encoder = Encoder(program)
    texts = ["w1 w2 w3", "w9", "w4 w4 w5 w6 w7 w8 w9 w1 w30", "w30 w31"]
    found = answer(encoder, texts, name)
    ids = [[int(word[1:]) for word in text.split()] for text in texts]
    flat = np.array([n for some in ids for n in some], np.int32)
    starts = np.cumsum([0, *map(len, ids)])
    logits = model(pack(Corpus(flat, np.zeros(len(flat), np.int8), starts), range(len(texts)))).detach().numpy()
    assert np.allclose(program.scores(found.logits, found.lengths), logits, rtol=1e-5)


def test_a_slot_without_classes_is_refused():
    with pytest.raises(ValueError, match=r"model\.slot is 0 of 2 classes"):
        FlowConfig(vocabulary=3, classes=2)


def test_texts_that_meet_must_be_of_one_length():
    model = calibrated()
    batch = pack(corpus(), range(3))
    one = model.x(batch)
    other = model.x(pack(corpus(), range(2)))
    with pytest.raises(InputError, match="texts of other lengths meet"):
        one.run.beside(other.run)


def test_a_mapping_s_figures_are_a_token_s_and_a_slot_s(tmp_path, capsys):
    export(folded(), tokenizer(), "sst2", tmp_path / "made", {}, ("negative", "positive"))
    lower_main([str(tmp_path / "made"), "--profile", "loihi2", "--out", str(tmp_path / "p.tsp"), "--map"])
    shown = capsys.readouterr().out
    assert "a sentence, a slot of 9 tokens, streamed" in shown
    row = next(line for line in shown.splitlines() if "dynamic and static" in line)
    slot, token = (float(cell) for cell in row.strip("│ ").split("│")[1:3])
    assert slot == pytest.approx(9 * token, rel=0.01)
