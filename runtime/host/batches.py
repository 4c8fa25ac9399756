"""How texts go through an executor: in batches of rows where it mixes lengths, else sorted by length on programs cut to fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import Engine, Executor, How
from tritspike.runtime.executors.table import able, executor
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.host.text import Encoder, Text, Tokens
from tritspike.runtime.network.outcome import ANSWERS, Activity, Ask
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.sequences import Sequences
from tritspike.runtime.parallel import ordered_map

_GRID = 8  # lengths are rounded up to this, so that few programs serve all texts; each start of Lava costs seconds
_READ = 256  # texts tokenised at once,
_CHARACTERS = 1 << 20  # or fewer where these are many: a tokeniser holds some hundred bytes for each
_GROUP = 1024  # texts that are sorted by length: enough that a start of Lava is little beside them


@dataclass(frozen=True, eq=False)
class Batch:
    """Some texts in a row. tokens: what was read of each; logits: (texts, classes) int64; lengths: (texts,) tokens; activity: if counted."""

    tokens: list[Tokens]
    logits: NDArray[np.int64]
    lengths: NDArray[np.int64]
    activity: Activity | None = None


@dataclass(frozen=True, eq=False)
class Answers:
    """logits: (texts, classes) int64; lengths: (texts,) tokens that were read; activity: of all texts at the compiled length, if counted."""

    logits: NDArray[np.int64]
    lengths: NDArray[np.int64]
    activity: Activity | None = None


def _ignore(_count: int) -> None:
    """Nobody counts the texts that are done."""


def run(program: Program, rows: Rows | Sequences, name: str, how: How | None = None, ask: Ask = ANSWERS) -> Result:
    """What an executor finds of encoded texts. Raises `InputError`, and what the executor's own run raises."""
    return on(program, executor(name).prepare(program.scheduled, how or How()), rows, ask)


def on(program: Program, engine: Engine, rows: Rows | Sequences, ask: Ask = ANSWERS) -> Result:
    """The same on an engine that was prepared for the program."""
    return program.result(rows, engine.run(rows, ask))


def answer(
    encoder: Encoder, texts: Iterable[Text], name: str, how: How | None = None, step: Callable[[int], None] = _ignore, before: int = 0
) -> Answers:
    """Integer logits of any number of texts. `step(n)` after n more. before: texts that came before them, from which messages number them."""
    return summed(encoder.program, answered(encoder, texts, name, how, step, before))


def answered(
    encoder: Encoder, texts: Iterable[Text], name: str, how: How | None = None, step: Callable[[int], None] = _ignore, before: int = 0
) -> Iterator[Batch]:
    """The same as it comes: batches in order, `texts` read as they are needed, never more than a few batches in hand.

    An executor that does not mix lengths runs a text on the program cut to the shortest length that holds it, which changes no answer: padded
    positions are silent, and every proof for the compiled length holds for fewer positions.
    """
    how, found = how or How(), executor(name)
    if encoder.program.each:
        raise InputError("a language model has no label for a text", "runtime/host/language.py")
    if how.count and not found.can.counts:
        raise InputError(f"{name} does not count spikes and events", f"--executor {able('counts')}")
    tokens = _tokens(encoder, texts, how.strict, before)
    return batched(encoder, tokens, found, how, step) if found.can.mixed_lengths else _grouped(encoder, tokens, found, how, step)


def _tokens(encoder: Encoder, texts: Iterable[Text], strict: bool, done: int) -> Iterator[Tokens]:
    for some in _read_at_once(texts):
        yield from encoder.tokens(some, strict, done)
        done += len(some)


def _read_at_once(texts: Iterable[Text]) -> Iterator[list[Text]]:
    some: list[Text] = []
    characters = 0
    for text in texts:
        some.append(text)
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if len(some) >= _READ or characters >= _CHARACTERS:
            yield some
            some, characters = [], 0
    if some:
        yield some


def streamed(encoder: Encoder, tokens: Iterable[Tokens], name: str, how: How, step: Callable[[int], None] = _ignore) -> Answers:
    """What an executor that mixes lengths answers to token lists that are read as they are needed, a batch a thread at once."""
    return summed(encoder.program, batched(encoder, tokens, executor(name), how, step))


def batched(encoder: Encoder, tokens: Iterable[Tokens], found: Executor, how: How, step: Callable[[int], None] = _ignore) -> Iterator[Batch]:
    """Batches of token lists, in order."""
    engine = found.prepare(encoder.program.scheduled, how)
    size = engine.rows_at_once(how)
    for batch in ordered_map(partial(_run, encoder, engine, Ask(count=how.count)), cut(tokens, size), threads(found, how)):
        step(len(batch.lengths))
        yield batch


def threads(found: Executor, how: How) -> int:
    """How many batches run at once."""
    return how.threads if found.can.threads else 1


def _run(encoder: Encoder, engine: Engine, ask: Ask, tokens: list[Tokens]) -> Batch:
    rows = encoder.rows(tokens)
    result = on(encoder.program, engine, rows, ask)
    return Batch(tokens, result.logits, rows.lengths, result.activity)


def summed(program: Program, found: Iterable[Batch | Answers]) -> Answers:
    """One after another."""
    logits, lengths = [np.zeros((0, program.classes), np.int64)], [np.zeros(0, np.int64)]
    activity: Activity | None = None
    for batch in found:
        logits.append(batch.logits)
        lengths.append(batch.lengths)
        activity = activity + batch.activity if activity and batch.activity else batch.activity
    return Answers(np.concatenate(logits), np.concatenate(lengths), activity)


def cut(tokens: Iterable[Tokens], size: int) -> Iterator[list[Tokens]]:
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


def _grouped(encoder: Encoder, tokens: Iterator[Tokens], found: Executor, how: How, step: Callable[[int], None]) -> Iterator[Batch]:
    while some := list(islice(tokens, _GROUP)):
        yield _by_length(encoder, some, found, how, step)


def _by_length(encoder: Encoder, tokens: list[Tokens], found: Executor, how: How, step: Callable[[int], None]) -> Batch:
    by_length = dict[int, list[int]]()
    for row, (ids, _) in enumerate(tokens):
        by_length.setdefault(fitting(encoder.program, len(ids), found), []).append(row)
    logits = np.zeros((len(tokens), encoder.program.classes), np.int64)
    for length, rows in sorted(by_length.items()):
        program = at_length(encoder.program, length)
        logits[rows] = on(program, found.prepare(program.scheduled, how), encoder.rows([tokens[r] for r in rows], length)).logits
        step(len(rows))
    return Batch(tokens, logits, np.array([len(ids) for ids, _ in tokens], np.int64))


def fitting(program: Program, length: int, found: Executor) -> int:
    """The length that texts of `length` tokens are run at."""
    return min(program.positions, -(-length // _GRID) * _GRID) if found.can.cut else program.positions


def at_length(program: Program, length: int) -> Program:
    """The program itself where it is compiled for that length: what was prepared for it, or mapped, is of that object."""
    return program if length == program.positions else program.at_length(length)
