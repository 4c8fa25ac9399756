"""`compare`: sources that are none of the four kinds, histories that are not ours, a child process that fails. Nothing is kept of any."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME, message, spawn
from safetensors.numpy import save

from tritspike.compiler.lower import lower
from tritspike.runtime import children, install
from tritspike.runtime.errors import FileError, SourceError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks.labelled import task_named
from tritspike.runtime.tasks.versus import run, runs, side
from tritspike.runtime.tasks.versus.sources import FORMAT, Asked, kind_of


@pytest.fixture()
def data(tmp_path) -> Path:
    (tmp_path / "glue" / "SST-2").mkdir(parents=True)
    (tmp_path / "glue" / "SST-2" / "dev.tsv").write_text("sentence\tlabel\nw1 w2\t1\nw3\t0\n")
    return tmp_path / "glue"


def compare(a, b, data, *options):
    return "compare", a, b, "--task", "sst2", "--data", data, "--runs", Path(data).parent / "runs.db", *options


# sources


def test_missing(program, data, shell, tmp_path):
    for a, b in ((program, tmp_path / "none"), (tmp_path / "none", program)):
        assert shell.refusal(RUNTIME, *compare(a, b, data)) == f"{tmp_path}/none: no such file or directory"


def _folder(path: Path, config: object) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    return path


def _trained(path: Path) -> Path:
    path.mkdir()
    (path / "float.json").write_text("{}")
    return path


def _pickled(path: Path) -> Path:
    (_folder(path, {"model_type": "bert"}) / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    return path


def _cut(path: Path) -> Path:
    (random_checkpoint.write(path) / "tokenizer.json").unlink()
    return path


def _json(path: Path, content: object) -> Path:
    (path.with_suffix(".json")).write_text(json.dumps(content))
    return path.with_suffix(".json")


FLOAT = {"recipe": {"task": "sst2", "model": {}}, "vocabulary": 40, "classes": 2}
NEITHER = f"neither a checkpoint's ('format': {FORMAT!r}) nor a transformers model's ('model_type')"
NO_FLOAT = "not the float.json of a float student (hint: models.train writes one)"
SOURCES = [
    (lambda p: _folder(p, {"layers": 2}), "{}/config.json: " + NEITHER),
    (lambda p: _folder(p, {"format": "other"}), "{}/config.json: " + NEITHER),
    (lambda p: _folder(p, {"model_type": "bert"}), "{}: no .safetensors weights; pickled ones can run code and are not read"),
    (_pickled, "{}: no .safetensors weights; pickled ones can run code and are not read"),
    (lambda p: _folder(p, [1]), "{}/config.json: holds list, not a JSON object"),
    (lambda p: _folder(p, {"format": FORMAT, "version": 1}), "{}/model.safetensors: no such file or directory"),
    (_trained, "{0}: no config.json (hint: its float student is {0}/float.json)"),
    (lambda p: (p.mkdir(), p)[1], "{}: no config.json"),
    (_cut, "{}/tokenizer.json: no such file or directory"),
    (lambda p: random_checkpoint.write(p, task="rte"), "{}: trained for rte, not for sst2 (hint: --task rte)"),
    (lambda p: random_checkpoint.write(p, weights="quaternary"), "{}/config.json: weights is 'quaternary', allowed ternary, binary"),
    (lambda p: _json(p, {}), "{}: recipe is None: " + NO_FLOAT),
    (lambda p: _json(p, FLOAT | {"recipe": "small"}), "{}: recipe is 'small': " + NO_FLOAT),
    (lambda p: _json(p, FLOAT | {"vocabulary": "40"}), "{}: vocabulary is '40': " + NO_FLOAT),
    (lambda p: _json(p, FLOAT), "{parent}/source.safetensors: no such file or directory"),
]


@pytest.mark.parametrize("make, expected", SOURCES)
def test_a_source_that_is_not_whole(make, expected, program, data, shell, tmp_path):
    source = make(tmp_path / "source")
    wanted = expected.format(source, parent=source.parent)
    assert shell.refusal(RUNTIME, *compare(program, source, data)) == wanted


def test_a_float_student_of_another_task(program, data, shell, tmp_path):
    source = _json(tmp_path / "float", FLOAT | {"recipe": {"task": "rte", "model": {}}})
    for name in ("float.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"")
    assert shell.refusal(RUNTIME, *compare(program, source, data)) == f"{source}: trained for rte, not for sst2 (hint: --task rte)"


def test_a_program_of_another_task(program, data, shell, tmp_path):
    other = tmp_path / "rte.tsp"
    program_file.save(lower(random_checkpoint.write(tmp_path / "rte", task="rte", layers=1), "loihi2"), other)
    assert shell.refusal(RUNTIME, *compare(program, other, data)) == f"{other}: compiled for rte, not for sst2 (hint: --task rte)"


def test_a_program_that_is_damaged(program, data, shell, tmp_path):
    damaged = tmp_path / "damaged.tsp"
    damaged.write_bytes(program.read_bytes()[:-1])
    size = damaged.stat().st_size
    assert shell.refusal(RUNTIME, *compare(program, damaged, data)) == f"{damaged}: not a whole safetensors file ({size} bytes): truncated or damaged"


def test_every_kind_is_known_by_its_content(program, tmp_path):
    assert kind_of(program) == "program" and kind_of(random_checkpoint.write(tmp_path / "c")) == "checkpoint"
    (_folder(tmp_path / "t", {"model_type": "bert"}) / "model.safetensors").write_bytes(b"")
    assert kind_of(tmp_path / "t") == "teacher" and kind_of(_json(tmp_path / "float", FLOAT)) == "float student"


# options


@pytest.mark.parametrize("left, missing", [((), "A"), (("a",), "B"), (("a", "b"), "--task"), (("a", "b", "--task", "sst2"), "--data")])
def test_too_few_arguments(left, missing, shell):
    code, out, err = shell.run(RUNTIME, "compare", *left)
    expected = f"python -m runtime compare: error: {missing} is missing: A B --task T --data DIR, or --history, are needed"
    assert (code, out, err.splitlines()[-1]) == (2, "", expected)


@pytest.mark.parametrize(
    "options, expected",
    [
        (("--fail-below", "nan"), "--fail-below: nan is not a number in -200..200"),
        (("--fail-below", "inf"), "--fail-below: inf is not a number in -200..200"),
        (("--resamples", 0), "--resamples: 0 is not a whole number in 1..1,000,000"),
        (("--resamples", 10**9), "--resamples: 1000000000 is not a whole number in 1..1,000,000"),
        (("--seed", -1), "--seed: -1 is not a whole number in 0..9,223,372,036,854,775,807"),
        (("--seed", 10**20), f"--seed: {10**20} is not a whole number in 0..9,223,372,036,854,775,807"),
        (("--limit", 10**14), "--limit: 100000000000000 is not a whole number in 1..1,000,000,000"),
    ],
)
def test_option_out_of_range(options, expected, program, data, shell):
    code, out, err = shell.run(RUNTIME, *compare(program, program, data, *options))
    assert (code, out, err.splitlines()[-1]) == (2, "", f"python -m runtime compare: error: argument {expected}")


def test_unknown_task_and_missing_data(program, data, shell, tmp_path):
    assert shell.refusal(RUNTIME, "compare", program, program, "--task", "sst3", "--data", data).startswith("task 'sst3' is unknown (hint: one of ")
    expected = f"{tmp_path}/SST-2/dev.tsv: no such file (hint: --data must hold SST-2/dev.tsv in the GLUE layout)"
    assert shell.refusal(RUNTIME, *compare(program, program, tmp_path, "--runs", tmp_path / "runs.db")) == expected


def test_a_report_that_cannot_be_written(program, data, shell, tmp_path):
    expected = f"{tmp_path}/missing/r.json: cannot be written: No such file or directory (hint: make the folder {tmp_path}/missing first)"
    assert shell.refusal(RUNTIME, *compare(program, program, data, "--json", tmp_path / "missing" / "r.json")) == expected


# histories


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE note (text)")


def _later(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA application_id = {runs.APPLICATION}")
        other.execute("PRAGMA user_version = 2")


def _half(path: Path) -> None:
    with closing(sqlite3.connect(path)) as ours:
        for statement in runs._SCHEMA:
            ours.execute(statement)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _without_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as ours:
        ours.execute(f"PRAGMA application_id = {runs.APPLICATION}")
        ours.execute("PRAGMA user_version = 1")


ANOTHER = " (hint: name another with --runs)"
UNUSABLE = "not a run history that SQLite can use: "
HISTORIES = [
    (lambda p: p.write_bytes(b"a text file, long enough to be looked at" * 9), UNUSABLE + "file is not a database"),
    (_half, UNUSABLE + "database disk image is malformed"),
    (_foreign, "an SQLite file, but not a history of our runs" + ANOTHER),
    (_later, "run history version 2, this runtime reads version 1" + ANOTHER),
    (Path.mkdir, "is a directory"),
]


@pytest.mark.parametrize("make, expected", HISTORIES)
def test_a_history_that_is_not_ours(make, expected, program, data, shell, tmp_path):
    """The same line before any work as when it is to be read."""
    path = tmp_path / "runs.db"
    make(path)
    assert shell.refusal(RUNTIME, *compare(program, program, data)) == f"{path}: {expected}"
    assert shell.refusal(RUNTIME, "compare", "--history", "--runs", path) == f"{path}: {expected}"


def test_a_history_without_its_tables(shell, tmp_path):
    path = tmp_path / "runs.db"
    _without_tables(path)
    assert shell.refusal(RUNTIME, "compare", "--history", "--runs", path) == f"{path}: its table run is missing (hint: name another with --runs)"


def test_a_history_in_a_real_process(tmp_path):
    path = tmp_path / "runs.db"
    _foreign(path)
    code, out, err = spawn(RUNTIME, "compare", "--history", "--runs", path)
    assert (code, out, message(err)) == (1, "", f"{path}: an SQLite file, but not a history of our runs{ANOTHER}")


def test_no_history_yet(program, data, shell, tmp_path):
    path = tmp_path / "runs.db"
    expected = f"{path}: no such file or directory (hint: compare A with B first, or name the history with --runs)"
    assert shell.refusal(RUNTIME, "compare", "--history", "--runs", path) == expected
    path.write_bytes(b"")
    assert shell.run(RUNTIME, "compare", "--history", "--runs", path)[::2] == (0, "")
    assert shell.run(RUNTIME, *compare(program, program, data))[0] == 0 and len(runs.history(path)) == 1


def test_a_history_in_a_folder_that_is_not_there(program, data, shell, tmp_path):
    expected = f"{tmp_path}/missing/runs.db: cannot be written: No such file or directory (hint: make the folder {tmp_path}/missing first)"
    assert shell.refusal(RUNTIME, *compare(program, program, data, "--runs", tmp_path / "missing" / "runs.db")) == expected


def test_a_history_that_another_process_holds(program, data, shell, tmp_path, monkeypatch):
    path, connect = tmp_path / "runs.db", sqlite3.connect
    assert shell.run(RUNTIME, *compare(program, program, data))[0] == 0
    monkeypatch.setattr(sqlite3, "connect", lambda *arguments, **options: connect(*arguments, timeout=0.01, **options))
    with closing(connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FileError) as caught:
            runs.require_usable(path)
    assert str(caught.value) == f"{path}: {UNUSABLE}database is locked"


# the child process


@pytest.fixture()
def asked(data) -> Asked:
    return Asked(task_named("sst2"), str(data))


CHILDREN = [
    ("raise SystemExit('error: what it says')", "what it says"),
    ("import torch_that_is_not_here", "{}: needs torch to run, which is not here: ModuleNotFoundError: No module named 'torch_that_is_not_here'"),
    ("raise RuntimeError('out of luck')", "{}: answering ended with 1: RuntimeError: out of luck"),
    ("import os; os._exit(7)", "{}: answering ended with 7: nothing on stderr"),
]


@pytest.mark.parametrize("body, expected", CHILDREN)
def test_a_child_that_fails(body, expected, asked, small, tmp_path, monkeypatch):
    (tmp_path / "answering.py").write_text(body + "\n")
    monkeypatch.setattr(children, "_ROOT", tmp_path)
    monkeypatch.setattr(run, "_MODULE", "answering")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError) as caught:
        run.run_child(small, asked)
    hint = f" (hint: {install.command('train')}, or lower it and give the .tsp)" if "needs torch" in expected else ""
    assert str(caught.value) == expected.format(small) + hint


def test_models_that_is_not_installed(program, small, data, shell, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_MODULE", "models_that_are_not_here.predict")
    found = shell.refusal(RUNTIME, *compare(program, small, data))
    assert found.startswith(f"{small}: needs torch to run, which is not here: {sys.executable}: ") and "models_that_are_not_here" in found


@pytest.mark.parametrize("metadata", [None, {"tritspike": "{}"}, {"tritspike": "{"}])
def test_an_answer_that_is_not_whole(metadata, tmp_path):
    path = tmp_path / "side.safetensors"
    path.write_bytes(save({"guesses": np.zeros(3)}, metadata))
    with pytest.raises(FileError, match=r"not a whole answer of models\.predict"):
        side.load(path)


def test_an_answer_of_another_version(tmp_path):
    path = tmp_path / "side.safetensors"
    path.write_bytes(save({"guesses": np.zeros(3)}, {"tritspike": json.dumps({"format": side.FORMAT, "version": 2})}))
    with pytest.raises(FileError, match="not tritspike-side version 1"):
        side.load(path)
