"""A folded student as a checkpoint (`runtime/host/trained.py`), whatever its network is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from tritspike.models.nets.language import Head, Tokens
from tritspike.models.nets.texts import Classes, Words
from tritspike.models.nets.trace import trace
from tritspike.runtime.checkpoint import INT32
from tritspike.runtime.errors import CheckpointError
from tritspike.runtime.host.program import FrontEnd, Host
from tritspike.runtime.host.trained import Trained, save


@torch.no_grad()
def export(student: Any, tokenizer: Tokenizer, task: str, folder: Path, card: dict[str, Any], labels: tuple[str, ...] = ()) -> None:
    """Write the checkpoint. student: a module with `x`, what it reads out by, and a `config`, which says its family. labels: of a classifier.

    Raises `CheckpointError` before anything is written where training has left what it may not hold.
    """
    tokenizer.no_padding()
    tokenizer.no_truncation()
    save(trained(student, tokenizer.to_str(), task, labels), folder, {"family": student.config.family, **asdict(student.config)}, card)


@torch.no_grad()
def trained(student: Any, tokenizer: str, task: str, labels: tuple[str, ...] = ()) -> Trained:
    """What is written of a student."""
    timing, said = student.config.timing, answer_of(student).said(student.config.timing.steps)
    numbers: dict[str, Any] = {"class_bias": _ints(said["class_bias"], *INT32).astype(np.int64)}
    if "head" in said:
        numbers["head"] = _int8(said["head"])
    about: dict[str, Any] = {"task": task, "labels": labels, "weights": student.config.weights}
    host = Host(front=front(student.x, tokenizer), **about, **said | numbers)
    return Trained(network=trace(student), timing=timing, host=host)


def answer_of(student: nn.Module) -> Head | Classes:
    """What it reads out by."""
    return next(part for part in student.modules() if isinstance(part, Head | Classes))


def front(port: Tokens | Words, tokenizer: str) -> FrontEnd:
    """The embedding's tables on their grids."""
    assert port.scale is not None
    part = port.current
    tables = {name: _int8(part.int8(getattr(part, name) * part.table_scale)) for name in ("token", "position", "segment")}
    projection, bias = _int8(part.int8(part.projection * part.projection_scale)), _ints(part.integer_bias(), *INT32).astype(np.int32)
    return FrontEnd(**tables, projection=projection, bias=bias, shift=part.shift, keep=port.keep, vth=port.scale, tokenizer=tokenizer)


def _int8(values: Tensor) -> NDArray[np.int8]:
    return _ints(values, -128, 127).astype(np.int8)


def _ints(values: Tensor, low: int, high: int) -> NDArray[np.float64]:
    found = np.rint(values.detach().double().cpu().numpy())
    if not ((low <= found) & (found <= high)).all():
        raise CheckpointError(f"training left {found.min():g}..{found.max():g} where a checkpoint holds {low}..{high}", "a lower rate")
    return found
