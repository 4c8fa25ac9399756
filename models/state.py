"""Resumable training: weights, optimiser moments and the card so far, in safetensors and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runtime.files import Arrays, read_json, read_tensors, write_atomic, write_tensors


def save(path: Path, student: nn.Module, card: dict[str, Any], extra: dict[str, Tensor] | None = None) -> None:
    """Write `path`.safetensors, then `path`.json; the JSON's presence says that the pair is whole."""
    tensors = {f"student.{k}": v for k, v in student.state_dict().items()} | (extra or {})
    arrays: Arrays = {k: v.detach().numpy() for k, v in tensors.items()}
    write_tensors(path.with_suffix(".safetensors"), arrays)
    write_atomic(path.with_suffix(".json"), json.dumps(card).encode())


def load(path: Path, student: nn.Module, card: dict[str, Any]) -> bool:
    """Read what `save` wrote into `student` and `card`; False if there is nothing."""
    if not path.with_suffix(".json").exists():
        return False
    tensors = _tensors(path)
    student.load_state_dict({k[len("student.") :]: v for k, v in tensors.items() if k.startswith("student.")})
    card |= read_json(path.with_suffix(".json"))
    return True


def _tensors(path: Path) -> dict[str, Tensor]:
    return {k: torch.from_numpy(v.copy()) for k, v in read_tensors(path.with_suffix(".safetensors"))[0].items()}


class Live:
    """Student, learned maps and Adam as one thing that can be stopped and resumed."""

    def __init__(self, path: Path, student: nn.Module, distiller: nn.Module, rate: float) -> None:
        self.path, self.student = path, student
        named = {f"student.{k}": p for k, p in student.named_parameters()} | {f"maps.{k}": p for k, p in distiller.named_parameters()}
        self.named = named
        self.optimiser = torch.optim.Adam(named.values(), lr=rate, fused=True)

    def set_rate(self, rate: float) -> None:
        """The learning rate from here on."""
        self.optimiser.param_groups[0]["lr"] = rate

    def step(self, loss: Tensor) -> None:
        """One update, gradients clipped to norm 1."""
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.named.values(), 1.0)
        self.optimiser.step()

    def keep(self, card: dict[str, Any], done: int) -> None:
        """Save everything after `done` steps."""
        extra: dict[str, Tensor] = {k: p for k, p in self.named.items() if k.startswith("maps.")}
        for name, parameter in self.named.items():
            for key, value in self.optimiser.state.get(parameter, {}).items():
                extra[f"adam.{key}.{name}"] = torch.as_tensor(value)
        save(self.path, self.student, card | {"done": done}, extra)

    def resume(self, card: dict[str, Any]) -> int:
        """Load the last `keep`; the number of steps it had done (0 if there is none)."""
        if not load(self.path, self.student, card):
            return 0
        tensors = _tensors(self.path)
        with torch.no_grad():
            for name, parameter in self.named.items():
                if name.startswith("maps."):
                    parameter.copy_(tensors[name])
                found = {key: tensors[full] for key in ("step", "exp_avg", "exp_avg_sq") if (full := f"adam.{key}.{name}") in tensors}
                if found:
                    self.optimiser.state[parameter] = found
        return int(card.pop("done"))
