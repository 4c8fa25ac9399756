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
_READ = 256  # texts tokenised at once,
_CHARACTERS = 1 << 20  # or fewer where these are many: a tokeniser holds some hundred bytes for each
_GROUP = 1024  # texts that `reference` and `lava` sort by length: enough that a start of Lava is little beside them


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


def answer(encoder: Encoder, texts: Iterable[Text], name: str, how: How | None = None, step: Callable[[int], None] = _ignore) -> Answers:
    """Integer logits of any number of texts. `step(n)` after n more."""
    return _summed(encoder, answered(encoder, texts, name, how, step))


def answered(encoder: Encoder, texts: Iterable[Text], name: str, how: How | None = None, step: Callable[[int], None] = _ignore) -> Iterator[Batch]:
    """The same as it comes: batches in order, `texts` read as they are needed, never more than a few batches in hand.

    `fast` answers in batches of tokens. The others run a text on the program cut to the shortest length that holds it, which changes no
    answer: padded positions are silent, and every proof for the compiled length holds for fewer positions.
    """
    how = how or How()
    if encoder.program.each:
        raise InputError("a language model has no label for a text", "runtime/language.py")
    tokens = _tokens(encoder, texts, how.strict)
    if name == "fast":
        return _fast_batches(encoder, tokens, how, step)
    if how.count:
        raise InputError(f"{name} does not count spikes and events", "--executor fast")
    return _grouped(encoder, tokens, executor(name, how.limit), step)


def _tokens(encoder: Encoder, texts: Iterable[Text], strict: bool) -> Iterator[Tokens]:
    done = 0
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


def streamed(encoder: Encoder, tokens: Iterable[Tokens], how: How, step: Callable[[int], None] = _ignore) -> Answers:
    """What `fast` answers to token lists that are read as they are needed, a batch a thread at once."""
    return _summed(encoder, _fast_batches(encoder, tokens, how, step))


def _fast_batches(encoder: Encoder, tokens: Iterable[Tokens], how: How, step: Callable[[int], None]) -> Iterator[Batch]:
    from tritspike.runtime.simulator import fast

    size = fast.batch_tokens(encoder.program, how.threads, how.memory)
    for batch in ordered_map(partial(_run_fast, encoder, how.count), batches(tokens, size), how.threads):
        step(len(batch.lengths))
        yield batch


def _run_fast(encoder: Encoder, count: bool, tokens: list[Tokens]) -> Batch:
    samples = encoder.samples(tokens)
    result = EXECUTORS["fast"](encoder.program, samples, count=count)
    return Batch(tokens, result.logits, samples.lengths, result.activity)


def _summed(encoder: Encoder, found: Iterable[Batch]) -> Answers:
    logits, lengths = [np.zeros((0, encoder.program.dims.classes), np.int64)], [np.zeros(0, np.int64)]
    activity: Activity | None = None
    for batch in found:
        logits.append(batch.logits)
        lengths.append(batch.lengths)
        activity = activity + batch.activity if activity and batch.activity else batch.activity
    return Answers(np.concatenate(logits), np.concatenate(lengths), activity)


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


def _grouped(encoder: Encoder, tokens: Iterator[Tokens], run: Executor, step: Callable[[int], None]) -> Iterator[Batch]:
    while some := list(islice(tokens, _GROUP)):
        yield _by_length(encoder, some, run, step)


def _by_length(encoder: Encoder, tokens: list[Tokens], run: Executor, step: Callable[[int], None]) -> Batch:
    longest, by_length = encoder.program.dims.positions, dict[int, list[int]]()
    for row, (ids, _) in enumerate(tokens):
        by_length.setdefault(min(longest, -(-len(ids) // _LAVA_GRID) * _LAVA_GRID), []).append(row)
    logits = np.zeros((len(tokens), encoder.program.dims.classes), np.int64)
    for length, rows in sorted(by_length.items()):
        logits[rows] = run(encoder.program.at_length(length), encoder.samples([tokens[r] for r in rows], length)).logits
        step(len(rows))
    return Batch(tokens, logits, np.array([len(ids) for ids, _ in tokens], np.int64))
