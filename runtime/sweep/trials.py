"""Trainings of a sweep before and after: what each is of, whether it is done, and what its card says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime.children import children, run_module
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import make_folder, read_json, write_atomic
from tritspike.runtime.host.trained import CARD, CONFIG, MODEL
from tritspike.runtime.sweep.grid import Settings, folder_name
from tritspike.runtime.tasks.versus.sources import digest

_CHECK = "tritspike.models.varied"
_ABOUT = "sweep.json"


@dataclass(frozen=True, eq=False)
class Trial:
    """recipe: as a card holds it."""

    settings: Settings
    folder: Path
    recipe: Mapping[str, Any]

    def done(self) -> Done | None:
        """None where it is not finished. Raises `FileError` where the folder holds another recipe's."""
        if not (self.folder / CONFIG).is_file():  # written last
            return None
        card = read_json(self.folder / CARD)
        if card.get("recipe") != self.recipe:
            raise FileError(f"{self.folder}: trained by another recipe", "another --out")
        with decoding(self.folder / CARD, "card of a training", FileError):
            held_out, distance = float(card["held_out_integer"]), card["distance_integer"]
            rest = None if distance is None else float(distance), float(card["mean_spike_rate"]), float(card["minutes"])
        return Done(self, held_out, *rest, digest(self.folder / MODEL).sha256)


@dataclass(frozen=True, eq=False)
class Done:
    """held_out: the metric on what is held out of train; distance: to the teacher, where that is measured; rate: of spikes; sha256: the model's."""

    trial: Trial
    held_out: float
    distance: float | None
    rate: float
    minutes: float
    sha256: str


@dataclass(frozen=True, eq=False)
class Sweep:
    """metric: what trainings are compared by, the greater the better, or the less. base: the recipe that is varied."""

    task: str
    metric: str
    greater: bool
    base: Mapping[str, Any]
    trials: tuple[Trial, ...]


def planned(recipe: Path, combinations: Sequence[Settings], out: Path) -> Sweep:
    """Every combination's recipe, checked by those who train it. Raises `SourceError` with what is wrong with the first that is wrong."""
    with children("tritspike-sweep-") as kept:
        found = kept.folder / "recipes.json"
        (asked := kept.folder / "settings.json").write_text(json.dumps(combinations))
        run_module(kept, recipe, _CHECK, [str(recipe), "--settings", str(asked), "--out", str(found)])
        said = read_json(found)
    trials = tuple(Trial(some, out / folder_name(some), one) for some, one in zip(combinations, said["recipes"], strict=True))
    return Sweep(said["task"], said["metric"], said["greater"], said["base"], trials)


def claim(out: Path, sweep: Sweep, asked: Mapping[str, Any]) -> None:
    """Note in the folder what its trainings share. Raises `FileError` where it holds a sweep of another recipe, teacher or data."""
    about = {"recipe": sweep.base, **asked}
    make_folder(out)
    if not (out / _ABOUT).exists():
        return write_atomic(out / _ABOUT, json.dumps(about).encode())
    before = read_json(out / _ABOUT)
    if other := [name for name in about if before.get(name) != about[name]]:
        raise FileError(f"{out}: holds a sweep of another {other[0]}", "another --out")
