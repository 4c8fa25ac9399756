"""A shell, and a program small enough to lower for every test."""

from __future__ import annotations

from pathlib import Path

import pytest
import random_checkpoint
from command import Shell

from tritspike.compiler.lower import lower
from tritspike.runtime.host import file as program_file

SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=6)


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


@pytest.fixture()
def small(tmp_path) -> Path:
    return random_checkpoint.write(tmp_path / "checkpoint", **SMALL)


@pytest.fixture()
def program(tmp_path, small) -> Path:
    path = tmp_path / "program.tsp"
    program_file.save(lower(small, "loihi2"), path)
    return path
