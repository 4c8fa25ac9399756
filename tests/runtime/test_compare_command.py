"""`python -m runtime compare` end to end: what it prints and keeps, and the gate on a checkpoint that was made worse on purpose."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME, Shell, spawn
from shipped import ZOO

from tritspike.compiler.lower import lower
from tritspike.names import NAMES
from tritspike.runtime import command_line
from tritspike.runtime.checkpoint import pack_codes, unpack_codes
from tritspike.runtime.commands.table import COMMANDS
from tritspike.runtime.files import read_json, read_tensors, write_tensors
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks.versus import run as versus
from tritspike.runtime.tasks.versus import runs

CHECKPOINT = ZOO / "sst2-one-chip"


@pytest.fixture()
def shell(capsys, tmp_path):
    return Shell(capsys, tmp_path)


@pytest.fixture()
def two(tmp_path):
    """Two random programs and a GLUE folder with their task's texts."""
    for name, seed in (("a", 0), ("b", 1)):
        program_file.save(lower(random_checkpoint.write(tmp_path / name, seed), "loihi2"), tmp_path / f"{name}.tsp")
    (tmp_path / "glue" / "SST-2").mkdir(parents=True)
    lines = [f"{text or 'w1'}\t{n % 2}" for n, text in enumerate(random_checkpoint.texts(1, 60, 12))]
    (tmp_path / "glue" / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "\n".join(lines) + "\n")
    return tmp_path


def compare(folder, *options):
    return "compare", folder / "a.tsp", folder / "b.tsp", "--task", "sst2", "--data", folder / "glue", "--runs", folder / "runs.db", *options


