"""What a run is made of: the TOML file under models/configs, parsed and checked, without torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from tritspike.hw_profiles.errors import decoding
from tritspike.models.sizes import BertConfig, FlowConfig, language_config
from tritspike.models.student_options import LossWeights, Schedule, SpadWeights, Start
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
_SECTIONS = ("model", "start", "loss", "schedule")
_TOP = ("task", "family", *_SECTIONS)
_SETTING = "section.key=value, such as schedule.seed=1 or model.weights='binary'"
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
    if {"name", "label"} <= raw.keys():
        raise ValueError('it is a task\'s own file, which a recipe names: task = "FILE.toml"')
    _require_known("", raw, _TOP)
    task, model = raw["task"], raw.get("model", {})
    if not isinstance(task, str):
        raise TypeError(f"task is {task!r:.40}, must be a string")
    _require_table("model", model)
    family = _family(raw)
    _require_known("model.", model, _sizes(family, task))
    if family == STREAM:
        FlowConfig(vocabulary=1, **(model if task == LANGUAGE else {"classes": 1, **model}))
    else:
        _require_model(language_config(1, **model) if task == LANGUAGE else BertConfig(vocabulary=1, classes=1, **model))
    terms = _section(SpadWeights, "loss", raw) if task == LANGUAGE else _section(LossWeights, "loss", raw)
    return Recipe(task, model, _section(Start, "start", raw), terms, _section(Schedule, "schedule", raw), family)


def _require_known(where: str, table: dict[str, Any], known: Sequence[str]) -> None:
    for name in table:
        if name not in known:
            raise ValueError(f"{where}{name} is unknown, allowed {', '.join(known)}")


def _sizes(family: str, task: str) -> list[str]:
    """What a recipe may say of its model; the rest follows from the task, or is the same for every causal model."""
    said = ("vocabulary", "classes", *(("causal", "readout") if task == LANGUAGE else ()))
    return [f.name for f in fields(FlowConfig if family == STREAM else BertConfig) if f.name not in said]


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
    _require_known(f"{name}.", table, list(hints))
    for key, value in table.items():
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
        if section not in _SECTIONS:
            raise InputError(f"--set {setting}: no section {section!r}, allowed {', '.join(_SECTIONS)}", _SETTING)
        try:
            raw[section][key] = tomllib.loads(f"value = {value}")["value"]
            recipe_from(raw)
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise InputError(f"--set {setting}: {error}", _SETTING) from None
    return recipe_from(raw)


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a card holds it; `recipe_from` reads it back."""
    parts = {name: asdict(getattr(recipe, name)) for name in ("start", "loss", "schedule")}
    return {"task": recipe.task, "family": recipe.family, "model": dict(recipe.model)} | parts
