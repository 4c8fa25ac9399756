"""A program against labelled examples, and executors against each other: what the commands print and the API returns."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor, require_different
from tritspike.runtime.host import batches
from tritspike.runtime.host.batches import Answers
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder, Text, Tokens
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.labelled import Example, Task

_CHUNK = 32  # samples compared at once: every spike of every population is held for each executor


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """metrics: the task's, by name; predictions: class indices (regression: numbers); seconds: from tokens to logits."""

    task: str
    executor: str
    metrics: dict[str, float]
    predictions: tuple[float, ...]
    answers: Answers
    seconds: float

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {value:.6f}" for name, value in self.metrics.items())
        return f"{self.task}: {shown} on {len(self.predictions)} examples, {self.executor}, {self.seconds:.1f} s"


def evaluate(
    encoder: Encoder, task: Task, examples: Sequence[Example], executor: str, how: How | None = None, step: Callable[[int], None] = lambda n: None
) -> Evaluation:
    """The task's metrics of the program's answers to `examples`. Raises `InputError`."""
    start = time.perf_counter()
    answers = batches.answer(encoder, [e.text for e in examples], executor, how, step)
    return judged(encoder.program, task, examples, answers, executor, time.perf_counter() - start)


def judged(program: Program, task: Task, examples: Sequence[Example], answers: Answers, executor: str, seconds: float) -> Evaluation:
    """The same of answers that were found in so many seconds."""
    found = tuple(program.guesses(answers.logits, answers.lengths).tolist())
    metrics = {name: round(value, 6) for name, value in labelled.score(task, found, [e.label for e in examples]).items()}
    return Evaluation(task=task.name, executor=executor, metrics=metrics, predictions=found, answers=answers, seconds=seconds)


def line(found: Evaluation, split: str) -> str:
    """What a command prints."""
    return f"{found.task} {split}{str(found).removeprefix(found.task)}"


def report(found: Evaluation, split: str) -> dict[str, Any]:
    """What a command writes as JSON, in which there is no NaN."""
    activity = found.answers.activity
    return {
        **{name: value if math.isfinite(value) else None for name, value in found.metrics.items()},
        "task": found.task,
        "split": split,
        "executor": found.executor,
        "examples": len(found.predictions),
        "seconds": round(found.seconds, 2),
        "predictions": list(found.predictions),
        "logits": found.answers.logits.tolist(),
        **(asdict(activity) if activity else {}),
    }


def shares(scores: np.ndarray) -> np.ndarray:
    """(texts, classes) probabilities by softmax; nan where a score is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.exp(scores - scores.max(1, keepdims=True))
        return np.where(np.isfinite(scores).all(1, keepdims=True), found / found.sum(1, keepdims=True), np.nan)


@dataclass(frozen=True)
class Verified:
    """Executors that gave the same spikes: of `samples` texts in `populations` populations, `cells` (neuron, step) cells.

    tokens: of all texts, where they flow through the program.
    """

    executors: tuple[str, ...]
    samples: int
    populations: int
    cells: int
    tokens: int | None = None

    def __str__(self) -> str:
        of = f"{self.samples} sample{'' if self.samples == 1 and self.tokens else 's'}" + (f" of {self.tokens:,} tokens" if self.tokens else "")
        return f"equal: {' == '.join(self.executors)} on {of}, {self.populations} populations, {self.cells:,} (neuron, step) cells"


def verify(encoder: Encoder, tokens: Sequence[Tokens], names: Sequence[str], against: str, how: How | None = None) -> Verified:
    """Run executors beside each other and compare every spike. Raises `MismatchError` at the first difference, `InputError`."""
    names, program, how = require_different(names, against), encoder.program, how or How()
    if not tokens:
        raise InputError("no texts to compare on")
    engines = {name: executor(name).prepare(program.scheduled, how) for name in (against, *names)}
    cells, ask = 0, Ask(record=True)
    for at in range(0, len(tokens), _CHUNK):
        rows = encoder.rows(tokens[at : at + _CHUNK])
        expected = batches.on(program, engines[against], rows, ask)
        cells += max(require_equal(program, expected, batches.on(program, engines[name], rows, ask), (against, name)) for name in names)
    total = sum(len(ids) for ids, _ in tokens) if program.flows else None
    return Verified((against, *names), len(tokens), len(program.network.populations), cells, total)


def require_classifier(program: Program, where: str) -> None:
    """Raises `InputError` for a language model, which has no label for a text."""
    if program.each:
        raise InputError(f"{where}: a language model, which has no label for a text", "generate or perplexity")


def pairs(texts: Sequence[str]) -> list[Text]:
    """First and second, first and second. Raises `InputError` for an odd number."""
    if len(texts) % 2:
        raise InputError(f"{len(texts)} texts are no pairs", "--pairs takes two texts for each")
    return list(zip(texts[::2], texts[1::2]))
