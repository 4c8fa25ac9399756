"""The executors by name, and how many texts go through one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.lava import TIME_LIMIT
from tritspike.runtime.limits import MEMORY, cores
from tritspike.runtime.parallel import ordered_map
from tritspike.runtime.program import Activity, Program, Result, Samples
from tritspike.runtime.text import Encoder, Text, Tokens

Executor = Callable[..., Result]
_LAVA_GRID = 8  # lengths are rounded up to this, so that few programs serve all texts; each start costs seconds
_READ = 256  # texts tokenised at once


@dataclass(frozen=True, kw_only=True)
class How:
    """How an executor runs. threads, memory (bytes of spikes at once): `fast`'s; limit: seconds before a run of Lava is given up.

    count: have `fast` count spikes and synaptic events. strict: refuse texts longer than the compiled length instead of cutting them.
    """

    threads: int = field(default_factory=cores)
    memory: int = MEMORY
    limit: float = TIME_LIMIT
    count: bool = False
    strict: bool = False


@dataclass(frozen=True, eq=False)
class Answers:
    """logits: (texts, classes) int64; lengths: (texts,) tokens that were read; activity: of all texts at the compiled length, if counted."""

    logits: NDArray[np.int64]
    lengths: NDArray[np.int64]
    activity: Activity | None = None


# each is imported when it is asked for: `fast` brings numba, which takes longer to import than a program to look at


def _fast(program: Program, samples: Samples, record: bool = False, **more: Any) -> Result:
    from tritspike.runtime.simulator import fast

    return fast.run(program, samples, record, **more)


def _reference(program: Program, samples: Samples, record: bool = False) -> Result:
    from tritspike.runtime.simulator import reference

    return reference.run(program, samples, record)


def _lava(program: Program, samples: Samples, record: bool = False, limit: float = TIME_LIMIT) -> Result:
    from tritspike.runtime.lava import executor

    return executor.run(program, samples, record, limit)


EXECUTORS: dict[str, Executor] = {"fast": _fast, "reference": _reference, "lava": _lava}


def executor(name: str, limit: float = TIME_LIMIT) -> Executor:
    """The executor of that name; `InputError` lists the known ones. `limit`: seconds after which one run of Lava is given up."""
    if name not in EXECUTORS:
        raise InputError(f"executor {name!r} is unknown", f"one of {', '.join(EXECUTORS)}")
    return partial(_lava, limit=limit) if name == "lava" else EXECUTORS[name]


def answer(encoder: Encoder, texts: Iterable[Text], name: str, how: How | None = None, step: Callable[[int], None] = lambda n: None) -> Answers:
    """Integer logits of any number of texts. `step(n)` after n more.

    `fast` reads `texts` as it goes and holds a few batches. The others run a text on the program cut to the shortest length that holds it,
    which changes no answer: padded positions are silent, and every proof for the compiled length holds for fewer positions.
    """
    how = how or How()
    if encoder.program.each:
        raise InputError("a language model has no label for a text", "runtime/language.py")
    tokens = _tokens(encoder, texts, how.strict)
    if name == "fast":
        return streamed(encoder, tokens, how, step)
    if how.count:
        raise InputError(f"{name} does not count spikes and events", "--executor fast")
    return _by_length(encoder, list(tokens), executor(name, how.limit), step)


def _tokens(encoder: Encoder, texts: Iterable[Text], strict: bool) -> Iterator[Tokens]:
    left, done = iter(texts), 0
    while some := list(islice(left, _READ)):
        yield from encoder.tokens(some, strict, done)
        done += len(some)


def streamed(encoder: Encoder, tokens: Iterable[Tokens], how: How, step: Callable[[int], None] = lambda n: None) -> Answers:
    """What `fast` answers to token lists that are read as they are needed, a batch a thread at once."""
    from tritspike.runtime.simulator import fast

    size = fast.batch_tokens(encoder.program, how.threads, how.memory)
    found = [Answers(np.zeros((0, encoder.program.dims.classes), np.int64), np.zeros(0, np.int64))]
    activity = Activity(0, {}, {}) if how.count else None
    for answers in ordered_map(partial(_run_fast, encoder, how.count), batches(tokens, size), how.threads):
        found.append(answers)
        activity = activity + answers.activity if activity and answers.activity else activity
        step(len(answers.lengths))
    return Answers(np.concatenate([a.logits for a in found]), np.concatenate([a.lengths for a in found]), activity)


def _run_fast(encoder: Encoder, count: bool, tokens: list[Tokens]) -> Answers:
    samples = encoder.samples(tokens)
    result = EXECUTORS["fast"](encoder.program, samples, count=count)
    return Answers(result.logits, samples.lengths, result.activity)


def batches(tokens: Iterable[Tokens], size: int) -> Iterator[list[Tokens]]:
    """Runs of texts with at most `size` tokens together."""
    batch: list[Tokens] = []
    total = 0
    for ids, segments in tokens:
        if batch and total + len(ids) > size:
            yield batch
            batch, total = [], 0
        batch.append((ids, segments))
        total += len(ids)
    if batch:
        yield batch


def _by_length(encoder: Encoder, tokens: list[Tokens], run: Executor, step: Callable[[int], None]) -> Answers:
    longest, by_length = encoder.program.dims.positions, dict[int, list[int]]()
    for row, (ids, _) in enumerate(tokens):
        by_length.setdefault(min(longest, -(-len(ids) // _LAVA_GRID) * _LAVA_GRID), []).append(row)
    logits = np.zeros((len(tokens), encoder.program.dims.classes), np.int64)
    for length, rows in sorted(by_length.items()):
        logits[rows] = run(encoder.program.at_length(length), encoder.samples([tokens[r] for r in rows], length)).logits
        step(len(rows))
    return Answers(logits, np.array([len(ids) for ids, _ in tokens], np.int64))
