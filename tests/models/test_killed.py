"""Training programs killed where they rename go on to the same bytes: some of the kills of `make kill-training`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tritspike.models import state
from tritspike.runtime.errors import FileError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("program, at, kills", [("language", "^float", 10), ("causal", "^live|^model", 18)])
def test_a_training_killed_where_it_keeps_its_state_goes_on_to_the_same_bytes(program, at, kills):
    command = [sys.executable, "tests/kill_training.py", "--program", program, "--at", at]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (0, f"{program}: {kills} kills, 0 of them with another end\n"), done.stdout + done.stderr


def _parts(value: float) -> state.Parts:
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, value)
    return {"student": layer, "maps": torch.nn.Linear(1, 1)}


def test_weights_and_card_are_one_file_and_of_one_moment(tmp_path):
    state.save(tmp_path / "s", _parts(1.0), {"done": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]
    state.save(tmp_path / "s", _parts(2.0), {"done": 2})
    parts, card = _parts(0.0), {"mine": 1}
    assert state.load(tmp_path / "s", parts, card) is not None and card == {"mine": 1, "done": 2}
    assert (parts["student"].weight == 2).all() and state.load(tmp_path / "none", parts, card) is None


def test_a_published_card_says_what_the_state_says(tmp_path):
    state.save(tmp_path / "float", _parts(1.0), {"recipe": {"task": "sst2"}})
    state.publish(tmp_path / "float", {"recipe": {"task": "sst2"}})
    assert json.loads((tmp_path / "float.json").read_text()) == state.read(tmp_path / "float")[1]


@pytest.mark.parametrize("other", [{"student": torch.nn.Linear(3, 2)}, {"student": torch.nn.ReLU()}])
def test_a_state_of_another_student_is_refused_in_one_line(other, tmp_path):
    state.save(tmp_path / "s", _parts(1.0), {})
    with pytest.raises(FileError, match=r"s\.safetensors: not a whole state of this training: ") as caught:
        state.load(tmp_path / "s", other, {})
    assert "\n" not in str(caught.value)


def test_a_state_without_a_card_is_not_resumed_from(tmp_path):
    from safetensors.torch import save_file

    save_file({"student.weight": torch.zeros(2, 2)}, tmp_path / "s.safetensors")
    with pytest.raises(FileError, match="holds no card, an earlier version's training wrote it"):
        state.load(tmp_path / "s", {"student": torch.nn.Linear(2, 2, bias=False)}, {})
