"""Data of one's own, by the documented commands: two tasks on one CSV file, three classes and a number, from a teacher to Lava."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tiny_encoder
from command import ROOT, lower_main, model_main, runtime_main

from tritspike import api as ts
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks.dataset import read
from tritspike.runtime.tasks.labelled import task_named

TINY = ["model.hidden=32", "model.ffn=32", "model.traces=8", "model.memory=[1,8]", "model.rank=16", "model.steps=2", "model.slot=40"]
SHORT = ["schedule.float_steps=120", "schedule.integer_steps=20", "schedule.augmented=60", "schedule.calibration_batches=3", "schedule.warm_up=5"]


@pytest.fixture(scope="module")
def tickets(tmp_path_factory) -> Path:
    """The example's folder, a second recipe beside its own, and a small encoder that was never trained."""
    folder = tmp_path_factory.mktemp("own") / "tickets"
    shutil.copytree(ROOT / "examples" / "tickets", folder)
    recipe = (folder / "recipe.toml").read_text()
    (folder / "urgent.toml").write_text(recipe.replace('"team.toml"', '"urgency.toml"'))
    texts = [e.first for e in read(task_named(str(folder / "team.toml")), str(folder), "train")]
    tiny_encoder.write(folder / "base", texts)
    return folder


@pytest.fixture(scope="module")
def made(tickets):
    """The program of a task, made once: fine-tune, train, lower."""
    done: dict[str, Path] = {}

    def program(task: str, recipe: str) -> Path:
        if task not in done:
            teacher, run, out = (tickets / f"{task}-{what}" for what in ("teacher", "run", "p.tsp"))
            options = ["--epochs", "12", "--rate", "3e-3", "--held-out", "30", "--checks", "2", "--batch", "16"]
            asked = ["--base", str(tickets / "base"), "--task", str(tickets / f"{task}.toml"), "--out", str(teacher)]
            model_main("finetune-teacher")([*asked, *options])
            settings = ["--set", *TINY, *SHORT, "--threads", "1"]
            model_main("train")(["--config", str(tickets / recipe), "--teacher", str(teacher), "--out", str(run), *settings])
            assert lower_main([str(run), "--profile", "loihi2", "--out", str(out)]) == 0
            done[task] = out
        return done[task]

    return program


def test_classes_from_a_csv_to_lava(tickets, made, capsys, tmp_path):
    program, task = made("team", "recipe.toml"), str(tickets / "team.toml")
    said = capsys.readouterr().err
    assert "240 training examples, 30 held out to judge by" in said and "rate 0.003, step 74 of 148: held-out accuracy" in said
    parts = [
        "reading and tokenising",
        "soft labels: ",
        "starting the student: ",
        "float step",
        "calibration: ",
        "folding to integers: ",
        "integer step",
    ]
    at = [said.rindex(part) for part in parts]
    assert at == sorted(at), "each long part is told before it begins"
    card = json.loads((tickets / "team-run" / "card.json").read_text())
    assert card["task"] == "tickets" and card["dev"]["accuracy"] > 0.6
    assert runtime_main(["glue", str(program), "--task", task, "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["examples"] == 60 and {name: report[name] for name in card["dev"]} == card["dev"]
    found = ts.load(program)
    assert found.labels == ("billing", "delivery", "account")
    assert found("my card was charged twice").label in found.labels
    assert ts.evaluate(program, task).metrics == {name: report[name] for name in ("accuracy", "macro_f1")}
    texts = [("I cannot log in", "account"), ("the parcel came broken", "delivery")]
    assert ts.evaluate(program, texts).metrics == {"accuracy": ts.evaluate(program, texts, task=task).metrics["accuracy"]}
    pytest.importorskip("lava", reason="Lava is not installed")
    capsys.readouterr()
    assert runtime_main(["verify", str(program), "--executor", "fast,lava", "--data", task, "--limit", "2"]) == 0
    assert "equal: reference == fast == lava on 2 sample" in capsys.readouterr().out


def test_a_number_from_a_csv(tickets, made, tmp_path):
    program, task = made("urgency", "urgent.toml"), str(tickets / "urgency.toml")
    card = json.loads((tickets / "urgency-run" / "card.json").read_text())
    assert runtime_main(["glue", str(program), "--task", task, "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert {name: report[name] for name in ("spearman", "pearson")} == card["dev"] and card["dev"]["spearman"] > 0.3
    assert program_file.load(program).classes == 1


def test_models_of_own_tasks_are_compared(tickets, made, tmp_path):
    program, task = made("team", "recipe.toml"), str(tickets / "team.toml")
    sides = [str(program), str(tickets / "team-run" / "float.json")]
    for other in (*sides, str(tickets / "team-teacher")):
        out = ["--runs", str(tmp_path / "runs.db"), "--json", str(tmp_path / "c.json")]
        assert runtime_main(["compare", str(program), other, "--task", task, "--resamples", "50", *out]) == 0
        assert json.loads((tmp_path / "c.json").read_text())["task"] == "tickets"


def test_another_task_s_labels_are_refused(tickets, made, tmp_path):
    program = made("team", "recipe.toml")
    said = (tickets / "team.toml").read_text()
    (tickets / "other.toml").write_text(said.replace('"billing", "delivery", "account"', '"delivery", "billing", "account"'))
    with pytest.raises(InputError, match="its labels are billing, delivery, account, those of tickets are delivery, billing, account"):
        ts.evaluate(program, str(tickets / "other.toml"))
    with pytest.raises(InputError, match=r"compiled for tickets, not for urgency \(hint: the task's own \.toml file\)"):
        ts.evaluate(program, str(tickets / "urgency.toml"))