def test_it_prints_both_sides_and_the_pair(two, shell):
    code, out, err = shell.run(RUNTIME, *compare(two))
    assert (code, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == f"sst2 dev: 60 examples of {two}/glue/SST-2/dev.tsv"
    wanted = (
        "accuracy",
        "parameters",
        "bytes",
        "mean spike rate",
        "energy, uJ",
        "times less energy than a float model of its size",
        "layer.1.output",
    )
    assert all(any(line.startswith(f"│ {name} ") for line in rest) for name in wanted)
    assert rest[-3].startswith("accuracy, B - A: ") and rest[-3].endswith("(percentile bootstrap, 2,000 paired resamples, seed 0)")
    assert rest[-2].startswith("McNemar, exact: ") and rest[-1].startswith("agreement of A and B: equal predictions 0.")


def test_the_report_holds_all_of_it_and_agrees_with_glue(two, shell):
    report = two / "report.json"
    assert shell.run(RUNTIME, *compare(two, "--json", report, "--resamples", 100, "--seed", 4))[0] == 0
    found = json.loads(report.read_text(), parse_constant=pytest.fail)
    for name, file in (("A", two / "a.tsp"), ("B", two / "b.tsp")):
        assert shell.run(RUNTIME, "glue", file, "--task", "sst2", "--data", two / "glue", "--json", two / "glue.json", "--activity")[0] == 0
        alone = json.loads((two / "glue.json").read_text())
        assert found[name]["predictions"] == alone["predictions"] and found[name]["metrics"]["accuracy"] == pytest.approx(alone["accuracy"], abs=1e-6)
        content = file.read_bytes()
        assert found[name]["files"] == [{"path": str(file), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}]
        assert found[name]["operations"]["accumulates"] > sum(alone["events"].values()) / 60
    a, b = (np.array(found[name]["predictions"]) for name in "AB")
    truth = np.arange(60) % 2
    assert found["points"] == pytest.approx(100 * ((b == truth).mean() - (a == truth).mean()))
    assert found["agreement"] == {"equal predictions": (a == b).mean()} and (a != b).any()
    assert found["mcnemar"]["only_a"] == ((a == truth) & (b != truth)).sum()
    assert found["interval"]["low"] <= found["points"] <= found["interval"]["high"] and found["interval"]["seed"] == 4


def test_the_history_is_printed_newest_first(two, shell):
    for limit in (10, 20):
        assert shell.run(RUNTIME, *compare(two, "--limit", limit))[0] == 0
    code, out, _ = shell.run(RUNTIME, "compare", "--history", "--runs", two / "runs.db")
    assert code == 0 and out.index("sst2 dev, 20") < out.index("sst2 dev, 10")
    out = shell.run(RUNTIME, "compare", "--history", "--task", "rte", "--runs", two / "runs.db")[1]
    assert "sst2" not in out
    (last, _) = runs.history(two / "runs.db")
    assert last.examples == 20


def test_the_default_history_is_runs_db_where_one_stands(two, shell, monkeypatch):
    monkeypatch.chdir(two)
    assert shell.run(RUNTIME, *compare(two)[:-2])[0] == 0
    assert len(runs.history(two / "runs.db")) == 1


def test_regression_has_correlations_and_no_mcnemar(tmp_path, shell):
    for name, seed in (("a", 0), ("b", 1)):
        folder = random_checkpoint.write(tmp_path / name, seed, task="stsb", labels=[], classes=1)
        program_file.save(lower(folder, "loihi2"), tmp_path / f"{name}.tsp")
    (tmp_path / "glue" / "STS-B").mkdir(parents=True)
    texts = random_checkpoint.texts(2, 40, 6)
    rows = [f"{a or 'w1'}\t{b or 'w2'}\t{n % 6}" for n, (a, b) in enumerate(zip(texts, texts[::-1]))]
    (tmp_path / "glue" / "STS-B" / "dev.tsv").write_text("sentence1\tsentence2\tscore\n" + "\n".join(rows) + "\n")
    options = ("--task", "stsb", "--data", tmp_path / "glue", "--runs", tmp_path / "runs.db", "--json", tmp_path / "r.json")
    code, out, _ = shell.run(RUNTIME, "compare", tmp_path / "a.tsp", tmp_path / "b.tsp", *options)
    assert code == 0 and "McNemar" not in out and "agreement of A and B: spearman " in out
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["mcnemar"] is None and set(found["agreement"]) == {"spearman", "pearson"} == set(found["A"]["metrics"])
    assert found["interval"]["low"] < found["points"] < found["interval"]["high"]


def test_a_checkpoint_is_lowered_where_something_lowers(two, shell, monkeypatch):
    """Without torch, with its energy, and as its program answers; `python -m runtime`, which lowers nothing, says how to get the energy."""
    monkeypatch.setattr(versus, "_MODULE", "models_that_are_not_here.predict")
    options = ["compare", two / "a.tsp", two / "a", "--task", "sst2", "--data", two / "glue", "--runs", two / "runs.db", "--json", two / "r.json"]
    assert command_line.main(COMMANDS, "tritspike", [str(part) for part in options], NAMES) == 0
    found = json.loads((two / "r.json").read_text())
    assert (found["A"]["kind"], found["B"]["kind"]) == ("program", "checkpoint") and found["B"]["files"][0]["path"].endswith("config.json")
    for name in ("operations", "predictions", "spike rates", "parameters"):
        assert found["A"][name] == found["B"][name] and found["B"][name]
    assert "lower it" not in shell.capsys.readouterr().out
    assert "models_that_are_not_here" in shell.refusal(RUNTIME, *options[:-2])


# the gate that a new checkpoint has to pass


def worsened(folder: Path) -> Path:
    """The shipped checkpoint with half of both layers' FFN codes flipped: the residuals carry it a good part of the way even so."""
    shutil.copytree(CHECKPOINT, folder)
    config, (arrays, _) = read_json(folder / "config.json"), read_tensors(folder / "model.safetensors")
    rng = np.random.default_rng(0)
    for name, columns in ((f"layer.{n}.{part}", config[width]) for n in (0, 1) for part, width in (("hidden", "hidden"), ("output", "ffn"))):
        codes = unpack_codes(arrays[f"{name}.codes"], columns, config["weights"])
        flipped = np.where(rng.random(codes.shape) < 1 / 2, -codes, codes).astype(np.int8)
        arrays[f"{name}.codes"] = pack_codes(flipped, config["weights"])
    write_tensors(folder / "model.safetensors", arrays)
    return folder


@pytest.fixture(scope="module")
def good_and_bad(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    for name, checkpoint in (("good", CHECKPOINT), ("bad", worsened(folder / "bad"))):
        program_file.save(lower(checkpoint, "loihi2"), folder / f"{name}.tsp")
    return folder


def gate(folder, b, glue_dir, least):
    options = ("--task", "sst2", "--data", glue_dir, "--fail-below", least, "--runs", folder / "runs.db")
    return "compare", folder / "good.tsp", folder / f"{b}.tsp", *options


def test_the_gate_stops_a_checkpoint_that_is_worse(good_and_bad, glue_dir):
    code, out, err = spawn(RUNTIME, *gate(good_and_bad, "bad", glue_dir, -1))
    last = runs.history(good_and_bad / "runs.db")[0]
    assert last.points < -3 and last.high < 0 and last.p < 0.05
    assert (code, err) == (4, f"worse: accuracy, B - A is {last.points:+.2f} points, --fail-below allows -1.00\n")
    assert f"accuracy, B - A: {last.points:+.2f} points" in out


def test_the_gate_lets_an_equal_one_pass(good_and_bad, glue_dir):
    code, out, err = spawn(RUNTIME, *gate(good_and_bad, "good", glue_dir, -1))
    assert (code, err) == (0, "") and "accuracy, B - A: +0.00 points" in out
    card = json.loads((CHECKPOINT / "card.json").read_text())
    assert runs.history(good_and_bad / "runs.db")[0].b_score == pytest.approx(card["dev"]["accuracy"], abs=1e-6)


def test_a_gate_above_nothing_wants_an_improvement(good_and_bad, glue_dir, shell):
    code, _, err = shell.run(RUNTIME, *gate(good_and_bad, "good", glue_dir, 0.5))
    assert (code, err) == (4, "worse: accuracy, B - A is +0.00 points, --fail-below allows +0.50\n")
