"""Recipes: what ships is readable, and mistakes get one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tritspike.models.recipe import read_recipe
from tritspike.runtime.errors import FileError

_CONFIGS = sorted((Path(__file__).resolve().parents[2] / "models" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", _CONFIGS, ids=lambda p: p.stem)
def test_shipped_recipes_read(path):
    assert read_recipe(path).model["hidden"] > 0


@pytest.mark.parametrize("text", ['task = "sst2"\n[loss]\nlogit = 1\n', "[model]\n", 'task = "sst2"\n[model]\nwidth = 3\n', "task = \n"])
def test_bad_recipes_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(FileError, match="not a whole training recipe") as caught:
        read_recipe(tmp_path / "r.toml")
    assert "\n" not in str(caught.value)
