"""The tutorial from its first line to its last, with a small encoder as $MINILM and the recipe's numbers made small: nothing else is changed."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lava", reason="Lava is not installed")
import tiny_encoder
from manual_blocks import blocks, clone, run

from tritspike.runtime.tasks.dataset import read
from tritspike.runtime.tasks.labelled import task_named

PAGE = "docs/tutorial.md"
SMALL = {"hidden": "32", "layers": "1", "ffn": "32", "traces": "8", "memory": "[1, 8]", "rank": "16"}
SMALL |= {"float_steps": "8", "integer_steps": "2", "batch": "4", "held_out": "10", "augmented": "8", "probes": "8"}


@pytest.fixture()
def folder(tmp_path):
    folder = clone(tmp_path)
    tickets = folder / "examples" / "tickets"
    recipe = (tickets / "recipe.toml").read_text()
    for name, value in SMALL.items():
        recipe, found = re.subn(rf"^{name} = \S.*?(?=\s*(#|$))", f"{name} = {value}", recipe, flags=re.MULTILINE)
        assert found == 1, name
    (tickets / "recipe.toml").write_text(recipe.replace("[model]\n", "[model]\nsteps = 2\n") + "calibration_batches = 2\n")
    tiny_encoder.write(folder / "minilm", [e.first for e in read(task_named(str(tickets / "team.toml")), str(tickets), "train")])
    return folder


def test_the_tutorial_runs(folder):
    some = [b for b in blocks(PAGE) if b.kind in ("sh", "python")]
    assert len(some) >= 7 and not any(b.why for b in some)
    said = "".join(run(b, folder, MINILM=str(folder / "minilm"), OMP_NUM_THREADS="1") for b in some)
    assert "equal: reference == fast == lava on 2 sample" in said
    assert {p.name for p in folder.glob("tickets.*")} == {"tickets.tsp", "tickets.map", "tickets.svg"}
    assert (folder / "sst2.zip").exists()


def test_the_tutorial_s_task_is_the_example_s():
    (shown,) = [b.text for b in blocks(PAGE) if b.kind == "toml"]
    from command import ROOT

    file = (ROOT / "examples" / "tickets" / "team.toml").read_text()
    assert [line for line in file.splitlines() if not line.startswith("#")] == shown.splitlines()
