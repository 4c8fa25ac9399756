"""Sweeps: what is varied, what is trained where, what is kept; with stand-ins for what needs torch, and one real training."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command import RUNTIME, model_main

from tritspike.runtime import children
from tritspike.runtime.errors import InputError
from tritspike.runtime.sweep import train, trials
from tritspike.runtime.sweep.grid import Axis, combinations, folder_name

CHECK = """
import json, sys
from pathlib import Path
option = lambda name: Path(sys.argv[sys.argv.index(name) + 1])
asked = json.loads(option("--settings").read_text())
if any("schedule.seed=-1" in some for some in asked):
    sys.exit("error: --set schedule.seed=-1: out of range")
said = {"task": "sst2", "metric": "accuracy", "greater": True, "base": {"of": sys.argv[1]}, "recipes": [{"set": some} for some in asked]}
option("--out").write_text(json.dumps(said))
"""
TRAIN = """
import json, os, sys
from pathlib import Path
out, some = Path(sys.argv[-1]), sys.argv[sys.argv.index("--set") + 1 : -2]
with open(out.parent / "ran.txt", "a") as ran:
    print(*some, file=ran)
if os.environ.get("FAILS") in some:
    sys.exit("error: out of luck")
assert "--no-dev" in sys.argv
(out / "model.safetensors").write_text(" ".join(some))
held_out = int(some[0].rpartition("=")[2]) / 1000
card = {"recipe": {"set": some}, "held_out_integer": held_out, "distance_integer": None, "mean_spike_rate": 0.1, "minutes": 2.0}
(out / "card.json").write_text(json.dumps(card))
(out / "config.json").write_text("{}")
"""


@pytest.fixture()
def sweep(tmp_path, monkeypatch, shell):
    """The command with stand-ins, run in a folder that has recipe.toml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "standing_check.py").write_text(CHECK)
    (tmp_path / "standing_train.py").write_text(TRAIN)
    (tmp_path / "recipe.toml").write_text("")
    monkeypatch.setattr(children, "_ROOT", tmp_path)
    monkeypatch.setattr(trials, "_CHECK", "standing_check")
    monkeypatch.setattr(train, "_MODULE", "standing_train")

    def run(*over, teacher="teacher", more=()):
        return shell.run(RUNTIME, "sweep", "recipe.toml", "--over", *over, "--teacher", teacher, "--out", "out", *more)

    return run


def ran() -> list[str]:
    return Path("out/ran.txt").read_text().splitlines() if Path("out/ran.txt").exists() else []


def kept() -> list[tuple]:
    with closing(sqlite3.connect("runs.db")) as found:
        return found.execute("SELECT settings, metric, held_out, distance, task FROM trial ORDER BY id").fetchall()


def test_every_combination_is_trained_once_and_kept(sweep):
    code, out, err = sweep("model.hidden=256,384", "schedule.seed=0,1")
    assert (code, len(kept())) == (0, 4), err
    assert ran() == [f"model.hidden={hidden} schedule.seed={seed}" for hidden in (256, 384) for seed in (0, 1)]
    assert kept()[2] == ('["model.hidden=384", "schedule.seed=0"]', "accuracy", 0.384, None, "sst2")
    rows = [line.split("│") for line in out.splitlines() if "0.384" in line or "0.256" in line]
    assert [row[1].strip() for row in rows] == ["384", "384", "256", "256"], "the best first"
    assert sweep("model.hidden=256,384", "schedule.seed=0,1")[0] == 0 and len(ran()) == 4 == len(kept())
    assert sweep("model.hidden=256,384", "schedule.seed=0,1,2")[0] == 0 and len(ran()) == 6 == len(kept())


def test_one_that_fails_does_not_end_the_others_and_is_tried_again(sweep, monkeypatch):
    monkeypatch.setenv("FAILS", "model.hidden=8")
    code, out, err = sweep("model.hidden=8,16")
    assert (code, len(kept()), "0.0160" in out) == (1, 1, True)
    assert err == f"error: {Path('out/model.hidden=8')}: out of luck\n"
    monkeypatch.delenv("FAILS")
    assert sweep("model.hidden=8,16")[0] == 0 and ran() == ["model.hidden=8", "model.hidden=16", "model.hidden=8"] and len(kept()) == 2


def test_a_training_that_was_done_but_not_kept_is_kept(sweep):
    sweep("model.hidden=8")
    Path("runs.db").unlink()
    assert sweep("model.hidden=8")[0] == 0 and len(ran()) == 1 == len(kept())


