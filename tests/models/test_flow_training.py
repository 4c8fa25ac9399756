"""Training a classifier through which texts flow, from floats to a program that every command takes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from command import lower_main, runtime_main

from tritspike.models import train as training
from tritspike.models.equality import compare
from tritspike.models.recipe import Recipe, recipe_from
from tritspike.models.student_options import LossWeights, Schedule
from tritspike.runtime.errors import InputError

MODEL = {"hidden": 32, "layers": 1, "ffn": 32, "traces": 16, "memory": [1, 4], "steps": 3, "slot": 12, "rank": 16}


def _recipe(**changes) -> Recipe:
    schedule = Schedule(
        float_steps=60, integer_steps=20, batch=16, rate=5e-3, held_out=50, check_every=20, calibration_batches=4, unlabelled=0, warm_up=5
    )
    return Recipe("sst2", MODEL, loss=LossWeights(logits=0.1, labels=1.0, rate=0.5), schedule=schedule, family="stream", **changes)


def _train(recipe, teacher, data, out, monkeypatch, **options):
    monkeypatch.setattr(training, "load_teacher", lambda source: teacher)
    source = training.source_of(recipe.schedule, str(data), (), out.parent / "cache")
    return training.train(recipe, "teacher", source, out, "", **options)


@pytest.fixture(scope="module")
def trained(task_data, teacher, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        out = tmp_path_factory.mktemp("run") / "out"
        card = _train(_recipe(), teacher, task_data, out, patch)
    lower_main([str(out), "--profile", "loihi2", "--out", str(out / "p.tsp")])
    return out, card


def said(capsys, *argv) -> str:
    assert runtime_main([str(a) for a in argv]) == 0
    return capsys.readouterr().out


def test_it_learns_and_its_program_says_the_same(trained, task_data):
    out, card = trained
    assert card["held_out_integer"] > 0.65
    found = compare(out, out / "p.tsp", str(task_data))
    assert found.sentences == 80 and found.all_equal


def test_the_card_s_accuracy_is_the_program_s(trained, task_data, capsys):
    out, card = trained
    for name in ("fast", "reference"):
        found = said(capsys, "glue", "--task", "sst2", out / "p.tsp", "--data", task_data, "--executor", name, "--json", out / "g.json")
        assert "accuracy" in found
        assert json.loads((out / "g.json").read_text())["accuracy"] == pytest.approx(card["dev"]["accuracy"], abs=1e-6)


def test_texts_are_classified_and_verified(trained, capsys, task_data):
    out, _ = trained
    found = said(capsys, "classify", out / "p.tsp", "w1 w2 w3", "w11 w12 w13 w14")
    assert re.search("positive|negative", found)
    assert said(capsys, "verify", out / "p.tsp", "--executor", "fast").startswith("equal: reference == fast")


def test_a_killed_run_ends_as_an_unbroken_one(trained, teacher, task_data, tmp_path, monkeypatch):
    out, card = trained

    class Killed(Exception):
        pass

    def die(self):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training.Trainer, "settle", die)
        with pytest.raises(Killed):
            _train(_recipe(), teacher, task_data, tmp_path / "out", patch)
    again = _train(_recipe(), teacher, task_data, tmp_path / "out", monkeypatch)
    assert again["curves"] == card["curves"] and again["dev"] == card["dev"]
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()


def test_what_is_of_other_models_is_refused(teacher, task_data, tmp_path, monkeypatch):
    recipe = _recipe()
    with pytest.raises(InputError, match=r"loss\.attention of a model through which tokens flow"):
        _train(replace(recipe, loss=LossWeights(attention=0.1)), teacher, task_data, tmp_path / "a", monkeypatch)


def test_a_run_starts_from_another(trained, teacher, task_data, tmp_path, monkeypatch):
    out, _ = trained
    few = replace(_recipe(), schedule=replace(_recipe().schedule, float_steps=1, integer_steps=1, rate=1e-9, check_every=1))
    card = _train(few, teacher, task_data, tmp_path / "a", monkeypatch, earlier=out)
    fresh = _train(few, teacher, task_data, tmp_path / "b", monkeypatch)
    assert card["curves"]["float"][0][1] < fresh["curves"]["float"][0][1]
    wider = replace(few, model=MODEL | {"hidden": 16})
    with pytest.raises(InputError, match="does not fit this recipe"):
        _train(wider, teacher, task_data, tmp_path / "c", monkeypatch, earlier=out)


@pytest.mark.parametrize("changes, message", [({"slot": 0}, r"model\.slot is 0"), ({"period": 2}, r"model\.period is 2")])
def test_a_recipe_says_what_is_wrong(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe_from({"task": "sst2", "family": "stream", "model": MODEL | changes})
