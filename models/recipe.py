"""What a run is made of: the TOML file under models/configs, parsed and checked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from tritspike.hw_profiles.errors import decoding
from tritspike.models.bispikclm import language_config
from tritspike.models.distil import LossWeights
from tritspike.models.flow import FlowConfig
from tritspike.models.spad import SpadWeights
from tritspike.models.spiking_bert import BertConfig
from tritspike.models.start import Start
from tritspike.runtime.checkpoint import FORMAT, VERSION, config_from_json
from tritspike.runtime.errors import CheckpointError, FileError, InputError
from tritspike.runtime.files import read_bytes
from tritspike.runtime.tasks.labelled import SUFFIX

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGE = "lm"  # the task of a causal language model
WINDOW, STREAM = BertConfig.family, FlowConfig.family
Some = TypeVar("Some")
_WHOLE, _REAL = (0, 1_000_000_000), (0.0, 1e6)  # of numbers that are not among these:
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("warm_up", "held_out", "check_every", "calibration_batches", "states_every"), (1, _WHOLE[1])),
    **dict.fromkeys(("task_share", "parts", "rate_mix"), (0.0, 1.0)),
    **dict.fromkeys(("score", "context", "steady", "temperature", "skip", "loud"), (1e-6, _REAL[1])),  # learned as logarithms, or divided by
    "loosened": (1.0, _REAL[1]),
    "batch": (1, 1 << 16),
    "crop": (1, 1 << 12),
    "run": (1, 1 << 16),
    "seed": (0, (1 << 63) - 1),  # what every generator takes
}


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
    crop: int = 64  # of a stream: tokens that are read at once, and
    run: int = 32  # crops after which it goes on elsewhere


@dataclass(frozen=True)
class Recipe:
    """The TOML file: task, family, [model], [start], [loss] (of a language model `SpadWeights`), [schedule]. family: "window", whose models read
    a text at once, or "stream", through which tokens flow."""

    task: str
    model: dict[str, Any]
    start: Start = field(default_factory=Start)
    loss: LossWeights | SpadWeights = field(default_factory=LossWeights)
    schedule: Schedule = field(default_factory=Schedule)
    family: str = WINDOW


def read_recipe(path: Path) -> Recipe:
    """Parse and check a recipe; a task's own file is looked for beside it. Raises `FileError` on whatever a file can hold that is none."""
    content = read_bytes(path)
    with decoding(path, "training recipe", FileError):
        found = recipe_from(tomllib.loads(content.decode()))
    return replace(found, task=str(path.parent / found.task)) if found.task.endswith(SUFFIX) else found


def recipe_from(raw: dict[str, Any]) -> Recipe:
    """The recipe of a parsed TOML file. Raises `KeyError`, `TypeError` or `ValueError` on what is missing, unknown or out of range."""
    for name in raw.keys() - {"task", "family", "model", "start", "loss", "schedule"}:
        raise KeyError(f"no section {name!r}")
    task, model = raw["task"], raw.get("model", {})
    if not isinstance(task, str):
        raise TypeError(f"task is {task!r:.40}, must be a string")
    _require_table("model", model)
    family = _family(raw)
    if family == STREAM:
        FlowConfig(vocabulary=1, **(model if task == LANGUAGE else {"classes": 1, **model}))
    else:
        _require_model(language_config(1, **model) if task == LANGUAGE else BertConfig(vocabulary=1, classes=1, **model))
    terms = _section(SpadWeights, "loss", raw) if task == LANGUAGE else _section(LossWeights, "loss", raw)
    return Recipe(task, model, _section(Start, "start", raw), terms, _section(Schedule, "schedule", raw), family)


def _family(raw: dict[str, Any]) -> str:
    family = raw.get("family", WINDOW)
    if family not in (WINDOW, STREAM):
        raise ValueError(f"family is {family!r:.40}, allowed {WINDOW!r} or {STREAM!r}")
    return str(family)


def _require_table(name: str, table: object) -> None:
    if not isinstance(table, dict):
        raise TypeError(f"{name} is {table!r:.40}, must be a section")


def _require_model(config: BertConfig) -> None:
    """What no checkpoint may say is refused before its training."""
    others = {"format": FORMAT, "version": VERSION, "task": "", "labels": [], "embedding_shift": 0, "logit_scale": 1.0}
    try:
        config_from_json(vars(config) | others, "model")
    except CheckpointError as error:
        raise ValueError(str(error)) from None


def _section(kind: type[Some], name: str, raw: dict[str, Any]) -> Some:
    """`kind` from its section; every value of its field's type, and in its range."""
    table, hints = raw.get(name, {}), get_type_hints(kind)
    _require_table(name, table)
    for key, value in table.items():
        if key in hints:
            _require_value(f"{name}.{key}", value, hints[key], _RANGES.get(key, _WHOLE if hints[key] is int else _REAL))
    return kind(**table)


def _require_value(what: str, value: object, kind: type, limits: tuple[float, float]) -> None:
    if kind in (bool, str):
        if type(value) is not kind:
            raise TypeError(f"{what} is {value!r:.40}, must be {'true or false' if kind is bool else 'a string'}")
    elif type(value) not in (int, kind) or not limits[0] <= float(value) <= limits[1]:  # type: ignore[arg-type]
        raise ValueError(f"{what} is {value!r:.40}, allowed {'whole numbers in ' if kind is int else ''}{limits[0]:,}..{limits[1]:,}")


def varied(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The same recipe with some numbers replaced: each setting is "section.key=value" in TOML's words. Raises `InputError`."""
    raw = deepcopy(plain(recipe))  # whose model is the recipe's own
    for setting in settings:
        where, _, value = setting.partition("=")
        section, _, key = where.partition(".")
        try:
            raw[section][key] = tomllib.loads(f"value = {value}")["value"]
            recipe_from(raw)
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise InputError(f"--set {setting}: {error}", "section.key=value, such as schedule.seed=1 or model.weights='binary'") from None
    return recipe_from(raw)


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a card holds it; `recipe_from` reads it back."""
    parts = {name: asdict(getattr(recipe, name)) for name in ("start", "loss", "schedule")}
    return {"task": recipe.task, "family": recipe.family, "model": recipe.model} | parts
