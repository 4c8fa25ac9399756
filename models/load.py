"""A checkpoint back as a student in integer mode: to train on, and to hold torch against the other executors."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models.bispikclm import SpikingLM
from tritspike.models.spiking import Synapses, Weight
from tritspike.models.spiking_bert import BertConfig, Embedding, Layer, SpikingBert, SpikingEncoder
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import EACH, CheckpointConfig, check_tensors, config_from_json, unpack_codes
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import Arrays, read_json, read_tensors

Some = TypeVar("Some", bound=SpikingEncoder)


@torch.no_grad()
def load_student(folder: Path) -> SpikingBert:
    """The folded student of a checkpoint whose populations share one threshold, as ours do; `InputError` where they do not."""
    student, arrays, config = _filled(SpikingBert, folder)
    student.quantise = _as_stored
    student.readout.copy_(_codes(arrays, "readout", config.hidden, config.weights))
    student.readout_bias = _double(arrays["readout.bias"] / (arith.ONE * config.steps))
    student.logit_scale = _double(config.logit_scale)
    return student.eval()


@torch.no_grad()
def load_language_model(folder: Path) -> SpikingLM:
    """The same of a language model's checkpoint."""
    student, arrays, config = _filled(SpikingLM, folder)
    student.head.copy_(torch.from_numpy(arrays["head.weight"]))
    student.head_bias = _double(arrays["head.bias"] / arith.ONE)
    student.head_scale, student.unit = 1.0, config.steps / config.logit_scale if config.logit_scale else math.inf
    del student.norm
    return student.eval()


def _filled(kind: type[Some], folder: Path) -> tuple[Some, Arrays, CheckpointConfig]:
    """A student with everything but its readout."""
    config = config_from_json(read_json(folder / "config.json"), f"{folder}/config.json")
    if (config.readout == EACH) != issubclass(kind, SpikingLM):
        raise InputError(f"{folder}: its readout is {config.readout!r}, {'a language model' if config.readout == EACH else 'a classifier'}")
    arrays, _ = read_tensors(folder / "model.safetensors")
    check_tensors(arrays, config, f"{folder}/model.safetensors")
    student = kind(BertConfig(**{f.name: getattr(config, f.name) for f in fields(BertConfig)}))
    thresholds = {int(array[0]) for name, array in arrays.items() if name.endswith(".vth")}
    if len(thresholds) != 1:
        raise InputError(f"{folder}: populations have {len(thresholds)} different thresholds; integer mode trains with one")
    student.scale = thresholds.pop()
    scale = max(student.scale, 1)  # what is learned counts in thresholds; where these are 0, in synaptic units
    _fill_embedding(student.embedding, arrays, config, scale)
    for n, layer in enumerate(student.blocks()):
        _fill_layer(layer, {k[len(f"layer.{n}.") :]: v for k, v in arrays.items() if k.startswith(f"layer.{n}.")}, config, scale)
    return student, arrays, config


def _double(values: NDArray[Any] | float) -> nn.Parameter:
    """float32 holds neither every int32 nor every `logit_scale`."""
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def _as_stored(weight: Tensor) -> Tensor:
    return weight


def _codes(arrays: Arrays, name: str, columns: int, kind: str) -> Tensor:
    return torch.from_numpy(unpack_codes(arrays[f"{name}.codes"], columns, kind, name)).float()


def _fill_embedding(part: Embedding, arrays: Arrays, config: CheckpointConfig, scale: int) -> None:
    for name in ("token", "position", "segment", "projection"):
        getattr(part, name).copy_(torch.from_numpy(arrays[f"embedding.{name}"]))
    part.bias = _double(arrays["embedding.bias"])
    part.table_scale = part.projection_scale = 1.0
    part.lowest = -128
    part.shift, part.scale = config.embedding_shift, scale
    del part.norm


def _fill_layer(layer: Layer, arrays: Arrays, config: CheckpointConfig, scale: int) -> None:
    width, kind = config.heads * config.head_dim, config.weights
    _fill_synapses(layer.query_key_value, arrays, ("query", "key", "value"), config.hidden, kind, scale)
    heard = config.window * config.hidden
    for part, name, columns in ((layer.attended, "attended", width), (layer.hidden, "hidden", heard), (layer.output, "output", config.ffn)):
        _fill_synapses(part, arrays, (name,), columns, kind, scale)
    for weight, name in (
        (layer.score, "score.gain"),
        (layer.context, "context.gain"),
        (layer.attended_skip, "attended.skip"),
        (layer.output_skip, "output.skip"),
    ):
        _fill_weight(weight, int(arrays[name][0]), scale)


def _fill_synapses(part: Synapses, arrays: Arrays, names: tuple[str, ...], columns: int, kind: str, scale: int) -> None:
    part.quantise = _as_stored
    part.weight.copy_(torch.cat([_codes(arrays, name, columns, kind) for name in names]))
    gain, bias = (np.concatenate([arrays[f"{name}.{what}"] for name in names]).astype(np.int64) for what in ("gain", "bias"))
    part.gain = nn.Parameter(torch.from_numpy(gain / scale).float())
    part.bias_grid = torch.cat([torch.full((len(arrays[f"{name}.bias"]),), float(_grid(arrays[f"{name}.bias"]))) for name in names])
    part.shift = nn.Parameter(torch.from_numpy(bias / (scale * arith.ONE)).float())
    part.scale = scale
    del part.norm


def _grid(bias: NDArray[np.int32]) -> int:
    """The coarsest power of two, up to 2^7, that all biases are multiples of."""
    common = int(np.gcd.reduce(bias.astype(np.int64))) or 1
    return min(common & -common, 1 << arith.BIAS_EXPONENT_LIMIT)


def _fill_weight(weight: Weight, value: int, scale: int) -> None:
    weight.log.fill_(math.log(value / scale) if value else -math.inf)
    weight.scale = scale
