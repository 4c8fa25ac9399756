"""An evaluation in shards: what is asked of a program piece by piece, wherever each piece is run, and what the answers say together.

A shard holds the texts or windows themselves and is run by `run(encoder, ...)`; a job cuts one program's question into shards and makes one
result of their values. Joined in order these are those of one shard: logits are integers, and a perplexity is an exact sum of each token's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

from tritspike.runtime.executors.base import How
from tritspike.runtime.host import batches, language
from tritspike.runtime.host.batches import Answers
from tritspike.runtime.host.language import Score, Window, Windowed
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.reading import Reading
from tritspike.runtime.host.text import Encoder, Text
from tritspike.runtime.tasks import evaluation
from tritspike.runtime.tasks.labelled import Example, Task
from tritspike.runtime.tasks.perplexity import Perplexity, windows_of

_TEXTS, _WINDOWS = (64, 1024), (16, 128)  # a shard's: on `fast` up to some tenths of a second, beside which what it costs to send one is little
_SHARDS = 16  # of a job where that leaves them as large: enough for some workers, and little lost with one
WHOLE = sys.maxsize
Step = Callable[[int], None]


class Shard(Protocol):
    """size: texts, or tokens that are predicted, for progress; 0 where nobody knows before."""

    @property
    def size(self) -> int:
        """See above."""

    def run(self, encoder: Encoder, executor: str, how: How, step: Step) -> Any:
        """Its value. Raises what the program's run raises."""


@dataclass(frozen=True)
class Texts:
    """Texts that are labelled, behind `before` others."""

    texts: tuple[Text, ...]
    before: int

    @property
    def size(self) -> int:
        """How many."""
        return len(self.texts)

    def run(self, encoder: Encoder, executor: str, how: How, step: Step) -> Answers:
        """Their logits."""
        return batches.answer(encoder, self.texts, executor, how, step, self.before)


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one text, in order."""

    windows: tuple[Window, ...]

    @property
    def size(self) -> int:
        """Tokens that they predict."""
        return sum(len(w.targets) for w in self.windows)

    def run(self, encoder: Encoder, executor: str, how: How, step: Step) -> list[float]:
        """Minus the log probability of each of those."""
        return language.window_nats(encoder, iter(self.windows), executor, how, step)


@dataclass(frozen=True)
class OnePass:
    """A text that flows through the program: each token needs all before it."""

    text: str
    size: int = 0

    def run(self, encoder: Encoder, executor: str, how: How, step: Step) -> Score:
        """How well it is predicted."""
        return language.flowed(encoder, self.text, Reading(encoder, executor, how), step)


@dataclass(frozen=True)
class Result:
    """line: for people; report: for JSON."""

    line: str
    report: dict[str, Any]


class Job(Protocol):
    """What is asked of one program."""

    @property
    def name(self) -> str:
        """As it was asked for."""

    @property
    def program(self) -> Program:
        """Its program."""

    @property
    def size(self) -> int:
        """As a shard's."""

    @property
    def usual(self) -> int:
        """Texts or windows of a shard, where nobody says how many."""

    def shards(self, size: int) -> Iterator[Shard]:
        """Of so many texts or windows, in order."""

    def result(self, values: Sequence[Any], executor: str, seconds: float) -> Result:
        """Of all shards' values, in order."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """A classifier on a task's examples."""

    name: str
    program: Program
    task: Task
    split: str
    examples: Sequence[Example]

    @property
    def size(self) -> int:
        """Texts."""
        return len(self.examples)

    @property
    def usual(self) -> int:
        """Texts."""
        return _usual(self.size, *_TEXTS)

    def shards(self, size: int) -> Iterator[Texts]:
        """Of `size` texts."""
        texts = tuple(e.text for e in self.examples)
        return (Texts(texts[at : at + size], at) for at in range(0, len(texts), size))

    def result(self, values: Sequence[Answers], executor: str, seconds: float) -> Result:
        """Its metrics."""
        answers = batches.summed(self.program, values)
        found = evaluation.judged(self.program, self.task, self.examples, answers, executor, seconds)
        return Result(evaluation.line(found, self.split), evaluation.report(found, self.split))


@dataclass(frozen=True, eq=False)
class InWindows:
    """A language model on a text, in windows `stride` tokens apart (default: half a window)."""

    name: str
    program: Program
    file: str
    text: str
    stride: int | None

    @cached_property
    def _how_read(self) -> dict[str, int]:
        return windows_of(self.program, self.stride)

    @cached_property
    def _read(self) -> Windowed:
        return language.windowed(Encoder(self.program), self.text, self._how_read["stride"])

    @property
    def size(self) -> int:
        """Tokens."""
        return len(self._read.ids) - self._read.first

    @property
    def usual(self) -> int:
        """Windows."""
        return _usual(self.size // self._read.stride, *_WINDOWS)

    def shards(self, size: int) -> Iterator[Windows]:
        """Of `size` windows."""
        windows = self._read.windows()
        while some := tuple(islice(windows, size)):
            yield Windows(some)

    def result(self, values: Sequence[list[float]], executor: str, seconds: float) -> Result:
        """Its perplexity."""
        score = self._read.score([nats for some in values for nats in some])
        return _of_text(self.file, Perplexity(score, self._how_read, executor, seconds))


@dataclass(frozen=True, eq=False)
class InOnePass:
    """A language model through which a text's tokens flow."""

    name: str
    program: Program
    file: str
    text: str

    size, usual = 0, WHOLE

    def shards(self, size: int) -> Iterator[OnePass]:
        """One: its pass cannot be cut."""
        yield OnePass(self.text)

    def result(self, values: Sequence[Score], executor: str, seconds: float) -> Result:
        """Its perplexity."""
        (score,) = values
        return _of_text(self.file, Perplexity(score, {}, executor, seconds))


def _usual(total: int, least: int, most: int) -> int:
    return min(max(total // _SHARDS, least), most)


def _of_text(file: str, found: Perplexity) -> Result:
    return Result(f"{file}: {found}", {"data": file, **found.report()})
