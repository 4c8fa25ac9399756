"""A tiny spiking language model from a tiny teacher: every term of its loss, both phases, and the program that computes what was trained."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import torch
from command import RUNTIME, Shell, model_main
from tiny_language import tiny
from traced import require_network

from tritspike.compiler.lower import lower
from tritspike.models import train as training
from tritspike.models import train_language
from tritspike.models.bispikclm import SpikingLM
from tritspike.models.equality import compare
from tritspike.models.export import export
from tritspike.models.fold import recalibrate, scale_limits
from tritspike.models.load import load_language_model, load_student
from tritspike.models.recipe import Recipe
from tritspike.models.sizes import language_config
from tritspike.models.spad import SpadDistiller
from tritspike.models.streams import Stream, crops, train_tokenizer, wikitext
from tritspike.models.student_options import Schedule, SpadWeights
from tritspike.models.teacher import CausalTeacher
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from
from tritspike.runtime.host.trained import load as load_trained

TERMS = ("embedding", "attention", "features", "logits", "labels", "rate", "operations")
SIZES = dict(hidden=32, layers=2, heads=2, head_dim=8, ffn=32, steps=2, max_length=16, embedding_rank=16, window=2)


def recipe(steps=60, **model):
    schedule = Schedule(
        float_steps=steps, integer_steps=15, batch=8, rate=5e-3, held_out=20, check_every=15, calibration_batches=3, unlabelled=30, warm_up=5
    )
    return Recipe("lm", SIZES | model, loss=SpadWeights(), schedule=schedule)


@pytest.fixture(scope="module")
def teacher(wiki, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    tokenizer = train_tokenizer(wikitext(wiki, "train"), 280)
    CausalTeacher(tiny("gpt2", 280), tokenizer).save(folder)
    return folder


@pytest.fixture(scope="module")
def trained(wiki, teacher, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "ckpt"
    torch.set_num_threads(1)
    (wiki / "reviews.txt").write_text("five six seven one two\n" * 40)
    return out, train_language.train(recipe(), str(teacher), wiki, [wiki / "reviews.txt"], out, "command")


def small(kind="gpt2", **weights):
    """(student, distiller, batch, targets) over 40 tokens."""
    torch.manual_seed(1)
    student = SpikingLM(language_config(40, **SIZES))
    stream = Stream(np.random.default_rng(0).integers(0, 40, 500).astype(np.int32))
    distiller = SpadDistiller(student, CausalTeacher(tiny(kind, 44).eval(), random_checkpoint.small_tokenizer()), SpadWeights(**weights))
    distiller.teacher[0].model.set_attn_implementation("eager")
    return student, distiller, *crops([stream], 1.0, np.random.default_rng(1), 3, 12)


@pytest.mark.parametrize("kind", ["gpt2", "opt", "llama"])
@pytest.mark.parametrize("folded", [False, True])
def test_every_term_is_a_number_with_gradients_from_every_kind_of_teacher(kind, folded):
    student, distiller, batch, targets = small(kind, rate=1.0, rate_target=0.0, operations_target=0.0)
    if folded:
        student.eval()
        student.fold(scale_limits(student)[0][0])
    for term in TERMS:
        distiller.weights = SpadWeights(**{t: float(t == term) for t in TERMS}, rate_target=0.0, operations_target=0.0)
        student.zero_grad()
        loss = distiller(student, batch, targets)
        assert loss.isfinite() and loss > 0, term
        loss.backward()
        assert student.x.current.token.grad.abs().sum() > 0, term


def test_the_loss_is_the_weighted_sum_and_a_weight_of_zero_asks_nothing(monkeypatch):
    student, distiller, batch, targets = small()
    recalibrate(student, [batch])
    with torch.no_grad():
        whole, parts = distiller(student, batch, targets), torch.zeros(())
        for term in TERMS[:5]:
            distiller.weights = replace(SpadWeights(), **{t: getattr(SpadWeights(), t) * (t == term) for t in TERMS[:5]})
            parts += distiller(student, batch, targets)
        assert torch.allclose(whole, parts, rtol=1e-4)
        asked = []
        monkeypatch.setattr(CausalTeacher, "outputs", lambda *args, **options: asked.append(1))
        distiller.weights = SpadWeights(embedding=0, attention=0, features=0, logits=0)
        distiller(student, batch, targets)
    assert not asked


def test_a_position_does_not_hear_later_tokens(tmp_path):
    _, _, batch, _ = small()
    student = load_language_model(random_checkpoint.write(tmp_path / "c", readout="each", window=3))
    with torch.no_grad():
        before = student(batch)
        later = batch.positions >= 6
        after = student(replace(batch, ids=torch.where(later, (batch.ids + 1) % 40, batch.ids)))
    assert torch.equal(before[~later], after[~later]) and not torch.equal(before[later], after[later])


def test_it_learns_and_its_card_says_what_it_was_chosen_by(trained):
    out, card = trained
    assert card == json.loads((out / "card.json").read_text())
    curve = [point[2] for point in card["curves"]["float"]]
    assert curve[-1] < 200 and card["held_out_integer"] < 200 and {"valid", "test", "teacher_held_out"} <= card.keys()


def test_what_is_trained_is_what_the_program_computes(trained, wiki, capsys, tmp_path):
    """Every spike and logit of torch's integer mode, and the perplexity on the card."""
    out, card = trained
    for head in ("host", "chip"):
        program_file.save(lower(out, "loihi2", head=head), tmp_path / "p.tsp")
        found = compare(out, tmp_path / "p.tsp", str(wiki / "wiki.test.tokens"), 30)
        assert found.all_equal and found.sentences == 30
    shell = Shell(capsys, tmp_path)
    assert shell.run(RUNTIME, "verify", tmp_path / "p.tsp", "--executor", "fast", "--data", wiki / "wiki.test.tokens", "--limit", 2)[0] == 0
    code, said, _ = shell.run(RUNTIME, "perplexity", tmp_path / "p.tsp", "--data", wiki / "wiki.test.tokens", "--json", tmp_path / "r.json")
    assert code == 0 and said.startswith("wiki.test.tokens: perplexity ")
    assert json.loads((tmp_path / "r.json").read_text())["per_token"] == pytest.approx(card["test"], rel=1e-4)
    assert json.loads((tmp_path / "r.json").read_text())["size"] == len((wiki / "wiki.test.tokens").read_bytes())
    assert shell.run(RUNTIME, "generate", tmp_path / "p.tsp", "one two", "--tokens", 5)[0] == 0


