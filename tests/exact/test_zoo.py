"""Every checkpoint that ships: what its card says is what its program computes, and torch's integer mode is that program on every dev example."""

from __future__ import annotations

import json

import pytest
from command import runtime_main as main
from shipped import WINDOWED

from tritspike.compiler.lower import lower
from tritspike.models.equality import compare
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks.glue import task_named

FOLDERS = [folder for folder in WINDOWED if not folder.name.startswith("lm-")]
_BYTES = 6 * 2**20


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda f: f.name)
def shipped(request, tmp_path_factory):
    """(checkpoint folder, its program), compiled for the largest board: pairs of 128 tokens ask for millions of neurons."""
    path = tmp_path_factory.mktemp("zoo") / "p.tsp"
    program_file.save(lower(request.param, "hala-point"), path)
    return request.param, path


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_it_is_small_and_named_for_what_it_is(folder):
    assert sum(f.stat().st_size for f in folder.iterdir()) <= _BYTES
    config = json.loads((folder / "config.json").read_text())
    assert folder.name in (f"{config['task']}-{config['weights']}", "sst2-one-chip") and config["steps"] <= 4


def test_the_card_s_dev_figures_are_what_glue_prints(shipped, glue_dir, tmp_path):
    folder, program = shipped
    card, task = json.loads((folder / "card.json").read_text()), folder.name.split("-")[0]
    assert main(["glue", str(program), "--task", task, "--data", str(glue_dir), "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert {name: report[name] for name in task_named(task).metrics} == card["dev"]


def test_torch_integer_mode_is_fast_on_every_dev_example(shipped, glue_dir):
    folder, program = shipped
    found = compare(folder, program, str(glue_dir))
    assert found.all_equal and found.sentences > 0
