"""What a program says about each text of a stream, by name: in order, and never more than a few batches of it in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee

import numpy as np

from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host.batches import Batch
from tritspike.runtime.host.text import Encoder, Text, Tokens
from tritspike.runtime.tasks.evaluation import shares
from tritspike.runtime.tasks.labelled import label_names

Ranked = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Answer:
    """One text's. label: the best one's name, None for regression; score: its probability by softmax, or regression's number.

    Either is not finite where the program's scale overflows: what is exact is the logits. tokens: those that were read, after any cut.
    ranked: all labels with their probabilities, best first; of equal logits the earlier label, as everywhere here.
    """

    text: Text
    label: str | None
    score: float
    logits: tuple[int, ...]
    tokens: tuple[str, ...]
    ranked: Ranked


def answers(encoder: Encoder, texts: Iterable[Text], executor: str = DEFAULT, how: How | None = None) -> Iterator[Answer]:
    """Of each text, as they are read. Raises `InputError` at once for what no text could change, later for the text that it names."""
    return chain.from_iterable(in_batches(encoder, texts, executor, how))


def in_batches(
    encoder: Encoder, texts: Iterable[Text], executor: str = DEFAULT, how: How | None = None, step: Callable[[int], None] = lambda n: None
) -> Iterator[list[Answer]]:
    """The same as they become known, several at once. `step(n)` after n more."""
    read, kept = tee(texts)
    found = batches.answered(encoder, read, executor, how, step)
    return (_named(encoder, batch, list(islice(kept, len(batch.lengths)))) for batch in found)


def _named(encoder: Encoder, batch: Batch, texts: Sequence[Text]) -> list[Answer]:
    program, names = encoder.program, encoder.tokenizer.names
    scores = program.scores(batch.logits, batch.lengths)
    read = [_token_names(tokens, names) for tokens in batch.tokens]
    logits = map(tuple, batch.logits.tolist())
    if not program.host.labels:
        return [Answer(text, None, score, exact, tokens, ()) for text, score, exact, tokens in zip(texts, scores[:, 0].tolist(), logits, read)]
    ranked = _ranked(label_names(program.host.task, program.host.labels), batch.logits, shares(scores))
    return [Answer(text, *best[0], exact, tokens, best) for text, best, exact, tokens in zip(texts, ranked, logits, read)]


def _ranked(labels: Sequence[str], logits: np.ndarray, probabilities: np.ndarray) -> list[Ranked]:
    order = np.argsort(~logits, 1, kind="stable")  # ~x is -1 - x, which no int64 overflows
    names = np.array(labels, object)[order].tolist()
    return [tuple(zip(*row)) for row in zip(names, np.take_along_axis(probabilities, order, 1).tolist())]


def _token_names(tokens: Tokens, names: dict[int, str]) -> tuple[str, ...]:
    return tuple([names.get(i) or f"[{i}]" for i in tokens[0]])  # a template may add ids that no token has
