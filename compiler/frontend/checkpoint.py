"""Read a checkpoint folder and refuse whatever its schema (`runtime/checkpoint.py`) does not allow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import arith
from runtime.checkpoint import CheckpointConfig, config_from_json, tensor_table, unpack_codes
from runtime.errors import CheckpointError
from runtime.files import Arrays, read_json, read_tensors
from runtime.tokenizer import text_of, tokenizer_from


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checked checkpoint: its config, tensors as stored, and the tokenizer's JSON."""

    config: CheckpointConfig
    tensors: Arrays
    tokenizer: str

    def codes(self, name: str, columns: int) -> NDArray[np.int8]:
        """(rows, columns) unpacked codes of a matrix."""
        return unpack_codes(self.tensors[f"{name}.codes"], columns, self.config.weights, f"{name}.codes")

    def integers(self, name: str) -> NDArray[np.int64]:
        """A tensor as int64."""
        return self.tensors[name].astype(np.int64)

    def scalar(self, name: str) -> int:
        """A one-element tensor's value."""
        return int(self.tensors[name][0])


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read `folder`. Raises `FileError` for files that are missing or damaged, `CheckpointError` for what the schema forbids."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such checkpoint folder")
    config = config_from_json(read_json(folder / "config.json"), f"{folder}/config.json")
    arrays, _ = read_tensors(folder / "model.safetensors")
    text = text_of(folder / "tokenizer.json")
    tokenizer_from(text, f"{folder}/tokenizer.json").require_usable(config.vocabulary, CheckpointError)
    _check_tensors(arrays, config, f"{folder}/model.safetensors")
    return Checkpoint(config, arrays, text)


def _check_tensors(arrays: Arrays, config: CheckpointConfig, where: str) -> None:
    table = tensor_table(config)
    for name in sorted(arrays.keys() ^ table.keys()):
        raise CheckpointError(f"{where}: tensor {name} is {'missing' if name in table else 'not part of the schema'}")
    for name, (dtype, shape) in table.items():
        found = arrays[name]
        if np.issubdtype(found.dtype, np.floating) and np.isnan(found).any():
            raise CheckpointError(f"{where}: tensor {name} holds NaN; every tensor is {dtype} or another integer")
        if (str(found.dtype), found.shape) != (dtype, shape):
            raise CheckpointError(f"{where}: tensor {name} is {found.dtype}{list(found.shape)}, config.json asks for {dtype}{list(shape)}")
        _check_values(name, found, where)


def _check_values(name: str, found: NDArray[Any], where: str) -> None:
    limits = {
        "vth": (0, arith.VTH_LIMIT),
        "gain": (-arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT),
        "weight": (-arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT),
        "skip": (0, arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT),
    }
    kind = name.rsplit(".", 1)[-1]
    low, high = limits.get(kind, (0, 0))
    if name.endswith(("score.gain", "context.gain")):
        low, high = 0, arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT
    if kind in limits and not low <= found.min() <= found.max() <= high:
        raise CheckpointError(f"{where}: tensor {name} holds {found.min()}..{found.max()}, allowed {low}..{high}")
