"""A folded model through which tokens flow, as a checkpoint of version 3 (`runtime/host/trained.py`), and back from one."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from tritspike.models.flow import Flow, FlowConfig
from tritspike.models.nets.current import Current
from tritspike.models.nets.fill import fill
from tritspike.models.nets.language import Head, Verdict
from tritspike.models.nets.trace import trace
from tritspike.runtime import arith
from tritspike.runtime.errors import CheckpointError, InputError
from tritspike.runtime.host.program import FrontEnd, Host
from tritspike.runtime.host.trained import Trained, load, model_of, save

FAMILY = "stream"


@torch.no_grad()
def export(student: Flow, tokenizer: Tokenizer, task: str, folder: Path, card: dict[str, Any], labels: tuple[str, ...] = ()) -> None:
    """Write the checkpoint. Raises `CheckpointError` before anything is written where training has left what it may not hold."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    found = Trained(network=trace(student), timing=student.config.timing, host=host(student, tokenizer.to_str(), task, labels))
    save(found, folder, {"family": FAMILY, **asdict(student.config)}, card)


def host(student: Flow, tokenizer: str, task: str, labels: tuple[str, ...]) -> Host:
    """What stays off the chip."""
    c, part = student.config, student.answer
    own: dict[str, Any] = {"logit_scale": float(part.unit)} if isinstance(part, Verdict) else {"logit_scale": c.steps / part.unit}
    if isinstance(part, Head):
        own["head"] = _ints(part.integers()[0], np.int8)
    return Host(
        front=front(student.x.current, student.x.keep, tokenizer),
        class_bias=_ints(part.integer_bias(c.steps) if isinstance(part, Verdict) else part.integers()[1], np.int64),
        first_position_only=False,
        task=task,
        labels=labels,
        weights=c.weights,
        **own,
    )


def front(current: Current, keep: int, tokenizer: str) -> FrontEnd:
    """The embedding's tables on their grids."""
    assert current.scale is not None
    tables = {name: _ints(current.int8(getattr(current, name) * current.table_scale), np.int8) for name in ("token", "position", "segment")}
    projection, bias = _ints(current.int8(current.projection * current.projection_scale), np.int8), _ints(current.integer_bias(), np.int32)
    return FrontEnd(**tables, projection=projection, bias=bias, shift=current.shift, keep=keep, vth=current.scale, tokenizer=tokenizer)


@torch.no_grad()
def load_flow(folder: Path) -> Flow:
    """The folded student of a checkpoint. Raises `InputError` for one of another family, `FileError` and `CheckpointError` as `trained.load` does."""
    found, model = load(folder), model_of(folder)
    if model.get("family") != FAMILY:
        raise InputError(f"{folder}: a model of the family {model.get('family')!r:.40}", f"family {FAMILY!r}")
    student = Flow(FlowConfig(**{name: value for name, value in model.items() if name != "family"}))
    fill(student, found.network)
    _fill_current(student.x.current, found.host.front)
    if isinstance(student.answer, Verdict):
        _fill_verdict(student.answer, found.host, student.config.steps)
    else:
        _fill_head(student.answer, found.host, student.config.steps)
    return student.eval()


def _fill_current(part: Current, stored: FrontEnd) -> None:
    for name in ("token", "position", "segment", "projection"):
        getattr(part, name).copy_(torch.from_numpy(getattr(stored, name)))
    part.bias = _double(stored.bias)
    part.table_scale = part.projection_scale = 1.0
    part.lowest = -128
    part.shift, part.scale = stored.shift, stored.vth
    del part.norm


def _fill_head(part: Head, stored: Host, steps: int) -> None:
    assert stored.head is not None
    part.weight.copy_(torch.from_numpy(stored.head))
    part.bias = _double(stored.class_bias / arith.ONE)
    part.unit_at_fold, part.unit = 1.0, steps / stored.logit_scale if stored.logit_scale else math.inf
    del part.norm


def _fill_verdict(part: Verdict, stored: Host, steps: int) -> None:
    part.unit.fill_(stored.logit_scale)
    part.bias = _double(stored.class_bias / (arith.ONE * steps))


def _double(values: NDArray[Any]) -> nn.Parameter:
    """float32 holds not every int32."""
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def _ints(values: Tensor, kind: type[np.signedinteger]) -> NDArray[Any]:
    found, low, high = np.rint(values.detach().double().numpy()), np.iinfo(kind).min, np.iinfo(kind).max
    if not ((low <= found) & (found <= high)).all():
        raise CheckpointError(f"training left {found.min():g}..{found.max():g} where a checkpoint holds {low}..{high}", "a lower rate")
    return found.astype(kind)
