"""`import tritspike as ts`: what each name takes and gives."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import planted
import pytest
import random_checkpoint
from command import ROOT

import tritspike as ts
from tritspike import names
from tritspike.compiler.lower import lower
from tritspike.runtime import tables
from tritspike.runtime.errors import CheckpointError, FileError, InputError, MismatchError
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder

TEXTS = ["w1 w2 w3", "w4", "w5 w6", "w7 w8 w9"]


@pytest.fixture()
def model(checkpoint) -> ts.Model:
    return ts.load(checkpoint)


@pytest.fixture()
def language_model(tmp_path) -> ts.Model:
    return ts.load(random_checkpoint.write(tmp_path / "lm", readout="each"))


def test_a_string_is_one_text_a_list_many_and_anything_else_is_read_as_it_goes(model):
    logits = batches.answer(Encoder(model.program), TEXTS, "reference").logits
    assert model(TEXTS[0]).logits == tuple(logits[0])
    assert [a.logits for a in model(TEXTS)] == [tuple(row) for row in logits]
    found = model(text for text in TEXTS)
    assert iter(found) is found and [a.text for a in found] == TEXTS
    assert model([]) == []


def test_an_answer_has_label_score_logits_and_tokens(model):
    answer = model("w1 w2 w3")
    assert answer.label in model.labels and 0 < answer.score <= 1
    assert answer.label == model.labels[int(np.argmax(answer.logits))]
    assert answer.tokens[1:-1] == ("w1", "w2", "w3") or answer.tokens == ("w1", "w2", "w3")
    assert [label for label, _ in answer.ranked] == sorted(model.labels, key=lambda n: -dict(answer.ranked)[n])
    assert sum(share for _, share in answer.ranked) == pytest.approx(1)
    assert model("w1 w2 w3", top_k=1).ranked == answer.ranked[:1]


def test_every_executor_gives_the_same_logits(model):
    assert {model("w1 w2", executor=name).logits for name in ("fast", "reference")} == {model("w1 w2").logits}
    with pytest.raises(InputError, match="executor 'fats' is unknown"):
        model("w1", executor="fats")


def test_a_million_texts_are_not_held(model):
    drawn = []

    def texts():
        for n in range(1_000_000):
            drawn.append(n)
            yield "w1 w2"

    found = model(texts())
    next(found)
    assert len(drawn) < 20_000


def test_a_text_that_is_cut_is_warned_of_and_refused_where_that_was_asked_for(checkpoint):
    with pytest.warns(UserWarning, match="the rest is cut off"):
        ts.load(checkpoint)("w1 " * 99)
    with pytest.raises(InputError, match="the program was compiled for"):
        ts.load(checkpoint, strict=True)("w1 " * 99)


def test_models_are_loaded_from_programs_files_folders_and_names(model, checkpoint, tmp_path, monkeypatch):
    model.save(tmp_path / "p.tsp")
    for source in (model.program, model, tmp_path / "p.tsp", str(tmp_path / "p.tsp"), str(checkpoint)):
        assert ts.load(source)("w1 w2").logits == model("w1 w2").logits
    monkeypatch.setattr(names, "ZOO", tmp_path / "zoo")
    random_checkpoint.write(tmp_path / "zoo" / "ours", 3)
    assert ts.available() == ["ours"] and ts.load("ours").name == "ours"
    with pytest.raises(FileError, match=r"^our: no file, no folder, and no model of that name ships \(hint: ours\)$"):
        ts.load("our")


def test_a_name_is_no_way_out_of_the_zoo(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "ZOO", tmp_path / "zoo")
    random_checkpoint.write(tmp_path / "outside")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError):
        ts.load("zoo/../nothing")


def test_a_folder_that_is_no_checkpoint_says_what_is_expected(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"not a checkpoint \(hint: a checkpoint is a folder of config\.json"):
        ts.load(tmp_path / "empty")
    with pytest.raises(FileError, match="no such file"):
        ts.load(tmp_path / "missing.tsp")


def test_lower_is_the_compiler_s(checkpoint):
    assert program_file.to_bytes(ts.lower(checkpoint, "loihi2", length=5)) == program_file.to_bytes(lower(checkpoint, "loihi2", length=5))
    assert ts.lower(checkpoint).profile == lower(checkpoint, "auto").profile


def test_verify_says_what_is_equal_and_raises_what_is_not(model, monkeypatch):
    found = ts.verify(model, TEXTS)
    assert (found.executors, found.samples, found.populations) == (("reference", "fast"), 4, len(model.program.network.populations))
    assert found.cells > 0 and str(found).startswith("equal: reference == fast on 4 samples")
    assert ts.verify(model, random=3).samples == 3
    planted.replaced(monkeypatch, "fast", planted.flipped("layer.0.output"))
    with pytest.raises(MismatchError, match=r"^sample 0, step 0, layer\.0\.output\[0\]: reference \d != fast \d$"):
        ts.verify(model, TEXTS)


def test_evaluate_takes_pairs_of_text_and_label_and_a_glue_folder(model, tmp_path):
    labels = [int(np.argmax(a.logits)) for a in model(TEXTS)]
    assert ts.evaluate(model, zip(TEXTS, labels)).metrics == {"accuracy": 1.0}
    assert ts.evaluate(model, zip(TEXTS, [model.labels[n] for n in labels])).metrics == {"accuracy": 1.0}
    (tmp_path / "SST-2").mkdir()
    (tmp_path / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "".join(f"{text}\t{1 - n}\n" for text, n in zip(TEXTS, labels)))
    assert ts.evaluate(model, tmp_path).metrics == {"accuracy": 0.0}
    with pytest.raises(InputError, match="not for cola"):
        ts.evaluate(model, tmp_path, task="cola")
    for label in (2, "good", 0.5, None):
        with pytest.raises(ts.TritspikeError, match=r"example 1: label "):
            ts.evaluate(model, [("w1", label)])


def test_generate_is_what_stream_gives(language_model):
    text = ts.generate(language_model, "w1 w2", tokens=6)
    assert text == "w1 w2" + "".join(ts.stream(language_model, "w1 w2", tokens=6)) and len(text.split()) == 8
    sampled = {ts.generate(language_model, "w1", tokens=6, temperature=5.0, seed=seed) for seed in range(6)}
    assert len(sampled) > 1
    with pytest.raises(InputError, match="the prompt is empty"):
        ts.generate(language_model, "")


def test_perplexity_of_a_text_and_of_a_file(language_model, tmp_path):
    (tmp_path / "t.txt").write_text("w1 w2 w3 w4 " * 20)
    found = ts.perplexity(language_model, tmp_path / "t.txt")
    assert found == ts.perplexity(language_model, "w1 w2 w3 w4 " * 20) and 1 < found.per_token < found.per_word * 2


def test_the_two_kinds_of_models_name_what_each_is_for(model, language_model):
    with pytest.raises(InputError, match="it predicts no tokens"):
        ts.generate(model, "w1")
    with pytest.raises(InputError, match="a language model, which has no label for a text"):
        language_model("w1")


def test_a_program_prints_as_a_few_lines_and_shows_as_a_table(model):
    assert 3 <= len(str(model.program).splitlines()) <= 6 and len(repr(model.program)) < 120
    shown = model.program._repr_html_()
    assert shown.count("<tr>") == len(tables.rows(model.program.scheduled)) + 1
    assert all(p.name in shown or ".relay." in p.name for p in model.program.network.populations)
    assert repr(model).startswith("<Model ")


def test_every_public_name_is_there_and_documented():
    assert set(ts.__all__) == set(dir(ts)) and all(getattr(ts, name).__doc__ for name in ts.__all__ if name != "__version__")
    with pytest.raises(AttributeError):
        _ = ts.nothing


def test_importing_it_imports_nothing_heavy():
    code = "import sys, tritspike; print(len(set(sys.modules) & {'numpy', 'scipy', 'numba', 'rich', 'torch', 'tokenizers'}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "0\n"


def test_a_progress_bar_changes_no_answer(model, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model(TEXTS, progress=True) == model(TEXTS)


def test_the_readme_s_first_lines_of_python_work(monkeypatch):
    block = (ROOT / "README.md").read_text().split("```python\n", 1)[1].split("```", 1)[0]
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})


def test_names_find_paths_before_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sst2-ternary").mkdir()
    assert names.find("sst2-ternary") == Path("sst2-ternary")
