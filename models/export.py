"""Write a folded student as a checkpoint folder (`runtime/checkpoint.py` is the schema)."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from tritspike.models.bispikclm import SpikingLM
from tritspike.models.spiking import Synapses
from tritspike.models.spiking_bert import Layer, SpikingBert, SpikingEncoder
from tritspike.runtime.checkpoint import CheckpointConfig, check_tensors, config_from_json, pack_codes
from tritspike.runtime.errors import CheckpointError
from tritspike.runtime.files import Arrays, write_atomic, write_tensors

Student = SpikingBert | SpikingLM


@torch.no_grad()
def export(student: Student, tokenizer: Tokenizer, task: str, labels: tuple[str, ...], folder: Path, card: dict[str, Any]) -> None:
    """Write model.safetensors, tokenizer.json, card.json and config.json into `folder`, each atomically; the last says that all are there.
    Raises `CheckpointError` before anything is written where training has left what a checkpoint may hold."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    config, arrays = checkpoint_config(student, task, labels), tensors(student)
    said = _json(config.to_json())
    config_from_json(json.loads(said), str(folder / "config.json"))
    check_tensors(arrays, config, str(folder / "model.safetensors"))
    write_tensors(folder / "model.safetensors", arrays)
    write_atomic(folder / "tokenizer.json", tokenizer.to_str().encode())
    write_atomic(folder / "card.json", _json(card))
    write_atomic(folder / "config.json", said)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def checkpoint_config(student: Student, task: str, labels: tuple[str, ...]) -> CheckpointConfig:
    """The checkpoint's config of a folded student."""
    shared = {f.name: getattr(student.config, f.name) for f in fields(student.config)}
    return CheckpointConfig(**shared, task=task, labels=labels, embedding_shift=student.embedding.shift, logit_scale=float(student.logit_scale))


@torch.no_grad()
def tensors(student: Student) -> Arrays:
    """Every tensor of the checkpoint, by name."""
    assert student.scale is not None, "fold the student first"
    out = _embedding(student, student.scale)
    for n, layer in enumerate(student.blocks()):
        out |= {f"layer.{n}.{name}": array for name, array in _layer(layer, student.config.weights, student.scale).items()}
    return out | _answer(student)


def _answer(student: Student) -> Arrays:
    if isinstance(student, SpikingLM):
        weight, bias = student.integer_head()
        return {"head.weight": _ints(weight, np.int8), "head.bias": _ints(bias)}
    codes = student.quantise(student.readout)
    return {"readout.codes": _packed(codes, student.config.weights), "readout.bias": _ints(student.integer_bias())}


def _embedding(student: SpikingEncoder, scale: int) -> Arrays:
    part = student.embedding
    tables = {name: part.int8(getattr(part, name) * part.table_scale) for name in ("token", "position", "segment")}
    return {f"embedding.{name}": _ints(table, np.int8) for name, table in tables.items()} | {
        "embedding.projection": _ints(part.int8(part.projection * part.projection_scale), np.int8),
        "embedding.bias": _ints(part.integer_bias()),
        "embedding.vth": _scalar(scale),
    }


def _layer(layer: Layer, kind: str, scale: int) -> Arrays:
    out: Arrays = {}
    joint = zip(*(part.chunk(3) for part in (layer.query_key_value.codes(), *layer.query_key_value.registers())))
    for name, (codes, gain, bias) in zip(("query", "key", "value"), joint):
        out |= _population(name, codes, gain, bias, kind, scale)
    for name in ("attended", "hidden", "output"):
        part: Synapses = getattr(layer, name)
        out |= _population(name, part.codes(), *part.registers(), kind, scale)
    for name in ("score", "context"):
        out |= {f"{name}.gain": _scalar(getattr(layer, name).integer()), f"{name}.vth": _scalar(scale)}
    return out | {f"{name}.skip": _scalar(getattr(layer, f"{name}_skip").integer()) for name in ("attended", "output")}


def _population(name: str, codes: Tensor, gain: Tensor, bias: Tensor, kind: str, scale: int) -> Arrays:
    return {
        f"{name}.codes": _packed(codes, kind),
        f"{name}.gain": _ints(gain, np.int8),
        f"{name}.bias": _ints(bias),
        f"{name}.vth": _scalar(scale),
    }


def _packed(codes: Tensor, kind: str) -> NDArray[np.uint8]:
    return pack_codes(_ints(codes, np.int8), kind)


def _ints(values: Tensor, kind: type[np.signedinteger] = np.int32) -> NDArray[Any]:
    found, low, high = np.rint(values.detach().double().numpy()), np.iinfo(kind).min, np.iinfo(kind).max
    if not ((low <= found) & (found <= high)).all():
        raise CheckpointError(f"training left {found.min():g}..{found.max():g} where a checkpoint holds {low}..{high}", "a lower rate")
    return found.astype(kind)


def _scalar(value: int) -> NDArray[np.int32]:
    return np.array([value], np.int32)
