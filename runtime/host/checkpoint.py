"""Read a checkpoint folder and refuse whatever its schema (`runtime/checkpoint.py`) does not allow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.checkpoint import CheckpointConfig, check_tensors, config_from_json, unpack_codes
from tritspike.runtime.errors import CheckpointError
from tritspike.runtime.files import Arrays, read_json, read_tensors
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from


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


_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_EXPECTED = f"a checkpoint is a folder of {', '.join(_FILES)}"


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read `folder`. Raises `FileError` for files that are missing or damaged, `CheckpointError` for what the schema forbids."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}", _EXPECTED)
    if not any((folder / name).exists() for name in _FILES):
        raise CheckpointError(f"{folder}: not a checkpoint", _EXPECTED)
    config = config_from_json(read_json(folder / "config.json"), f"{folder}/config.json")
    arrays, _ = read_tensors(folder / "model.safetensors")
    text = text_of(folder / "tokenizer.json")
    tokenizer_from(text, f"{folder}/tokenizer.json").require_usable(config.vocabulary, CheckpointError)
    check_tensors(arrays, config, f"{folder}/model.safetensors")
    return Checkpoint(config, arrays, text)
