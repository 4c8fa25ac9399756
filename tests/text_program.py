"""Programs of random checkpoints, and the rows that texts are of them."""

from __future__ import annotations

from pathlib import Path

import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.rows import Rows


def program(folder: Path, length: int | None = None, head: str = "host", profile: str = "hala-point") -> Program:
    return lower(folder, profile, length=length, head=head)


def rows(p: Program, tokens) -> Rows:
    return Encoder(p).rows(tokens)


def of_texts(p: Program, seed: int, count: int, longest: int) -> Rows:
    encoder = Encoder(p)
    return encoder.rows(encoder.tokens(random_checkpoint.texts(seed, count, longest)))
