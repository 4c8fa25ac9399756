"""Made texts: they come from the sentences given, cover the ground between same and different, and are the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from tritspike.models.augment import Mixture, edited, edited_copies, made_pairs
from tritspike.models.student_options import Schedule
from tritspike.models.train import source_of
from tritspike.models.training_set import Source, extra_texts
from tritspike.runtime.tasks.labelled import Example, task_named

SENTENCES = [f"the {a} {b} {c} {d} ." for a in ("red", "old", "big") for b in ("dog", "car") for c in ("sees", "hits") for d in ("me", "you", "it")]
WORDS = {word for sentence in SENTENCES for word in sentence.split()}


def _shared(pair):
    one, two = (set(text.split()) for text in pair)
    return len(one & two) / len(one | two)


def test_edited_copies_are_made_of_known_words_and_differ_by_degrees():
    rng = np.random.default_rng(0)
    copies = [edited(SENTENCES[0], SENTENCES, rng) for _ in range(300)]
    assert all(copy and set(copy.split()) <= WORDS for copy in copies)
    kept = [_shared((SENTENCES[0], copy)) for copy in copies]
    assert min(kept) < 0.5 and 1.0 in kept and 20 < len(set(copies)) < 300
    assert edited("word", ["word"], rng)


def test_texts_are_repeatable_and_depend_on_the_seed():
    for make in (edited_copies, made_pairs):
        assert make(SENTENCES, 40, 1) == make(SENTENCES, 40, 1) != make(SENTENCES, 40, 2)
        assert len(make(SENTENCES, 40, 1)) == 40


@pytest.mark.parametrize("mixture, low, high", [(Mixture(1, 0), 0.6, 1), (Mixture(0, 1), 0.4, 0.9), (Mixture(0, 0), 0.1, 0.5)])
def test_pairs_are_as_alike_as_their_mixture_says(mixture, low, high):
    assert low < np.mean([_shared(pair) for pair in made_pairs(SENTENCES, 300, 0, mixture)]) < high


def test_a_part_comes_second_and_is_edited_by_little():
    long = [" ".join(SENTENCES[n : n + 4]) for n in range(30)]
    pairs = made_pairs(long, 200, 0, Mixture(0, 0, 1))
    assert all(first in long for first, _ in pairs) and len({len(second.split()) for _, second in pairs}) > 10
    assert all(len(first.split()) >= 4 for first, _ in pairs)
    said = [np.mean([word in first.split() for word in second.split()]) for first, second in pairs]
    assert np.mean(said) > 0.8 and min(said) < 1
    assert Mixture.with_parts(0) == Mixture() and Mixture.with_parts(0.5) == Mixture(0.2, 0.2, 0.5)


def test_one_sentence_makes_pairs_with_itself():
    assert all(set(" ".join(pair).split()) <= {"a", "b"} for pair in made_pairs(["a b"], 5, 0))


@pytest.mark.parametrize("task, kind", [("rte", tuple), ("cola", str)])
def test_extra_texts_are_of_the_task_s_kind(task, kind, tmp_path):
    (tmp_path / "plain.txt").write_text("\n".join(f"Some sentence about number {n} here." for n in range(50)))
    train = [Example(s, SENTENCES[-n] if kind is tuple else None, 0.0) for n, s in enumerate(SENTENCES)]
    found = extra_texts(task_named(task), train, Source("", (tmp_path / "plain.txt",), tmp_path, 20, 15, 0, 0))
    assert len(found) == 35 and all(isinstance(text, kind) for text in found)
    first, last = ("".join(text) for text in (found[0], found[-1]))
    assert "number" in first and "number" not in last


def test_a_recipe_s_parts_reach_the_pairs_that_are_made(tmp_path):
    long = [" ".join(SENTENCES[n : n + 4]) for n in range(30)]
    train = [Example(long[n], long[-n], 0.0) for n in range(30)]
    pairs = extra_texts(task_named("rte"), train, source_of(Schedule(unlabelled=0, augmented=50, parts=1.0), "", (), tmp_path))
    assert len(pairs) == 50 and all(first in long and len(second.split()) <= len(first.split()) for first, second in pairs)
    assert np.mean([len(second.split()) / len(first.split()) for first, second in pairs]) < 0.8
