"""Prompts and texts that a language model cannot take, and programs given to the other kind's commands."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME
from tokenizers import normalizers, processors

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder

SIX = "w1 w2 w3 w4 w5 w6"  # and [CLS] before them: 7 tokens
LONG = "the prompt has 7 tokens, the window holds 6"


@pytest.fixture()
def language(tmp_path):
    path = tmp_path / "lm.tsp"
    small = dict(readout="each", layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=6)
    program_file.save(lower(random_checkpoint.write(tmp_path / "lm", **small), "loihi2"), path)
    return path


def test_a_long_prompt_slides_and_says_so(language, shell):
    code, out, err = shell.run(RUNTIME, "generate", language, SIX, "--tokens", 2)
    assert (code, err) == (0, f"warning: {LONG}: the first 3 are forgotten\n") and out.startswith(SIX + " ")


def test_a_long_prompt_is_refused_when_strict(language, shell):
    expected = f"{LONG} (hint: lower the checkpoint with a larger --length)"
    assert shell.refusal(RUNTIME, "generate", language, SIX, "--strict") == expected


@pytest.mark.parametrize("prompt", ["", "   ", "\n"])
def test_an_empty_prompt(prompt, language, shell):
    assert shell.refusal(RUNTIME, "generate", language, prompt) == "the prompt is empty (hint: give it at least one word)"


@pytest.mark.parametrize("token", [40, -1, 10**6])
def test_a_token_outside_the_vocabulary(token, language):
    encoder = Encoder(program_file.load(language))
    with pytest.raises(InputError, match=rf"^token {token} is outside the vocabulary, 0\.\.39$"):
        encoder.rows([([1, token], [0, 0])])


@pytest.mark.parametrize("command", [("classify", "w1"), ("glue", "--task", "stsb", "--data", "nowhere")])
def test_a_language_model_has_no_labels(command, language, shell):
    found = shell.refusal(RUNTIME, command[0], language, *command[1:])
    assert found == f"{language}: a language model, which has no label for a text (hint: generate or perplexity)"


def test_nor_has_it_through_the_api(language):
    with pytest.raises(InputError, match=r"^a language model has no label for a text"):
        batches.answer(Encoder(program_file.load(language)), ["w1"], "fast")


@pytest.mark.parametrize("command", [("generate", "w1"), ("perplexity", "--data", "nowhere")])
def test_an_encoder_predicts_no_tokens(command, program, shell):
    found = shell.refusal(RUNTIME, command[0], program, *command[1:])
    assert found == f"{program}: compiled for sst2, which labels whole texts: it predicts no tokens (hint: classify or glue)"


def test_texts_that_are_none(language, shell, tmp_path):
    text = tmp_path / "text.txt"
    assert shell.refusal(RUNTIME, "perplexity", language, "--data", text) == f"{text}: no such file or directory (hint: --data is a text file)"
    text.write_text(" \n")
    assert shell.refusal(RUNTIME, "perplexity", language, "--data", text) == f"{text}: the file is empty"
    text.write_bytes(b"w1 \xff")
    assert shell.refusal(RUNTIME, "perplexity", language, "--data", text) == f"{text}: not UTF-8 text: invalid start byte at byte 3"
    text.write_text("w1 w2")
    assert shell.refusal(RUNTIME, "perplexity", language, "--data", text, "--stride", 7) == "stride 7, allowed 1..6, the window"


def test_a_text_in_which_the_tokenizer_finds_nothing(shell, tmp_path):
    """Not a text of white space alone: this tokenizer knows one word, and drops the rest."""
    folder = random_checkpoint.write(tmp_path / "c", readout="each", layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=6)
    tokenizer = random_checkpoint.small_tokenizer()
    tokenizer.normalizer = normalizers.Replace("z", "")
    tokenizer.post_processor = processors.TemplateProcessing("$A", "$A $B:1", [])
    tokenizer.save(str(folder / "tokenizer.json"))
    program, text = tmp_path / "p.tsp", tmp_path / "text.txt"
    program_file.save(lower(folder, "loihi2"), program)
    text.write_text("zzz")
    expected = f"{text}: the program's tokenizer finds no tokens in it"
    assert shell.refusal(RUNTIME, "verify", program, "--executor", "fast", "--data", text) == expected
    assert shell.refusal(RUNTIME, "perplexity", program, "--data", text) == "a text of 0 tokens: there is none to predict"
    assert shell.refusal(RUNTIME, "generate", program, "zzz") == "the prompt is empty (hint: give it at least one word)"


@pytest.mark.parametrize(
    "options, expected",
    [
        (("--tokens", 0), "--tokens: 0 is not a whole number in 1..1,000,000,000"),
        (("--temperature", "-1"), "--temperature: -1 is not a number in 0.000001..1,000,000, or 0"),
        (("--temperature", "nan"), "--temperature: nan is not a number in 0.000001..1,000,000, or 0"),
        (("--temperature", "inf"), "--temperature: inf is not a number in 0.000001..1,000,000, or 0"),
        (("--top-p", "1.5"), "--top-p: 1.5 is not a number in 0..1"),
        (("--temperature", "1e-320"), "--temperature: 1e-320 is not a number in 0.000001..1,000,000, or 0"),
        (("--seed", "-1"), "--seed: -1 is not a whole number in 0..9,223,372,036,854,775,807"),
        (("--seed", 10**20), f"--seed: {10**20} is not a whole number in 0..9,223,372,036,854,775,807"),
        (("--tokens", "many"), "--tokens: many is not a whole number in 1..1,000,000,000"),
    ],
)
def test_option_out_of_range(options, expected, language, shell):
    code, out, err = shell.run(RUNTIME, "generate", language, "w1", *options)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"python -m runtime generate: error: argument {expected}")


def test_a_head_whose_sums_no_readout_holds_is_refused(tmp_path, shell):
    """On the chip: on the host there is no register to leave."""
    head = np.full((40, 16), 127, np.int8)
    folder = random_checkpoint.write(tmp_path / "loud", readout="each", steps=64, layers=1, tensors={"head.weight": head})
    assert shell.run(("compiler/lower.py",), folder, "--out", tmp_path / "host.tsp")[::2] == (0, "")
    expected = "readout: what spikes can gather in 64 steps in a membrane that is read is 130048, allowed up to 131071, not to fire"
    assert shell.run(("compiler/lower.py",), folder, "--out", tmp_path / "chip.tsp", "--head", "chip")[0] == 0
    wide = random_checkpoint.write(
        tmp_path / "wide", readout="each", steps=64, layers=1, hidden=17, tensors={"head.weight": np.full((40, 17), 127, np.int8)}
    )
    expected = expected.replace("130048", str(127 * 17 * 64))
    assert shell.lowering_refusal(wide, "--head", "chip").startswith(f"{expected} (hint: ")


def test_a_head_beyond_its_weights_is_refused(tmp_path, shell):
    folder = random_checkpoint.write(tmp_path / "c", readout="each", tensors={"head.weight": np.full((40, 16), -128, np.int8)})
    expected = f"{folder}/model.safetensors: tensor head.weight holds -128..-128, allowed -127..127"
    assert shell.lowering_refusal(folder) == expected