def test_on_a_cluster(sweep):
    """Its worker is a thread of this process, which has the stand-ins."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    with distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as cluster:
        where = cluster.scheduler_address.removeprefix("tcp://")
        code, _, err = sweep("model.hidden=8,16,32", more=("--cluster", where))
    assert (code, sorted(ran()), len(kept())) == (0, ["model.hidden=16", "model.hidden=32", "model.hidden=8"], 3), err


def test_what_would_mix_two_sweeps_is_refused(sweep):
    assert sweep("model.hidden=8")[0] == 0
    code, _, err = sweep("model.hidden=16", teacher="another")
    assert (code, err) == (1, "error: out: holds a sweep of another teacher (hint: another --out)\n")
    card = Path("out/model.hidden=8/card.json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"recipe": {}}))
    code, _, err = sweep("model.hidden=8")
    assert (code, err) == (1, "error: out/model.hidden=8: trained by another recipe (hint: another --out)\n") and len(ran()) == 1


def test_a_wrong_value_is_refused_before_any_training(sweep):
    code, _, err = sweep("schedule.seed=0,-1")
    assert (code, err) == (1, "error: --set schedule.seed=-1: out of range\n") and not Path("out").exists() and not Path("runs.db").exists()


def test_a_history_with_another_table_of_that_name_is_refused(sweep):
    assert sweep("model.hidden=8")[0] == 0
    with closing(sqlite3.connect("runs.db")) as other:
        other.executescript("DROP TABLE trial; CREATE TABLE trial (id INTEGER)")
    code, _, err = sweep("model.hidden=8")
    assert (code, err) == (1, "error: runs.db: its table trial is not the one that we write (hint: name another with --runs)\n")


def test_two_trainings_in_one_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_PATIENCE", 0.1)
    with train._alone(tmp_path):
        assert train.attempt(str(tmp_path), [], "0.0") is not None
        import tritspike

        assert "another training writes there" in str(train.attempt(str(tmp_path), [], tritspike.__version__))


@pytest.mark.parametrize(
    "word, values",
    [("a.b=1,2", ("1", "2")), ("a.b=[1,2],[3]", ("[1,2]", "[3]")), ("a.b='x,y',\"z\"", ("'x,y'", '"z"')), ("a.b=1e-3", ("1e-3",))],
)
def test_values_are_parted_at_commas(word, values):
    assert Axis.of(word) == Axis("a.b", values)


@pytest.mark.parametrize("word", ["a=1", "a.b", "a.b=", "a.b=1,,2", "a.b=1,", "a.b=1,1", "a.b=[1,2", "a.b='x", "=1"])
def test_what_is_no_axis_is_refused(word):
    with pytest.raises(InputError, match="--over"):
        combinations([word])


def test_combinations_are_refused_where_a_key_is_twice_or_there_are_too_many():
    with pytest.raises(InputError, match=r"names a\.b twice"):
        combinations(["a.b=1", "a.b=2"])
    with pytest.raises(InputError, match="makes 10,201 combinations"):
        combinations([f"a.{name}={','.join(map(str, range(101)))}" for name in "bc"])


def test_folders_have_names_of_their_own():
    some = [("a.b=1",), ("a.b=1", "c.d=2"), ("a.b='x'",), ('a.b="x"',), ("a.b=/x",), ("a.b=" + "9" * 300,), ("a.b=" + "9" * 301,)]
    names = [folder_name(s) for s in some]
    assert len(set(names)) == len(names) and names[1] == "a.b=1,c.d=2" and all("/" not in n and len(n) < 120 for n in names)


@pytest.fixture()
def small(tmp_path) -> list[object]:
    """A recipe, and the options that a training of it has."""
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from kill_training import SCHEDULE, SIZES, _encoder, _glue, _toml

    recipe = _toml(tmp_path / "sst2.toml", model=SIZES, schedule=SCHEDULE)
    return [recipe, "--teacher", _encoder(tmp_path / "teacher"), "--data", _glue(tmp_path / "glue"), "--threads", 1]


def test_it_trains_what_train_trains(small, shell, tmp_path):
    """To the same bytes."""
    setting, runs, alone = "schedule.seed=1", tmp_path / "runs.db", tmp_path / "alone"
    code, _, err = shell.run(RUNTIME, "sweep", *small, "--over", setting, "--out", tmp_path / "out", "--runs", runs)
    assert code == 0, err
    model_main("train")([str(word) for word in ("--config", *small, "--set", setting, "--out", alone, "--no-dev")])
    assert (tmp_path / "out" / setting / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()


def test_each_combination_has_a_recipe_of_its_own(small):
    from tritspike.models.varied import recipes

    found = recipes(small[0], [["model.hidden=16"], ["model.hidden=24"], ["schedule.seed=3"]])
    assert [(r["model"]["hidden"], r["schedule"]["seed"]) for r in (*found["recipes"], found["base"])] == [(16, 0), (24, 0), (16, 3), (16, 0)]
    assert (found["metric"], found["greater"]) == ("accuracy", True)
