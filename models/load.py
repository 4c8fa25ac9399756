"""A checkpoint back as a student in integer mode: to train on, and to hold torch against the other executors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import nn

from tritspike.models.bispikclm import SpikingLM
from tritspike.models.export import answer_of
from tritspike.models.flow import Flow
from tritspike.models.nets.current import Current
from tritspike.models.nets.fill import fill
from tritspike.models.nets.language import Head
from tritspike.models.nets.texts import Classes
from tritspike.models.sizes import BertConfig, FlowConfig
from tritspike.models.spiking_bert import SpikingBert
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import EACH
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import encoder, trained
from tritspike.runtime.host.checkpoint import read_checkpoint
from tritspike.runtime.host.program import FrontEnd, Host
from tritspike.runtime.host.trained import Trained


def _window(said: dict[str, Any]) -> nn.Module:
    config = BertConfig(**said)
    return SpikingLM(config) if config.readout == EACH else SpikingBert(config)


Some = TypeVar("Some", SpikingBert, SpikingLM, Flow)
FAMILIES: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    BertConfig.family: _window,
    FlowConfig.family: lambda said: Flow(FlowConfig(**said)),
}
_KINDS = {SpikingBert: "a classifier", SpikingLM: "a language model that reads windows", Flow: "a language model through which tokens flow"}


@torch.no_grad()
def load(folder: Path) -> Any:
    """The folded student of a checkpoint whose populations share one threshold, as ours do; `InputError` where they do not, or where it is of an
    unknown family. Raises `FileError` and `CheckpointError` as reading it does."""
    found, said = _read(folder)
    family = said.pop("family", None)
    if family not in FAMILIES:
        raise InputError(f"{folder}: a model of the family {family!r:.40}", f"one of {', '.join(FAMILIES)}")
    student: Any = FAMILIES[family](said)
    try:
        fill(student, found.network)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None
    _fill_current(student.x.current, found.host.front)
    answer = answer_of(student)
    _fill_head(answer, found.host, student.config.steps) if isinstance(answer, Head) else _fill_classes(answer, found.host, student.config.steps)
    return student.eval()


def load_student(folder: Path) -> SpikingBert:
    """A classifier. Raises `InputError` for another."""
    return _of(folder, SpikingBert)


def load_classifier(folder: Path) -> SpikingBert | Flow:
    """Of any family. Raises `InputError` for a language model."""
    found = load(folder)
    if not isinstance(answer_of(found), Classes):
        raise InputError(f"{folder}: {_KINDS[type(found)]}", "a classifier")
    classifier: SpikingBert | Flow = found
    return classifier


def load_language_model(folder: Path) -> SpikingLM:
    """One that reads a window at once."""
    return _of(folder, SpikingLM)


def load_flow(folder: Path) -> Flow:
    """One through which tokens flow."""
    return _of(folder, Flow)


def _of(folder: Path, kind: type[Some]) -> Some:
    found = load(folder)
    if not isinstance(found, kind):
        raise InputError(f"{folder}: {_KINDS[type(found)]}", _KINDS[kind])
    return found


def _read(folder: Path) -> tuple[Trained, dict[str, Any]]:
    """(network and host, what config.json says of the model), of any version."""
    if trained.claims(folder):
        return trained.load(folder), trained.model_of(folder)
    read = read_checkpoint(folder)
    names = {f.name for f in fields(BertConfig)}
    said = {name: value for name, value in asdict(read.config).items() if name in names}
    return encoder.trained(read), {"family": BertConfig.family, **said}


def _fill_current(part: Current, stored: FrontEnd) -> None:
    for name in ("token", "position", "segment", "projection"):
        getattr(part, name).copy_(torch.from_numpy(getattr(stored, name)))
    part.bias = _double(stored.bias)
    part.table_scale = part.projection_scale = 1.0
    part.lowest = -128
    part.shift, part.scale = stored.shift, max(stored.vth, 1)
    del part.norm


def _fill_head(part: Head, stored: Host, steps: int) -> None:
    assert stored.head is not None
    part.weight.copy_(torch.from_numpy(stored.head))
    part.bias = _double(stored.class_bias / arith.ONE)
    part.unit_at_fold, part.unit = 1.0, steps / stored.logit_scale if stored.logit_scale else math.inf
    del part.norm


def _fill_classes(part: Classes, stored: Host, steps: int) -> None:
    part.bias = _double(stored.class_bias / (arith.ONE * steps))
    part.unit = _double(stored.logit_scale)


def _double(values: NDArray[Any] | float) -> nn.Parameter:
    """float32 holds neither every int32 nor every scale of a logit."""
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))
