"""Language models: what perplexity sums, what a window holds, what is sampled; and the two commands."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME, Shell
from hypothesis import given, settings
from hypothesis import strategies as st
from random_checkpoint import WORDS
from tokenizers import Tokenizer, models, pre_tokenizers

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import batches, language
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import How
from tritspike.runtime.host.language import GrowingPredictor, Predictor, Sampler, Sampling, Score
from tritspike.runtime.host.text import Encoder

SMALL = dict(readout="each", layers=2, hidden=16, heads=2, head_dim=4, ffn=12, steps=3, window=2, logit_scale=0.002)
TEXT = " ".join(np.random.default_rng(5).choice(WORDS[4:], 40))


def encoder_of(folder, seed=1, head="host", **changes) -> Encoder:
    return Encoder(lower(random_checkpoint.write(folder, seed, **SMALL | changes), "loihi2", head=head))


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


@pytest.fixture()
def program(tmp_path):
    path = tmp_path / "lm.tsp"
    program_file.save(encoder_of(tmp_path / "checkpoint", max_length=8).program, path)
    return path


@settings(max_examples=200)
@given(st.integers(0, 40), st.integers(1, 9), st.data())
def test_every_token_is_predicted_once_with_the_longest_past(tokens, length, data):
    stride, first = data.draw(st.integers(1, length)), data.draw(st.integers(1, 3))
    ids, seen = list(range(tokens)), []
    for w in language.windows(ids, length, stride, first):
        assert len(w.ids) <= length and list(w.ids) == ids[w.ids[0] : w.ids[0] + len(w.ids)]
        pasts = range(len(w.ids) - len(w.targets) + 1, len(w.ids) + 1)
        for target, past in zip(w.targets.tolist(), pasts):
            assert w.ids[past - 1] == target - 1
            assert past == target or past > length - stride
            seen.append(target)
    assert seen == list(range(first, tokens))


def test_a_stride_beyond_the_window_is_refused():
    with pytest.raises(InputError, match=r"^stride 5, allowed 1\.\.4, the window$"):
        list(language.windows([1, 2, 3], 4, 5))


@pytest.mark.parametrize("head", ["host", "chip"])
@pytest.mark.parametrize("stride", [1, 3, 8])
def test_a_score_is_what_the_reference_s_logits_say(tmp_path, stride, head):
    """Token by token on the reference, and the same float from every executor and batch size."""
    encoder = encoder_of(tmp_path / "c", head=head, max_length=8)
    found = language.score(encoder, TEXT, stride, "fast", How(threads=2))
    ids = encoder.tokenizer.encode(TEXT).ids[:-1]  # [CLS] and the words, without [SEP]
    nats = []
    for w in language.windows(ids, 8, stride):
        logits = batches.run(encoder.program, encoder.rows([(w.ids, [0] * len(w.ids))]), "reference").logits[-len(w.targets) :]
        scores = logits * (0.002 / (64 * 3))
        nats += [math.log(np.exp(row - row[t]).sum()) for row, t in zip(scores, w.targets)]
    assert found.tokens == 40 == len(nats) and found.words == 40 and found.size == len(TEXT.encode())
    assert found.nats == pytest.approx(math.fsum(nats), rel=1e-12)
    assert language.score(encoder, TEXT, stride, "reference", How()) == found
    figures = found.figures()
    assert figures["per_token"] == figures["per_word"] == pytest.approx(math.exp(found.nats / 40))
    assert figures["bits_per_byte"] == pytest.approx(found.nats / math.log(2) / len(TEXT))


def test_without_a_token_before_the_text_the_first_does_not_count(tmp_path):
    from tokenizers import processors

    encoder = encoder_of(tmp_path / "c", max_length=8)
    encoder.tokenizer.library.post_processor = processors.TemplateProcessing("$A", "$A $B", [])
    found = language.score(encoder, "w1 w22 w3", 4, "fast", How(threads=1))
    assert (found.tokens, found.words, found.size) == (2, 2, len("w22 w3"))
    with pytest.raises(InputError, match=r"^a text of 1 tokens: there is none to predict$"):
        language.score(encoder, "w1", 4, "fast", How(threads=1))


@given(st.integers(1, 300), st.integers(1, 40))
def test_a_full_window_starts_again_from_its_last_half(tokens, window):
    held, first = 0, 0
    for _ in range(tokens):
        if held == window:
            first, held = first + window - window // 2, window // 2
        held += 1
    assert language.held_from(tokens, window) == first


@pytest.mark.parametrize("length, window", [(1, 1), (2, 3), (5, 2), (8, 4)])
def test_generating_with_kept_spikes_is_recomputing(tmp_path, length, window):
    """Through several restarts: the same logits as plain runs of the reference on what the window holds."""
    encoder = encoder_of(tmp_path / "c", max_length=length, window=window)
    growing, plain = GrowingPredictor(encoder, "fast", How()), Predictor(encoder, "reference", How())
    ids, sampler = [5, 6, 7], Sampler(encoder.program, Sampling(temperature=1.0, seed=3))
    for _ in range(4 * length + 3):
        found = growing.next(ids)
        assert (found == plain.next(ids)).all()
        ids.append(sampler.pick(found))
    assert len(set(ids)) > 3


def test_sampling_keeps_to_its_options(tmp_path):
    program = encoder_of(tmp_path / "c").program
    logits = np.zeros(40, np.int64)
    logits[[3, 7]] = 10**9
    assert Sampler(program, Sampling()).pick(logits) == 3
    picks = [Sampler(program, Sampling(1.0, 1.0, seed)).pick(logits) for seed in range(60)]
    assert set(picks) == {3, 7} and 15 < picks.count(3) < 45
    assert {Sampler(program, Sampling(1.0, 0.4, seed)).pick(logits) for seed in range(20)} == {3}
    even = [Sampler(program, Sampling(1.0, 1.0, seed)).pick(0 * logits) for seed in range(300)]
    assert len(set(even)) == 40 and even == [Sampler(program, Sampling(1.0, 1.0, seed)).pick(0 * logits) for seed in range(300)]


def test_sampled_shares_are_the_softmax_s(tmp_path):
    program = encoder_of(tmp_path / "c").program
    logits = np.random.default_rng(0).integers(-(10**5), 10**5, 40)
    sampler = Sampler(program, Sampling(temperature=0.7, seed=1))
    counts = np.bincount([sampler.pick(logits) for _ in range(20_000)], minlength=40) / 20_000
    scores = logits * (0.002 / (64 * 3)) / 0.7
    expected = np.exp(scores) / np.exp(scores).sum()
    assert np.abs(counts - expected).max() < 0.012


# commands


def test_perplexity_says_window_and_stride(program, shell, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT + "\n")
    code, out, err = shell.run(RUNTIME, "perplexity", program, "--data", tmp_path / "text.txt", "--json", tmp_path / "r.json")
    assert (code, err) == (0, "") and out.startswith("text.txt: perplexity ")
    assert f"40 tokens, 40 words, {len(TEXT) + 1} bytes; window 8, stride 4, fast, " in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["per_token"] == pytest.approx(math.exp(report["nats"] / 40), abs=1e-5) and report["stride"] == 4
    again = shell.run(RUNTIME, "perplexity", program, "--data", tmp_path / "text.txt", "--stride", "4", "--executor", "reference")[1]
    assert again.rsplit(", ", 2)[0] == out.rsplit(", ", 2)[0]


@pytest.mark.parametrize("text", ["w1", "w1w2", "、".join(["吾輩は猫である"] * 400)])
def test_a_perplexity_that_no_float_holds_is_left_out_and_null(text, shell, tmp_path):
    """A word's, of a long text without white space."""
    folder = random_checkpoint.write(tmp_path / "c", 1, **SMALL | dict(max_length=8, logit_scale=0.5))
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    program_file.save(lower(folder, "loihi2"), tmp_path / "loud.tsp")
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    code, out, err = shell.run(RUNTIME, "perplexity", tmp_path / "loud.tsp", "--data", tmp_path / "text.txt", "--json", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    finite = report["nats"] < 709
    assert (code, err, report["words"]) == (0, "", 1) and finite == (len(text) < 10)
    assert ("a word," in out, report["per_word"] is not None) == (finite, finite)
    assert report["per_token"] == pytest.approx(math.exp(report["nats"] / report["tokens"]), abs=1e-5) and " a token, " in out


def test_a_score_of_white_space_has_no_words():
    assert Score(nats=4.0, tokens=2, words=0, size=2).figures() == {"per_token": math.exp(2), "per_word": None, "bits_per_byte": 2 / math.log(2)}
    assert Score(nats=1e6, tokens=1, words=1, size=0).figures() == {"per_token": None, "per_word": None, "bits_per_byte": None}


@pytest.mark.parametrize("options", [(), ("--temperature", "0.8", "--top-p", "0.9", "--seed", "4")])
def test_generate_goes_on_from_its_prompt_the_same_on_every_executor(program, shell, options):
    code, out, err = shell.run(RUNTIME, "generate", program, "w1 w2", "--tokens", 12, *options)
    assert (code, err) == (0, "") and out.startswith("w1 w2 ") and out.endswith("\n") and len(out.split()) == 14
    assert shell.run(RUNTIME, "generate", program, "w1 w2", "--tokens", 12, "--executor", "reference", *options)[1] == out


def test_what_is_generated_is_printed_as_it_is_found(program, shell, monkeypatch):
    from tritspike.runtime.commands import generate

    said = []
    monkeypatch.setattr(generate, "_put", lambda out, text: said.append(text))
    shell.run(RUNTIME, "generate", program, "w1", "--tokens", 3)
    assert [len(part.split()) for part in said] == [1, 1, 1, 1, 0] and said[-1] == "\n"


def test_the_text_ends_with_a_special_token(tmp_path):
    encoder = encoder_of(tmp_path / "c")
    first = list(language.generate(GrowingPredictor(encoder, "fast", How()), [5], 5, Sampler(encoder.program, Sampling())))
    encoder.tokenizer.library.add_special_tokens([WORDS[first[0]]])
    assert list(language.generate(GrowingPredictor(encoder, "fast", How()), [5], 5, Sampler(encoder.program, Sampling()))) == []


def test_verify_reads_a_text_file(program, shell, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    code, out, err = shell.run(RUNTIME, "verify", program, "--executor", "fast", "--data", tmp_path / "text.txt", "--limit", 3)
    assert (code, err) == (0, "") and out.startswith("equal: reference == fast on 3 samples")
