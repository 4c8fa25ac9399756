"""The table of all zoo runs: each line becomes a command that its module reads, and what a run starts from comes before it."""

from __future__ import annotations

import argparse
import json
import shlex
from itertools import takewhile
from pathlib import Path

import pytest

from tritspike.models import make_zoo
from tritspike.models.commands import finetune_teacher
from tritspike.models.recipe import plain, read_recipe, varied
from tritspike.runtime.errors import InputError

AT = make_zoo.Places("BASE", "DATA", ("reviews.xz",), Path("out"))


def test_every_task_with_data_has_a_teacher_and_a_ternary_and_a_binary_run():
    tasks = {t.task for t in make_zoo.TEACHERS}
    assert tasks == {"sst2", "stsb", "cola", "mrpc", "rte", "wnli"}
    assert {f"{task}-{kind}" for task in tasks for kind in ("ternary", "binary")} <= {run.name for run in make_zoo.STUDENTS}


@pytest.mark.parametrize("run", make_zoo.STUDENTS, ids=lambda run: run.name)
def test_recipes_take_their_settings_and_fit_what_they_start_from(run):
    recipe = varied(read_recipe(make_zoo.CONFIGS / f"{run.task}.toml"), run.settings)
    assert recipe.task == run.task and ("binary" in run.name) == (recipe.model["weights"] == "binary")
    if run.earlier is not None:
        (earlier,) = (r for r in make_zoo.STUDENTS if r.name == run.earlier)
        start = varied(read_recipe(make_zoo.CONFIGS / f"{earlier.task}.toml"), earlier.settings).model
        assert start | {"weights": ""} == recipe.model | {"weights": ""}


@pytest.mark.parametrize("card", sorted((make_zoo.CONFIGS.parent / "zoo").glob("*-binary/card.json")), ids=lambda path: path.parent.name)
def test_a_shell_reads_a_card_s_settings_as_they_were_meant(card):
    said = json.loads(card.read_text())
    words = shlex.split(said["command"])
    settings = list(takewhile(lambda word: not word.startswith("--"), words[words.index("--set") + 1 :]))
    recipe = varied(read_recipe(Path(words[words.index("--config") + 1])), settings)
    assert recipe.model["weights"] == "binary"
    for setting in settings:
        section, _, key = setting.partition("=")[0].partition(".")
        assert plain(recipe)[section][key] == said["recipe"][section][key]


def _parsed(arguments):
    parser = argparse.ArgumentParser()
    finetune_teacher.add_options(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("teacher", make_zoo.TEACHERS, ids=lambda run: run.task)
def test_teachers_commands_are_read_by_fine_tuning(teacher):
    options = finetune_teacher.options(_parsed(make_zoo.teacher_command(teacher, AT)))
    assert (options.task, options.epochs, options.rates, options.apart) == (teacher.task, teacher.epochs, teacher.rates, teacher.apart)
    assert not options.dev
    assert options.base == "BASE" and options.out == f"out/teachers/{teacher.task}"


def test_a_run_brings_what_it_starts_from():
    runs = make_zoo.needed(["mrpc-binary"])
    assert [run.name for run in runs] == ["stsb-start", "stsb-ternary", "mrpc-ternary", "mrpc-binary"]
    assert make_zoo.needed([]) == list(make_zoo.STUDENTS)
    with pytest.raises(InputError, match="run 'x' is unknown"):
        make_zoo.needed(["x"])


def test_dev_is_read_only_when_asked_for():
    (run,) = (r for r in make_zoo.STUDENTS if r.name == "sst2-binary")
    assert "--no-dev" in make_zoo.student_command(run, AT, dev=False) and "--no-dev" not in make_zoo.student_command(run, AT, dev=True)


@pytest.mark.parametrize(
    "setting", ["schedule.sed=1", "schedule.seed", "nothing.seed=1", "model.window='a", "seed=1", "start.embedding='x'", "start.loosened=0.5"]
)
def test_settings_that_no_recipe_has_are_refused(setting):
    with pytest.raises(InputError, match=r"^--set ") as caught:
        varied(read_recipe(make_zoo.CONFIGS / "sst2.toml"), [setting])
    assert "\n" not in str(caught.value)
