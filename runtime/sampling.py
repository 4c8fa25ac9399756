"""The texts that `verify` and `deploy` run: of a GLUE folder, or random token sequences of random lengths."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console

from runtime import glue
from runtime.text import Encoder, Tokens


@contextmanager
def told_warnings() -> Iterator[None]:
    """Warnings, such as that a text is cut, become lines on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        Console(stderr=True, highlight=False).print(f"warning: {warning.message}", soft_wrap=True)


def chosen_tokens(encoder: Encoder, o: argparse.Namespace) -> list[Tokens]:
    """By the options data, random, limit and seed."""
    if o.data is not None:
        examples = glue.read(glue.task_named(encoder.program.host.task), o.data, "dev", o.limit or 64)
        with told_warnings():
            return encoder.tokens([e.text for e in examples])
    rng, longest = np.random.default_rng(o.seed), encoder.program.dims.positions
    lengths = rng.integers(1, longest + 1, o.limit or o.random)
    return [(rng.integers(0, len(encoder.program.host.front.token), n).tolist(), [0] * n) for n in lengths.tolist()]
