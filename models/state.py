"""Resumable training: weights, optimiser moments and the card so far, in one safetensors file, so that a kill never leaves some of two moments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.hw_profiles.errors import decoding
from tritspike.models import processes
from tritspike.models.nets import tables
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import Arrays, object_from, read_tensors, write_atomic, write_tensors

_CARD = "card"
Tensors = dict[str, Tensor]
Parts = dict[str, nn.Module]  # what a state is of: "student", and "maps", what is learned beside it and thrown away at the end


def save(path: Path, parts: Parts, card: dict[str, Any], extra: Tensors | None = None) -> None:
    """Write `path`.safetensors: every part's tensors under its name and `extra`, and the card as the file's metadata."""
    tensors = {f"{part}.{k}": v for part, module in parts.items() for k, v in module.state_dict().items()} | (extra or {})
    arrays: Arrays = {k: v.detach().cpu().numpy() for k, v in tensors.items()}
    write_tensors(path.with_suffix(".safetensors"), arrays, {_CARD: json.dumps(card)})


def publish(path: Path, card: dict[str, Any]) -> None:
    """Write `path`.json, the card of what `save` wrote, for those who look for a student; no run resumes from it."""
    write_atomic(path.with_suffix(".json"), json.dumps(card).encode())


def read(path: Path) -> tuple[Tensors, dict[str, Any] | None]:
    """(tensors, card) of `path`.safetensors; trainings of earlier versions left no card in it. Raises `FileError`."""
    where = path.with_suffix(".safetensors")
    arrays, metadata = read_tensors(where)
    card = object_from(metadata[_CARD], where, "card") if _CARD in metadata else None
    return {k: torch.from_numpy(v.copy()) for k, v in arrays.items()}, card


def task_of(card: dict[str, Any]) -> str | None:
    """What a run's card says that it was trained for; older ones say it in their recipe alone."""
    found = card.get("task", (card.get("recipe") or {}).get("task"))
    return None if found is None else str(found)


def part_of(tensors: Tensors, part: str = "student") -> Tensors:
    """One part's, by its own names."""
    return {k[len(part) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{part}.")}


def load(path: Path, parts: Parts, card: dict[str, Any]) -> Tensors | None:
    """Read what `save` wrote into `parts` and `card`; all tensors, or None if there is nothing. Raises `FileError`."""
    where = path.with_suffix(".safetensors")
    if not where.exists():
        return None
    tensors, found = read(path)
    if found is None:
        raise FileError(f"{where}: holds no card, an earlier version's training wrote it", "another --out")
    with decoding(where, "state of this training", FileError):
        for part, module in parts.items():
            module.load_state_dict(part_of(tensors, part))
    card |= found
    return tensors


class Live:
    """Student, learned maps and Adam as one thing that can be stopped and resumed."""

    def __init__(self, path: Path, parts: Parts, rate: float) -> None:
        self.path, self.parts = path, parts
        self.named = {f"{part}.{k}": p for part, module in parts.items() for k, p in module.named_parameters()}
        self.optimiser = torch.optim.Adam(self.named.values(), lr=rate, fused=True)

    def set_rate(self, rate: float) -> None:
        """The learning rate from here on."""
        self.optimiser.param_groups[0]["lr"] = rate

    def step(self, loss: Tensor) -> None:
        """One update, gradients clipped to norm 1."""
        tables.clear(self.named.values(), alone=processes.count() == 1)
        loss.backward()
        processes.sum_gradients(self.named.values())
        torch.nn.utils.clip_grad_norm_(self.named.values(), 1.0)
        self.optimiser.step()

    def keep(self, card: dict[str, Any], done: int) -> None:
        """Save everything after `done` steps."""
        extra: Tensors = {}
        for name, parameter in self.named.items():
            for key, value in self.optimiser.state.get(parameter, {}).items():
                extra[f"adam.{key}.{name}"] = torch.as_tensor(value)
        save(self.path, self.parts, card | {"done": done}, extra)

    def resume(self, card: dict[str, Any]) -> int:
        """Load the last `keep`; the number of steps it had done (0 if there is none). Raises `FileError`."""
        tensors = load(self.path, self.parts, card)
        if tensors is None:
            return 0
        with decoding(self.path.with_suffix(".safetensors"), "state of this training", FileError):
            self._fill(tensors)
            return int(card.pop("done"))

    def _fill(self, tensors: Tensors) -> None:
        for name, parameter in self.named.items():
            names = {key: f"adam.{key}.{name}" for key in ("step", "exp_avg", "exp_avg_sq")}
            found = {key: tensors[full].to(parameter.device) for key, full in names.items() if full in tensors}
            if found:
                self.optimiser.state[parameter] = found
