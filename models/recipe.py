"""What a run is made of: the TOML file under models/configs, parsed and checked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.bispikclm import language_config
from models.distil import LossWeights
from models.spad import SpadWeights
from models.spiking_bert import BertConfig
from models.start import Start
from runtime.errors import FileError, InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGE = "lm"  # the task of a causal language model


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. Rates fall linearly to zero after a short warm-up."""

    float_steps: int = 8000
    integer_steps: int = 2000
    batch: int = 32
    rate: float = 1e-3
    integer_rate: float = 2e-4
    warm_up: int = 200
    task_share: float = 0.4  # of a batch's texts, from the task's own training set; the rest is unlabelled text
    unlabelled: int = 150_000  # sentences of the unlabelled files, or pairs made of them
    augmented: int = 0  # edited copies of the task's own training sentences, or pairs made of them
    parts: float = 0.0  # of made pairs, a text with an edited part of itself behind it
    probes: int = 3000  # of the unlabelled and augmented texts, never trained on: the distance to the teacher is measured there
    held_out: int = 1000
    check_every: int = 500
    calibration_batches: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """The TOML file: task, [model], [start], [loss] (of a language model `SpadWeights`), [schedule]."""

    task: str
    model: dict[str, Any]
    start: Start = field(default_factory=Start)
    loss: LossWeights | SpadWeights = field(default_factory=LossWeights)
    schedule: Schedule = field(default_factory=Schedule)


def read_recipe(path: Path) -> Recipe:
    """Parse and check a recipe; unknown keys are refused with one line."""
    try:
        return recipe_from(tomllib.loads(path.read_text()))
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise FileError(f"{path}: not a training recipe: {error}") from None


def recipe_from(raw: dict[str, Any]) -> Recipe:
    """The recipe of a parsed TOML file. Raises `KeyError` or `TypeError` on what is missing or unknown."""
    model, loss = raw.get("model", {}), raw.get("loss", {})
    causal = raw["task"] == LANGUAGE
    _ = language_config(1, **model) if causal else BertConfig(vocabulary=1, classes=1, **model)  # refuses keys it does not know
    terms = SpadWeights(**loss) if causal else LossWeights(**loss)
    return Recipe(raw["task"], model, Start(**raw.get("start", {})), terms, Schedule(**raw.get("schedule", {})))


def varied(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The same recipe with some numbers replaced: each setting is "section.key=value" in TOML's words. Raises `InputError`."""
    raw = plain(recipe)
    for setting in settings:
        where, _, value = setting.partition("=")
        section, _, key = where.partition(".")
        try:
            raw[section][key] = tomllib.loads(f"value = {value}")["value"]
            recipe_from(raw)
        except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"--set {setting}: {error}", "section.key=value, such as schedule.seed=1 or model.weights='binary'") from None
    return recipe_from(raw)


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a card holds it; `recipe_from` reads it back."""
    parts = {name: asdict(getattr(recipe, name)) for name in ("start", "loss", "schedule")}
    return {"task": recipe.task, "model": recipe.model} | parts
