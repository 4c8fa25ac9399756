"""Text streams, the vocabulary of bytes, causal teachers of three kinds, and the command that trains one."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import random_checkpoint
import torch
from command import model_main
from tiny_language import tiny

from tritspike.models import train_teacher
from tritspike.models.streams import (
    START,
    Stream,
    batch_of,
    crops,
    perplexity,
    require_same_tokenizer,
    reviews,
    scored_batches,
    stream_of,
    train_tokenizer,
    wikitext,
)
from tritspike.models.teacher import CausalTeacher, load_causal_teacher
from tritspike.runtime.errors import DataError, FileError, InputError


def test_articles_are_cut_at_their_titles_and_nothing_is_lost(wiki):
    found = wikitext(wiki, "valid")
    assert len(found) == 8 and all(" = Item " in text for text in found)
    assert "".join(found) == (wiki / "wiki.valid.tokens").read_text()


def test_reviews_are_lines(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\nthree\n")
    assert reviews([tmp_path / "a.txt"], 2) == ["one\n", "two\n"]


def test_the_vocabulary_spells_any_bytes_and_comes_out_the_same_again(wiki):
    texts = wikitext(wiki, "train")
    tokenizer = train_tokenizer(texts, 300)
    assert tokenizer.get_vocab_size() == 300 and tokenizer.to_str() == train_tokenizer(texts, 300).to_str()
    for text in ("one two", " naïve\t\n 日本 \U0001f600", "x" * 50):
        ids = tokenizer.encode(text).ids
        assert ids[0] == tokenizer.token_to_id(START) and tokenizer.decode(ids) == text


def test_crops_are_followed_by_their_targets_and_shared_out():
    streams = [Stream(np.arange(first, first + 100, dtype=np.int32)) for first in (100, 300)]
    batch, targets = crops(streams, 0.4, np.random.default_rng(0), 5, 7)
    assert batch.shape == (5, 7) and (targets == batch.ids + 1).all() and batch.positions.tolist() == list(range(7)) * 5
    assert [int(n) for n in torch.bincount(batch.ids // 200)] == [14, 21]


def test_scored_batches_predict_every_token_once():
    stream, seen = Stream(np.arange(50, dtype=np.int32)), []
    for batch, rows, targets in scored_batches(stream, 8, 3, 10**9, 4):
        assert (batch.ids[rows] + 1 == targets).all()
        seen += targets.tolist()
    assert seen == list(range(1, 50))


def test_too_little_text_is_refused(wiki):
    tokenizer = train_tokenizer(wikitext(wiki, "train"), 300)
    with pytest.raises(DataError, match=r"^3 tokens of text, training needs more than 8$"):
        stream_of(tokenizer, ["ab"], 8)


def test_another_tokenizer_than_the_run_s_is_refused(wiki, tmp_path):
    tokenizer = train_tokenizer(wikitext(wiki, "train"), 300)
    path = tmp_path / "tokenizer.json"
    require_same_tokenizer(tokenizer, path)
    tokenizer.save(str(path))
    require_same_tokenizer(tokenizer, path)
    with pytest.raises(InputError, match=r"tokenizer\.json: the student's tokens are not the teacher's"):
        require_same_tokenizer(random_checkpoint.small_tokenizer(), path)


@pytest.mark.parametrize("kind", ["gpt2", "opt", "llama"])
def test_causal_teachers_of_three_kinds(kind, tmp_path):
    """From a folder; what it says at a token does not depend on the tokens after it, nor on padding."""
    CausalTeacher(tiny(kind, 44), random_checkpoint.small_tokenizer()).save(tmp_path)
    teacher = load_causal_teacher(str(tmp_path))
    texts = [[1, 5, 6, 7, 8], [1, 9]]
    with torch.no_grad():
        together, alone = (
            torch.cat([teacher.token_logits(teacher.outputs(b, states=True), b) for b in batches])
            for batches in ([batch_of(texts)], [batch_of([t]) for t in texts])
        )
        shorter = batch_of([texts[0][:3]])
        early = teacher.token_logits(teacher.outputs(shorter), shorter)
    assert together.shape == (7, 40) and torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together[:3], early, atol=1e-5)


def test_what_is_no_causal_model_is_refused_in_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileError, match="not a causal language model that transformers reads") as caught:
        load_causal_teacher(str(tmp_path))
    assert "\n" not in str(caught.value)


def options(wiki, out, *more):
    sizes = dict(vocabulary=280, hidden=32, layers=2, heads=2, length=16, steps=60, batch=8, rate=5e-3, warm_up=5, check_every=30)
    flags = (str(x) for k, v in sizes.items() for x in (f"--{k.replace('_', '-')}", v))
    return ["--data", str(wiki), "--out", str(out), *flags, *more]


def test_a_teacher_learns_and_a_killed_run_goes_on_to_the_same_weights(wiki, tmp_path, monkeypatch, capsys):
    (tmp_path / "r.txt").write_text("five six seven\n" * 40)
    more = ("--unlabelled", str(tmp_path / "r.txt"))
    model_main("train-teacher")(options(wiki, tmp_path / "whole", *more))
    card = json.loads((tmp_path / "whole" / "card.json").read_text())
    assert [point[0] for point in card["curve"]] == [30, 60] and card["valid_perplexity"] == min(p[2] for p in card["curve"]) < 100
    assert f"validation perplexity {card['valid_perplexity']:.3f}" in capsys.readouterr().out
    real, calls = train_teacher.Training._loss, []

    def dies(self, step):
        calls.append(1)
        if len(calls) == 45:
            raise KeyboardInterrupt
        return real(self, step)

    monkeypatch.setattr(train_teacher.Training, "_loss", dies)
    with pytest.raises(KeyboardInterrupt):
        model_main("train-teacher")(options(wiki, tmp_path / "killed", *more))
    monkeypatch.setattr(train_teacher.Training, "_loss", real)
    model_main("train-teacher")(options(wiki, tmp_path / "killed", *more))
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    teacher = load_causal_teacher(str(tmp_path / "whole"))
    assert teacher.tokenizer.get_vocab_size() == 280
    stream = stream_of(teacher.tokenizer, wikitext(wiki, "valid"), 16)
    found = perplexity(lambda b: teacher.token_logits(teacher.outputs(b), b), stream, 16, 400)
    assert found == pytest.approx(card["valid_perplexity"], rel=1e-3) and math.isfinite(found)
