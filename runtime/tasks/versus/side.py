"""One of the two models, run: what it answered and what it cost. Also the file by which a child process hands that over.

The file is safetensors: `guesses` (examples,) float64 class indices or numbers, `logits` (examples, classes), `tokens` (examples,) int64;
everything else is JSON in its metadata.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import read_tensors, write_tensors
from tritspike.runtime.tasks.operations import Operations
from tritspike.runtime.tasks.spike_rates import Count, Counts, mean
from tritspike.runtime.tasks.versus.sources import Digest

FORMAT, VERSION = "tritspike-side", 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Side:
    """guesses: (examples,) class indices or numbers; logits: (examples, classes), integers where the model's are; tokens: read of each text.

    parameters: learned numbers, embeddings included. spikes: by population, empty for a teacher; apart: of coincidence neurons and relays,
    a program's alone. operations: a sentence in 45 nm, None for what has to be lowered first; same_size: of a float model of its widths.
    """

    source: str
    kind: str
    files: tuple[Digest, ...]
    parameters: int
    guesses: NDArray[np.float64]
    logits: NDArray[Any]
    tokens: NDArray[np.int64]
    spikes: Counts = field(default_factory=dict)
    apart: Counts = field(default_factory=dict)
    operations: Operations | None = None
    same_size: Operations | None = None

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(f.bytes for f in self.files)

    @property
    def mean_rate(self) -> float | None:
        """Mean spike rate over populations."""
        return mean(self.spikes)


_ARRAYS = ("guesses", "logits", "tokens")
_COUNTS = ("spikes", "apart")


def save(side: Side, path: Path) -> None:
    """Write atomically."""
    body = {"format": FORMAT, "version": VERSION} | {k: v for k, v in asdict(side).items() if k not in _ARRAYS}
    write_tensors(path, {name: getattr(side, name) for name in _ARRAYS}, {"tritspike": json.dumps(body)})


def load(path: Path) -> Side:
    """Read what `save` wrote. Raises `FileError`."""
    arrays, metadata = read_tensors(path)
    with decoding(path, "answer of models.predict", FileError):
        body = json.loads(metadata["tritspike"])
        if (body.pop("format"), body.pop("version")) != (FORMAT, VERSION):
            raise FileError(f"{path}: not {FORMAT} version {VERSION}")
        body |= {name: {k: Count(**v) for k, v in body[name].items()} for name in _COUNTS}
        body |= {"files": tuple(Digest(**f) for f in body["files"])} | arrays
        return Side(**body)
