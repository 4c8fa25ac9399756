"""The executors by name, and how a batch of token lists goes through one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputError
from runtime.lava import TIME_LIMIT
from runtime.program import Program, Result, Samples
from runtime.simulator import fast, reference
from runtime.text import Encoder

Executor = Callable[..., Result]
Tokens = tuple[list[int], list[int]]
_FAST_BATCH = 32  # samples at once: a few hundred MiB at most for the shipped program
_LAVA_GRID = 8  # lengths are rounded up to this, so that few programs serve all texts; each start costs seconds


def _lava(program: Program, samples: Samples, record: bool = False, limit: float = TIME_LIMIT) -> Result:
    from runtime.lava import executor

    return executor.run(program, samples, record, limit)


EXECUTORS: dict[str, Executor] = {"fast": fast.run, "reference": reference.run, "lava": _lava}


def executor(name: str, limit: float = TIME_LIMIT) -> Executor:
    """The executor of that name; `InputError` lists the known ones. `limit`: seconds after which one run of Lava is given up."""
    if name not in EXECUTORS:
        raise InputError(f"executor {name!r} is unknown", f"one of {', '.join(EXECUTORS)}")
    return partial(_lava, limit=limit) if name == "lava" else EXECUTORS[name]


def logits(
    encoder: Encoder, tokens: Sequence[Tokens], name: str, step: Callable[[int], None] = lambda n: None, limit: float = TIME_LIMIT
) -> NDArray[np.int64]:
    """(texts, classes) integer logits, each text on the program cut to the shortest length that holds it. `step(n)` after n more texts.

    Cutting changes no answer: padded positions are silent, and every proof for the compiled length holds for fewer positions.
    """
    run, out = executor(name, limit), np.zeros((len(tokens), encoder.program.dims.classes), np.int64)
    for length, rows in _batches(tokens, encoder.program.dims.positions, name):
        program = encoder.program.at_length(length)
        out[rows] = run(program, encoder.samples([tokens[r] for r in rows], length)).logits
        step(len(rows))
    return out


def _batches(tokens: Sequence[Tokens], longest: int, name: str) -> Iterator[tuple[int, list[int]]]:
    grid = 1 if name == "fast" else _LAVA_GRID
    by_length: dict[int, list[int]] = {}
    for row, (ids, _) in enumerate(tokens):
        by_length.setdefault(min(longest, -(-len(ids) // grid) * grid), []).append(row)
    for length, rows in sorted(by_length.items()):
        size = _FAST_BATCH if name == "fast" else len(rows)
        yield from ((length, rows[at : at + size]) for at in range(0, len(rows), size))
