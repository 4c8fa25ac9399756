"""The history file: what goes in comes out, newest first, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tritspike.runtime.errors import FileError
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.spike_rates import Count
from tritspike.runtime.tasks.versus import comparison, runs
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import Asked, Digest, digest

TRUTH = [0, 1, 1, 0, 1, 1]


def side(name: str, guesses: list[float], **changes) -> Side:
    base = dict(
        source=name, kind="checkpoint", files=(Digest(f"{name}/config.json", 5, "ab" * 32), Digest(f"{name}/model.safetensors", 7, "cd" * 32))
    )
    numbers = dict(parameters=11, guesses=np.array(guesses, float), logits=np.zeros((6, 2)), tokens=np.full(6, 4))
    return Side(**base | numbers | dict(spikes={"x": Count(1, 4), "layer.0.query": Count(1, 2)}) | changes)


def compared(task: str = "sst2", b=(0, 1, 0, 1, 1, 1), truth=TRUTH) -> comparison.Comparison:
    asked = Asked(labelled.task_named(task), "data", "dev")
    operations = {"accumulates": 3.0, "multiplies": 0.0, "arithmetic pJ": 2.7, "with movement pJ": 9.0}
    right = side("right", [float(t) for t in truth], kind="program", operations=operations)
    return comparison.compare(asked, truth, Digest("data/dev.tsv", 9, "ef" * 32), right, side("other", list(b)), 50, 3)


def rows(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as found:
        return found.execute(query).fetchall()


def test_a_run_is_kept_with_its_bytes_and_its_result(tmp_path):
    path, kept = tmp_path / "runs.db", compared()
    runs.keep(path, "python -m runtime compare right other", kept)
    (found,) = runs.history(path)
    assert (found.task, found.split, found.examples, found.a, found.a_kind, found.b, found.b_kind) == (
        ("sst2", "dev", 6, "right", "program", "other", "checkpoint")
    )
    assert (found.metric, found.a_score, found.b_score) == ("accuracy", 1.0, pytest.approx(4 / 6))
    assert (found.points, found.p) == (pytest.approx(-100 / 3), 0.5) and found.agreement == {"equal predictions": pytest.approx(4 / 6)}
    assert (found.low, found.high) == (kept.interval.low, kept.interval.high) and found.low < found.high
    assert rows(path, "SELECT command, resamples, seed, only_a, only_b FROM run") == [("python -m runtime compare right other", 50, 3, 2, 0)]
    assert sorted(rows(path, "SELECT side, path, bytes, sha256 FROM file")) == [
        ("A", "right/config.json", 5, "ab" * 32),
        ("A", "right/model.safetensors", 7, "cd" * 32),
        ("B", "other/config.json", 5, "ab" * 32),
        ("B", "other/model.safetensors", 7, "cd" * 32),
        ("data", "data/dev.tsv", 9, "ef" * 32),
    ]
    ((rates, operations, mean),) = rows(path, "SELECT rates, operations, mean_rate FROM side WHERE side = 'A'")
    assert (json.loads(rates), mean) == ({"x": 0.25, "layer.0.query": 0.5}, 0.375) and json.loads(operations)["arithmetic pJ"] == 2.7
    assert rows(path, "SELECT operations FROM side WHERE side = 'B'") == [(None,)]
    assert rows(path, "PRAGMA user_version") == [(1,)]


def test_history_is_newest_first_and_by_task(tmp_path):
    path = tmp_path / "runs.db"
    for task in ("sst2", "rte", "sst2"):
        runs.require_usable(path)
        runs.keep(path, f"command {task}", compared(task))
    assert [r.task for r in runs.history(path)] == ["sst2", "rte", "sst2"]
    assert [r.task for r in runs.history(path, "rte")] == ["rte"] and runs.history(path, "qnli") == []
    assert len(runs.history(path, "sst2", 1)) == 1
    assert rows(path, "SELECT command FROM run ORDER BY id") == [("command sst2",), ("command rte",), ("command sst2",)]


@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_what_is_undefined_is_null(tmp_path):
    """A constant correlates with nothing: no metric, no interval, no p for regression."""
    constant = compared("stsb", [1.0] * 6, [0.0, 1, 2, 3, 4, 5])
    runs.keep(tmp_path / "runs.db", "command", constant)
    (found,) = runs.history(tmp_path / "runs.db")
    assert (found.a_score, found.b_score, found.points, found.low, found.high, found.p) == (1.0, None, None, None, None, None)
    assert found.agreement == {"spearman": None, "pearson": None}
    assert constant.worse_than(-100)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "runs.db"
    runs.keep(path, "first", compared())
    twice = side("twice", [0.0] * 6)
    broken = replace(compared(), b=replace(twice, files=twice.files * 2))  # one path twice is against the schema
    with pytest.raises(FileError, match="UNIQUE constraint failed"):
        runs.keep(path, "second", broken)
    assert [r.b for r in runs.history(path)] == ["other"]
    assert rows(path, "SELECT count(*) FROM run") == [(1,)] and rows(path, "SELECT count(*) FROM side") == [(2,)]


def test_points_are_free_of_rounding_errors():
    asked = Asked(labelled.task_named("sst2"), "data", "dev")
    truth, a, b = np.zeros(100), np.zeros(100), np.zeros(100)
    a[:16], b[:17] = 1, 1
    found = comparison.compare(asked, truth, Digest("d", 0, ""), side("a", a), side("b", b), 10, 0)
    assert found.metrics[1]["accuracy"] - found.metrics[0]["accuracy"] < -0.01  # 0.83 less 0.84, in binary
    assert found.points == -1 and not found.worse_than(-1) and found.worse_than(-0.999)


def test_a_digest_is_sha256_of_the_bytes(tmp_path):
    (tmp_path / "f").write_bytes(b"abc" * 1_000_000)
    assert digest(tmp_path / "f") == Digest(str(tmp_path / "f"), 3_000_000, hashlib.sha256(b"abc" * 1_000_000).hexdigest())


EDITS = {
    "UPDATE run SET examples = 'many'": "run 1 from the last: examples is many, allowed a whole number",
    "UPDATE run SET task = x'00ff'": "run 1 from the last: task is b'\\x00\\xff', allowed text",
    "UPDATE run SET points = 'x', p = 9e999": "points is x, allowed a finite number, or NULL; run 1 from the last: p is inf, allowed",
    "UPDATE side SET score = x'00'": "a_score is b'\\x00', allowed a finite number, or NULL",
    "UPDATE run SET agreement = '{'": "not a whole run 1 from the last: ",
    "UPDATE run SET agreement = '[]'": "holds list, not a JSON object",
    "UPDATE run SET agreement = x'7b7d80'": ": not a whole run 1 from the last: ",
    """UPDATE run SET agreement = '{"a": "b"}'""": "agreement: a is b, allowed a finite number",
    f"UPDATE run SET agreement = '{{\"a\": 1{'0' * 400}}}'": "not a whole run 1 from the last: ",
    f"UPDATE run SET agreement = '{'[' * 100_000}'": "nested too deeply",
    "UPDATE run SET task = CAST(x'ff' AS TEXT)": "not a run history that SQLite can use: Could not decode to UTF-8",
    "DROP TABLE side": "its table side is missing",
    "DROP TABLE run; CREATE VIEW run AS SELECT 1 AS id": "its table run is not the one that we write",
    "DROP TABLE run; CREATE TABLE run (id)": "its table run is not the one that we write",
    "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END": "holds the trigger 't', which we never write",
    "PRAGMA user_version = 2": "run history version 2, this runtime reads version 1",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_history_that_was_edited_by_hand_is_one_line(edit, tmp_path):
    path = tmp_path / "runs.db"
    runs.keep(path, "command", compared())
    with closing(sqlite3.connect(path)) as found:
        found.executescript(edit)
    with pytest.raises(FileError) as refusal:
        runs.history(path)
    assert str(refusal.value).startswith(f"{path}: ") and EDITS[edit] in str(refusal.value)


def test_what_would_change_what_is_written_is_refused_before_the_work(tmp_path):
    path = tmp_path / "runs.db"
    runs.keep(path, "command", compared())
    with closing(sqlite3.connect(path)) as found:
        found.executescript("CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END")
    with pytest.raises(FileError, match="holds the trigger"):
        runs.require_usable(path)


def test_texts_of_a_history_cannot_move_the_cursor(tmp_path):
    path = tmp_path / "runs.db"
    runs.keep(path, "command", compared())
    with closing(sqlite3.connect(path)) as found:
        found.executescript("UPDATE side SET source = 'a' || char(27) || '[2J' || char(10)")
    assert runs.history(path)[0].a == r"a\x1b[2J\n"


def test_a_fifo_is_no_history(tmp_path):
    os.mkfifo(tmp_path / "runs.db")
    for use in (runs.history, runs.require_usable):
        with pytest.raises(FileError, match=r"runs\.db: (cannot be written: )?a FIFO, not a regular file"):
            use(tmp_path / "runs.db")
