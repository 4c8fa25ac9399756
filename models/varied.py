"""Recipes of a sweep, checked before any of them is trained, for `tritspike sweep`, which starts this as a process of its own.

    python -m models.varied RECIPE --settings FILE.json --out RECIPES.json

FILE: a list of trainings, each a list of "section.key=value". RECIPES: each training's recipe as its card will hold it, the recipe itself as
"base", and what trainings of its task are compared by.
"""

from __future__ import annotations

if __name__ == "__main__":  # before what is imported below, which the command has too
    from tritspike.models.commands.table import alone

    alone("varied", __spec__.name)

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tritspike.models.recipe import LANGUAGE, plain, read_recipe, varied
from tritspike.runtime.tasks import labelled


def recipes(path: Path, settings: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What RECIPES holds. Raises `FileError`, `InputError`."""
    base = read_recipe(path)
    language = base.task == LANGUAGE
    metric = "perplexity" if language else labelled.task_named(base.task).metrics[0]
    found = [plain(varied(base, some)) for some in settings]
    whole = {"task": base.task, "metric": metric, "greater": not language, "base": plain(base), "recipes": found}
    return dict(json.loads(json.dumps(whole)))  # as a card is read: no tuples
