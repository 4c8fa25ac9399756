"""A language model through which tokens flow, by the commands: in onnxruntime what it writes, scores and keeps is what `fast` does."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from command import runtime_main
from flow_modules import folded, tokenizer

import tritspike as ts
from tritspike.compiler.lower import lower
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.models.export import export
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import together
from tritspike.runtime.host.language import Sampling
from tritspike.runtime.host.text import Encoder

TEXT = " ".join(f"w{n * n % 37}" for n in range(40)) + "\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(program, text)."""
    folder = tmp_path_factory.mktemp("lm")
    export(folded(), tokenizer(), "lm", folder / "ck", {})
    program_file.save(lower(folder / "ck", "loihi2"), folder / "p.tsp")
    (folder / "text").write_text(TEXT)
    return folder / "p.tsp", folder / "text"


def said(capsys, *argv):
    assert runtime_main([str(a) for a in argv]) == 0
    return capsys.readouterr().out


def test_a_text_is_verified_and_scored(written, capsys):
    program, text = written
    assert said(capsys, "verify", program, "--executor", "onnx", "--data", text).startswith("equal: reference == onnx on 1 sample of 40 tokens")
    scores = [said(capsys, "perplexity", program, "--data", text, "--executor", name) for name in ("fast", "onnx")]
    assert len({re.sub("(fast|onnx), .* s$", "", score.strip()) for score in scores}) == 1 and "perplexity" in scores[0]


def test_a_text_goes_on_from_a_file(written, capsys, tmp_path):
    program, _ = written
    whole = said(capsys, "generate", program, "w1 w2", "--tokens", 8, "--temperature", 1)
    assert said(capsys, "generate", program, "w1 w2", "--tokens", 8, "--temperature", 1, "--executor", "onnx") == whole
    pieces = {}
    for name in ("fast", "onnx"):
        for prompt in ("w1 w2", "w3", "w4"):
            options = ("--tokens", 5, "--executor", name, "--state", tmp_path / name)
            pieces.setdefault(name, []).append(said(capsys, "generate", program, prompt, *options))
    assert pieces["onnx"] == pieces["fast"]
    with pytest.raises(TritspikeError, match="a state of "):
        said(capsys, "generate", program, "w5", "--executor", "fast", "--state", tmp_path / "onnx")


def test_many_texts_go_on_in_one_session(written):
    encoder, prompts = Encoder(program_file.load(written[0])), ["w1", "w2 w3 w4 w5 w6", "w7 w8"]
    samplings = [Sampling(temperature=1.0, seed=n) for n in range(3)]
    expected, found = (together.go_on(encoder, prompts, 6, samplings, name, How(threads=1)) for name in ("fast", "onnx"))
    assert found == expected and len(set(found)) > 1


def test_the_api_takes_it_by_name(written):
    model = ts.load(written[0])
    assert "reference == onnx" in str(ts.verify(model, executors=["onnx"]))
