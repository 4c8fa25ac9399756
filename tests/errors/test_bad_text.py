"""Texts that a program cannot read: without tokens, single for a task of pairs, pairs for one of single texts; by command and by call."""

from __future__ import annotations

import pytest
import random_checkpoint
from command import LOWER, RUNTIME
from tokenizers import processors

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder

SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=9)
EXECUTORS = ("fast", "reference", "lava")
NONE = "text 2 has no tokens (hint: give it at least one word)"
SINGLE = "text 1 is single, mrpc is a task of pairs (hint: --pairs of classify, a tab between two texts in a file, a tuple of two in Python)"
PAIR = "text 1 is a pair, sst2 is a task of single texts (hint: give each text by itself)"


def made(folder, **changes):
    """A program, and its checkpoint beside it."""
    program_file.save(lower(random_checkpoint.write(folder / "c", **(SMALL | changes)), "loihi2"), folder / "p.tsp")
    return folder / "p.tsp"


def refused_by_call(program, texts, executor="fast") -> str:
    with pytest.raises(InputError) as found:
        batches.answer(Encoder(program_file.load(program)), texts, executor)
    return str(found.value)


# texts without tokens


@pytest.fixture()
def bare(tmp_path):
    """A program whose tokenizer adds nothing of its own."""
    folder = random_checkpoint.write(tmp_path / "c", **SMALL)
    tokenizer = random_checkpoint.small_tokenizer()
    tokenizer.post_processor = processors.TemplateProcessing("$A", "$A $B:1", [])
    tokenizer.save(str(folder / "tokenizer.json"))
    program_file.save(lower(folder, "loihi2"), tmp_path / "p.tsp")
    return tmp_path / "p.tsp"


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_text_without_tokens(text, executor, bare, shell):
    assert shell.refusal(RUNTIME, "classify", bare, "w1", text, "--executor", executor) == NONE
    assert refused_by_call(bare, ["w1", text], executor) == NONE


def test_tokens_that_are_none(bare):
    with pytest.raises(InputError) as found:
        Encoder(program_file.load(bare)).rows([([4], [0]), ([], [])])
    assert str(found.value) == NONE


def test_texts_are_counted_over_batches(bare, monkeypatch):
    monkeypatch.setattr(batches, "_READ", 2)
    assert refused_by_call(bare, ["w1"] * 5 + [""]).startswith("text 6 has no tokens")


EMPTY = "warning: text 1 is empty: its answer is of no word at all\n"


def test_a_tokenizer_s_own_tokens_are_enough(program, shell):
    assert shell.run(RUNTIME, "classify", program, "")[::2] == (0, EMPTY)


# single texts and pairs


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_single_text_for_a_task_of_pairs(executor, shell, tmp_path):
    program = made(tmp_path, task="mrpc")
    assert shell.refusal(RUNTIME, "classify", program, "w1", "--executor", executor) == SINGLE
    assert refused_by_call(program, ["w1"], executor) == SINGLE


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_pair_for_a_task_of_single_texts(executor, shell, tmp_path):
    program = made(tmp_path)
    assert shell.refusal(RUNTIME, "classify", program, "--pairs", "w1", "w2", "--executor", executor) == PAIR
    assert refused_by_call(program, [("w1", "w2")], executor) == PAIR


def test_pairs_are_classified(shell, tmp_path):
    program = made(tmp_path, task="mrpc")
    code, out, err = shell.run(RUNTIME, "classify", program, "--pairs", "w1", "w2", "w3 w4", "w5")
    assert (code, err, [line.split("  ", 2)[2] for line in out.splitlines()]) == (0, "", ["w1 | w2", "w3 w4 | w5"])
    encoder = Encoder(program_file.load(program))
    logits = batches.answer(encoder, [("w1", "w2"), ("w3 w4", "w5")], "reference").logits
    assert [line.split()[0] for line in out.splitlines()] == [("not_equivalent", "equivalent")[n] for n in logits.argmax(1)]


def test_an_odd_text_is_no_pair(shell, tmp_path):
    expected = "3 texts are no pairs (hint: --pairs takes two texts for each)"
    assert shell.refusal(RUNTIME, "classify", made(tmp_path, task="mrpc"), "--pairs", "w1", "w2", "w3") == expected


def test_a_task_of_one_s_own_takes_both(shell, tmp_path):
    program = made(tmp_path, task="reviews")
    assert shell.run(RUNTIME, "classify", program, "w1")[::2] == (0, "")
    assert shell.run(RUNTIME, "classify", program, "--pairs", "w1", "w2")[::2] == (0, "")


def test_texts_that_rates_are_measured_on(shell, tmp_path):
    """One a line, a pair with a tab."""
    made(tmp_path, task="mrpc")
    (tmp_path / "texts").write_text("w1 w2\n")
    options = ("--out", tmp_path / "q.tsp", "--map", "--rates", tmp_path / "texts")
    assert shell.refusal(LOWER, tmp_path / "c", *options) == SINGLE
    (tmp_path / "texts").write_text("w1\tw2\nw3 w4\tw5\n")
    code, out, err = shell.run(LOWER, tmp_path / "c", *options)
    assert (code, err) == (0, "") and "measured on 2 texts of texts" in out
