"""What is mistyped is told before torch is imported: here torch ends whatever imports it, and the hub is a port that nobody listens on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from command import ROOT, message

GIVEN = "{at}/teacher"
TRAIN = {"--config": "{at}/r.toml", "--teacher": GIVEN, "--data": "{at}/glue", "--out": "{at}/out"}
TUNE = {"--base": GIVEN, "--task": "sst2", "--data": "{at}/glue", "--out": "{at}/out"}
SCRATCH = {"--data": "{at}/wiki", "--out": "{at}/out"}
FOLDER, UNSET = "no such folder (hint: a folder, or owner/name on the hub)", "no such folder (hint: is a variable of the shell not set?)"
FILES = {
    "r.toml": 'task = "sst2"\n',
    "lm.toml": 'task = "lm"\n',
    "topic.toml": 'name = "topics"\ntext = "message"\nlabel = "topic"\n',
    "own.toml": 'task = "topics/topic.toml"\n',
    "topics/topic.toml": 'name = "topics"\ntext = "message"\nlabel = "topic"\nlabels = ["a", "b"]\n[files]\ntrain = "train.csv"\n',
    "topics/train.csv": "",
    "teacher/config.json": "{}",
    "glue/SST-2/train.tsv": "sentence\tlabel\ngood\t1\n",
    "glue/SST-2/dev.tsv": "sentence\tlabel\ngood\t2\n",
}


@pytest.fixture()
def told(tmp_path):
    """What follows `error: ` where a command is given `options` over its usual ones."""
    for name, content in FILES.items() | {("stubs/torch.py", 'raise SystemExit("torch was imported")\n')}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    path = os.pathsep.join([str(tmp_path / "stubs"), str(ROOT)])
    env = os.environ | {"PYTHONPATH": path, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")}

    def told(command, usual, options):
        words = [word.format(at=tmp_path) for pair in (usual | options).items() for word in pair]
        done = subprocess.run([sys.executable, "-m", "tritspike", command, *words], env=env, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        return message(done.stderr).replace(str(tmp_path), "{at}")

    return told


@pytest.mark.parametrize("source, said", [("/none/x", f"/none/x: {FOLDER}"), ("./x", f"./x: {FOLDER}"), ("{at}/r.toml", "{at}/r.toml: a file")])
def test_a_teacher_that_is_no_folder(source, said, told):
    assert told("train", TRAIN, {"--teacher": source}).startswith(said)
    assert told("finetune-teacher", TUNE, {"--base": source}).startswith(said)


def test_a_variable_that_is_not_set(told):
    assert told("train", TRAIN, {"--teacher": ""}) == f"--teacher is empty: {UNSET}"
    assert told("finetune-teacher", TUNE, {"--base": ""}) == f"--base is empty: {UNSET}"


@pytest.mark.parametrize("source", ["nothere", "my/minilm"])
def test_a_name_that_may_be_on_the_hub(source, told):
    assert told("train", TRAIN, {"--teacher": source}).startswith(f"{source}: no such folder, and the hub was not reached: ")
    assert told("finetune-teacher", TUNE, {"--base": source}).startswith(f"{source}: no such folder, and the hub was not reached: ")


@pytest.mark.parametrize(
    "options, said",
    [
        ({"--config": "{at}/nothere.toml"}, "{at}/nothere.toml: no such file"),
        (
            {"--config": "{at}/topic.toml"},
            "{at}/topic.toml: not a whole training recipe: it is a task's own file, which a recipe names: task = ",
        ),
        ({"--set": "schedule.floatsteps=100"}, "--set schedule.floatsteps=100: schedule.floatsteps is unknown, allowed float_steps, integer_steps, "),
        ({"--set": "plan.steps=1"}, "--set plan.steps=1: no section 'plan', allowed model, start, loss, schedule "),
        ({"--set": "model.classes=3"}, "--set model.classes=3: model.classes is unknown, allowed hidden, layers, "),
        ({"--data": "{at}/none"}, "{at}/none/SST-2/train.tsv: no such file"),
        ({}, "{at}/glue/SST-2/dev.tsv:2: label '2' is not one of 0, 1"),
        ({"--config": "{at}/own.toml", "--data": "{at}/topics"}, "{at}/topics/train.csv: the file is empty"),
        ({"--unlabelled": "{at}/none.xz"}, "{at}/none.xz: no such file"),
        ({"--from": "{at}/none"}, "{at}/none: no such folder (hint: what an earlier train had as --out)"),
        ({"--config": "{at}/lm.toml"}, "{at}/glue/wiki.train.tokens: no such file"),
    ],
    ids=str,
)
def test_files_and_options_of_a_student(options, said, told):
    assert told("train", TRAIN, options).startswith(said)


def test_files_of_a_teacher(told):
    assert told("finetune-teacher", TUNE, {}).startswith("{at}/glue/SST-2/dev.tsv:2: label '2' is not one of 0, 1")
    assert told("train-teacher", SCRATCH, {}).startswith("{at}/wiki/wiki.train.tokens: no such file")