def test_loading_a_checkpoint_and_exporting_it_changes_nothing(trained, tmp_path):
    out, card = trained
    export(load_language_model(out), tokenizer_from(text_of(out / "tokenizer.json"), "").library, "lm", tmp_path, card)
    assert (tmp_path / "config.json").read_bytes() == (out / "config.json").read_bytes()
    first, again = (load_trained(folder) for folder in (out, tmp_path))
    require_network(again.network, first.network)
    assert again.host.logit_scale == pytest.approx(first.host.logit_scale, rel=1e-15)
    for name in ("head", "class_bias"):
        assert (getattr(again.host, name) == getattr(first.host, name)).all()
    with pytest.raises(InputError, match=r"a language model that reads windows \(hint: a classifier\)$"):
        load_student(out)


def test_a_killed_run_goes_on_to_the_same_result(wiki, teacher, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    arguments = (recipe(20, weights="binary"), str(teacher), wiki, ())
    train_language.train(*arguments, tmp_path / "whole", "c", False)
    real, calls = training.Phases._update, []

    def dies(self, *args):
        calls.append(1)
        if len(calls) == 18:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(training.Phases, "_update", dies)
    with pytest.raises(KeyboardInterrupt):
        train_language.train(*arguments, tmp_path / "killed", "c", False)
    monkeypatch.setattr(training.Phases, "_update", real)
    card = train_language.train(*arguments, tmp_path / "killed", "c", False)
    assert "test" not in card
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()


def test_the_command_takes_the_shipped_recipe(wiki, teacher, tmp_path, capsys, monkeypatch):
    sizes = [f"model.{k}={v}" for k, v in SIZES.items()]
    few = ["schedule.float_steps=3", "schedule.integer_steps=2", "schedule.held_out=4", "schedule.calibration_batches=2", "schedule.unlabelled=0"]
    found = ["--config", "models/configs/lm.toml", "--teacher", teacher, "--data", wiki, "--out", tmp_path / "out", "--threads", 1]
    model_main("train")([*map(str, found), "--no-dev", "--set", *sizes, *few, "loss.attention=0", "start.embedding='words'"])
    assert capsys.readouterr().out.startswith("valid perplexity ")
    assert lower(tmp_path / "out", "loihi2").host.task == "lm"


def test_another_teacher_s_tokens_are_refused(wiki, trained, tmp_path):
    out, _ = trained
    CausalTeacher(tiny("gpt2", 270), train_tokenizer(wikitext(wiki, "train"), 270)).save(tmp_path / "other")
    with pytest.raises(InputError, match=r"tokenizer\.json: the student's tokens are not the teacher's"):
        train_language.train(recipe(), str(tmp_path / "other"), wiki, (), out, "c")
