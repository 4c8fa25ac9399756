"""The texts that `verify` and `deploy` run: of a GLUE folder, or random token sequences of random lengths."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.runtime.errors import DataError
from tritspike.runtime.host import language
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.tasks import dataset, labelled

_RANDOM = 16  # most tokens of a random sequence where a text has no end


def chosen_tokens(encoder: Encoder, o: argparse.Namespace) -> list[Tokens]:
    """By the options data, random, limit and seed. A language model's data is a text file: whole windows of it, or its first tokens in one run."""
    if o.data is not None and encoder.program.each:
        return (file_start if encoder.program.flows else file_windows)(encoder, Path(o.data), o.limit)
    if o.data is not None:
        host = encoder.program.host
        task, data = labelled.of_program(host.task, host.labels, o.data, o.program)
        examples = dataset.read(task, data, "dev", o.limit or 64)
        with told_warnings():
            return encoder.tokens([e.text for e in examples])
    return random_tokens(encoder, o.limit or o.random, o.seed)


def random_tokens(encoder: Encoder, count: int, seed: int) -> list[Tokens]:
    """So many token sequences of random lengths up to the longest that the program takes; the same of the same seed."""
    rng, longest = np.random.default_rng(seed), encoder.program.longest or _RANDOM
    lengths = rng.integers(1, longest + 1, count)
    return [(rng.integers(0, len(encoder.program.host.front.token), n).tolist(), [0] * n) for n in lengths.tolist()]


def file_windows(encoder: Encoder, path: Path, limit: int | None) -> list[Tokens]:
    """The first `limit` (default: 64) runs of a text file's tokens that fill the compiled length, one after another."""
    ids, longest = _file_ids(encoder, path), encoder.program.positions
    parts = [ids[at : at + longest] for at in range(0, len(ids), longest)]
    return [(part, [0] * len(part)) for part in parts[: limit or 64]]


def file_start(encoder: Encoder, path: Path, limit: int | None) -> list[Tokens]:
    """The first `limit` (default: 64) tokens of a text file, fewer where a slot holds fewer, as one sequence."""
    ids = _file_ids(encoder, path)[: min(limit or 64, encoder.program.longest or sys.maxsize)]
    return [(ids, [0] * len(ids))]


def _file_ids(encoder: Encoder, path: Path) -> list[int]:
    ids = language.whole(encoder, read_text(path)).ids
    if not ids:
        raise DataError(f"{path}: the program's tokenizer finds no tokens in it")
    return ids


def read_text(path: Path) -> str:
    """A UTF-8 file. Raises `DataError`."""
    try:
        text = read_regular(path).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}", "--data is a text file") from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text
