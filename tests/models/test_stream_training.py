"""A tiny streaming language model from a tiny teacher: both phases, kills, and the program that computes what was trained."""

from __future__ import annotations

import math

import numpy as np
import pytest
import random_checkpoint
import torch
from tiny_language import tiny

from tritspike.compiler.lower import lower
from tritspike.models import train_language
from tritspike.models.bigrams import start_bigrams, start_head, surprises
from tritspike.models.flow import Flow
from tritspike.models.recipe import Recipe, read_recipe, recipe_from
from tritspike.models.sizes import FlowConfig
from tritspike.models.spad_stream import StreamDistiller
from tritspike.models.streams import Stream, train_tokenizer, wikitext
from tritspike.models.student_options import Schedule, SpadWeights, Start
from tritspike.models.teacher import CausalTeacher
from tritspike.models.train_stream import Reader
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import language
from tritspike.runtime.host.reading import Reading
from tritspike.runtime.host.text import Encoder

SIZES = {"hidden": 32, "layers": 2, "ffn": 32, "steps": 2, "traces": 8, "memory": [1, 8], "rank": 16, "window": 2}
SCHEDULE = {"float_steps": 40, "integer_steps": 15, "batch": 6, "rate": 5e-3, "held_out": 20, "check_every": 15, "calibration_batches": 3}


def recipe(**model) -> Recipe:
    schedule = Schedule(**SCHEDULE, unlabelled=30, warm_up=5, crop=12, run=4)
    return Recipe("lm", SIZES | model, Start(embedding="bigrams", head="bigrams"), SpadWeights(attention=0.0), schedule, "stream")


@pytest.fixture(scope="module")
def teacher(wiki, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    CausalTeacher(tiny("gpt2", 280), train_tokenizer(wikitext(wiki, "train"), 280)).save(folder)
    return folder


@pytest.fixture(scope="module")
def trained(wiki, teacher, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "ckpt"
    torch.set_num_threads(1)
    (wiki / "reviews.txt").write_text("five six seven one two\n" * 40)
    return out, train_language.train(recipe(), str(teacher), wiki, [wiki / "reviews.txt"], out, "command")


def test_it_learns_and_its_program_scores_what_its_card_says(trained, wiki):
    out, card = trained
    assert card["curves"]["float"][-1][2] < 200 and card["held_out_integer"] < 200 and "teacher_held_out" in card
    encoder = Encoder(lower(out, "loihi2"))
    found = language.flowed(encoder, "".join(wikitext(wiki, "valid")), Reading(encoder, "fast", How()))
    scored = math.exp(found.nats / found.tokens)
    assert scored == pytest.approx(card["valid"], rel=1e-3)  # the card's counts the tokens from the second on, too, and floats


def test_a_killed_training_ends_as_one_that_was_not(trained, teacher, wiki, tmp_path, monkeypatch):
    _, card = trained
    torch.set_num_threads(1)
    from tritspike.models import state

    kept, calls = state.Live.keep, []

    def dying(self, *given):
        kept(self, *given)
        calls.append(1)
        if len(calls) in (2, 4):
            raise KeyboardInterrupt

    monkeypatch.setattr(state.Live, "keep", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_language.train(recipe(), str(teacher), wiki, [wiki / "reviews.txt"], tmp_path / "ckpt", "command")
    again = train_language.train(recipe(), str(teacher), wiki, [wiki / "reviews.txt"], tmp_path / "ckpt", "command")
    assert again["curves"] == card["curves"] and again["valid"] == card["valid"]


@pytest.mark.parametrize("kind", ["gpt2", "opt", "llama"])
@pytest.mark.parametrize("folded", [False, True])
def test_every_term_has_gradients_from_every_kind_of_teacher(kind, folded):
    torch.manual_seed(1)
    student, ids = Flow(FlowConfig(vocabulary=40, **SIZES)), torch.randint(40, (3, 17))
    distiller = StreamDistiller(student, CausalTeacher(tiny(kind, 44).eval(), random_checkpoint.small_tokenizer()), SpadWeights())
    student(ids)
    if folded:
        student.eval()
        student.fold(100)
    for term in ("embedding", "features", "logits", "labels"):
        distiller.weights = SpadWeights(**{t: float(t == term) for t in ("embedding", "attention", "features", "logits", "labels")})
        student.zero_grad()
        loss = distiller(student, ids, 8, {})
        assert loss.isfinite() and loss > 0, term
        loss.backward()
        assert student.x.current.token.grad.abs().sum() > 0, term


def test_streams_go_on_crop_by_crop_and_jump_in_turn():
    texts = [Stream(np.arange(5000, dtype=np.int32)), Stream(np.arange(10_000, 12_000, dtype=np.int32))]
    reader, crop = Reader(texts, 0.75, 8, 10, 4, (0, 0)), 10
    found = [reader.at(step) for step in range(12)]
    begun = np.array([begins for _, begins in found])
    assert (begun.sum(0) == 3).all() and (begun.sum(1) == 2).all()
    for step in range(1, 12):
        (before, _), (ids, begins) = found[step - 1], found[step]
        assert ids.shape == (8, 2 * crop + 1) and ((ids >= 10_000).all(1) == torch.tensor([False] * 6 + [True] * 2)).all()
        for n in range(8):
            assert begins[n] or ids[n, 0] == before[n, 0] + crop
    assert all(torch.equal(a[0], reader.at(n)[0]) for n, a in enumerate(found))


def test_the_start_says_what_a_bigram_model_does():
    rng = np.random.default_rng(0)
    follows = rng.permutation(30)
    ids = [0]
    for _ in range(6000):
        ids.append(int(follows[ids[-1]]) if rng.random() < 0.7 else int(rng.integers(30)))
    share, table = surprises(np.array(ids), 30)
    assert table[np.arange(30), follows].min() > 1.5 > 1 > table.median() and share.sum() == pytest.approx(1)
    torch.manual_seed(0)
    model = Flow(FlowConfig(vocabulary=30, hidden=64, layers=1, ffn=16, traces=8, memory=(1, 8), rank=24))
    start_bigrams(model.x.current, np.array(ids))
    start_head(model.x.current, model.answer, np.array(ids), "bigrams", 4, 3072)
    some = torch.tensor(ids[:2000]).view(8, -1)
    model.train()
    with torch.no_grad():
        logits = model(some)
        for _ in range(3):
            logits = model(some)
    found = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), some[:, 1:].flatten())
    assert found < 0.75 * math.log(30)


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"memory": [-1, 8]}, "a time constant of -1 tokens"),
        ({"memory": [1, 2000]}, r"a time constant of 2000 tokens of 10 steps"),
        ({"mixer": "attention"}, "model.mixer is 'attention'"),
        ({"traces": 7}, "model.traces is 7"),
        ({"period": 1}, "model.period is 1"),
        ({"weights": "quinary"}, "model.weights is 'quinary'"),
    ],
)
def test_models_that_no_chip_holds_are_refused_before_training(changes, what, tmp_path):
    from tritspike.runtime.errors import InputError, TritspikeError

    raw = {"task": "lm", "family": "stream", "model": SIZES | changes}
    with pytest.raises((ValueError, InputError), match=what):
        recipe_from(raw)
    lines = ['task = "lm"', 'family = "stream"', "[model]", *(f"{name} = {value!r}" for name, value in (SIZES | changes).items())]
    (tmp_path / "r.toml").write_text("\n".join(lines))
    with pytest.raises(TritspikeError, match=what):
        read_recipe(tmp_path / "r.toml")
