"""The host's front end: text to tokens to integer currents to the spikes that enter the chip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from tritspike.runtime import arith, bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.host.program import TOKENS, FrontEnd, Program
from tritspike.runtime.host.tokenizer import Text as Text
from tritspike.runtime.host.tokenizer import tokenizer_from
from tritspike.runtime.host.told import CutText, too_long
from tritspike.runtime.network.network import Stream
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.sequences import Sequences
from tritspike.runtime.simulator import chosen, plain
from tritspike.runtime.tasks import labelled

Tokens = tuple[list[int], list[int]]  # ids, segments
_LONGER = "lower the checkpoint with a larger --length"
_KINDS = {1: "give each text by itself", 2: "--pairs of classify, a tab between two texts in a file, a tuple of two in Python"}


class Encoder:
    """Tokenizer and encoder LIF of one program. Raises `FileError` where its tokenizer is not sound, or not for its embedding."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_from(program.host.front.tokenizer, "program")
        self.tokenizer.require_usable(len(program.host.front.token))
        self._spoken: dict[int, bits.Words] = {}  # (1, steps, words) of each token that a stream has had

    def tokens(self, texts: Sequence[Text], strict: bool = False, before: int = 0) -> list[Tokens]:
        """(ids, segments) of each text, cut to the compiled length with a warning (`CutText`), or refused with `strict` (`InputError`).

        Refused too: a text without tokens, and single texts or pairs where the program's task is the other. Messages number the texts from
        `before` + 1.
        """
        limit = self.program.longest
        _require_kind(self.program.host.task, texts, before)
        self.tokenizer.no_truncation()
        found = self.tokenizer.encode_batch(texts)
        _require_some([len(e.ids) for e in found], before)
        if limit is None:
            return [(e.ids, e.type_ids) for e in found]
        long = [(n, len(e.ids)) for n, e in enumerate(found) if len(e.ids) > limit]
        for n, length in long:
            _too_long(before + n + 1, length, limit, strict)
        if long:
            cut = [n for n, _ in long]
            for n, encoding in zip(cut, self._cut([texts[n] for n in cut], limit)):
                found[n] = encoding
        return [(e.ids, e.type_ids) for e in found]

    def _cut(self, texts: Sequence[Text], limit: int) -> list[Encoding]:
        """Tokenised again by the tokenizer's own rule for cutting, which keeps its special tokens."""
        own = self.tokenizer.num_special_tokens_to_add(any(isinstance(t, tuple) for t in texts))
        if limit < own:
            raise InputError(f"the program was compiled for {limit} tokens, the tokenizer adds {own} of its own", _LONGER)
        self.tokenizer.enable_truncation(limit)
        return self.tokenizer.encode_batch(texts)

    def rows(self, tokens: Sequence[Tokens], positions: int | None = None) -> Rows | Sequences:
        """Encode token lists of at most `positions` tokens (default: the compiled length), padded silently to that length; of a stream, sequences."""
        ids = np.fromiter(chain.from_iterable(ids for ids, _ in tokens), np.int64)
        segments = np.fromiter(chain.from_iterable(s for _, s in tokens), np.int64)
        _require_some([len(ids) for ids, _ in tokens], 0)
        lengths = np.array([len(ids) for ids, _ in tokens], np.int64)
        timing = self.program.scheduled.timing
        if isinstance(timing, Stream):
            return Sequences({TOKENS: self.words(ids, segments, np.zeros_like(ids))}, lengths, timing.slot)
        places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return Rows({TOKENS: self.words(ids, segments, places)}, lengths, positions or self.program.positions)

    def flowing(self, ids: NDArray[np.int64]) -> bits.Words:
        """(tokens, steps, words) spikes of a stream's tokens: they are the same wherever a token stands, and so are made once for each.

        Raises `InputError` as `words` does.
        """
        listed = ids.tolist()
        if new := [n for n in set(listed) if n not in self._spoken]:
            numbers = np.array(new, np.int64)
            self._spoken |= zip(new, self.words(numbers, 0 * numbers, 0 * numbers)[:, None])
        if len(listed) == 1:  # as it is while a text is written
            return self._spoken[listed[0]]
        return np.concatenate([self._spoken[n] for n in listed]) if listed else self.words(ids, ids, ids)

    def words(self, ids: NDArray[np.int64], segments: NDArray[np.int64], places: NDArray[np.int64]) -> bits.Words:
        """(tokens, steps, words) spikes of tokens at positions. Raises `InputError` for ids that the program has no row for."""
        front = self.program.host.front
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(front.token):
            wrong = ids[(ids < 0) | (ids >= len(front.token))][0]
            raise InputError(f"token {wrong} is outside the vocabulary, 0..{len(front.token) - 1}")
        if len(segments) and not 0 <= segments.min() <= segments.max() < len(front.segment):
            raise InputError(f"segments {segments.min()}..{segments.max()}, the program knows 0..{len(front.segment) - 1}")
        rows = front.token[ids].astype(np.int16) + front.position[places] + front.segment[segments]
        return encode(front, rows, self.program.steps)


def _require_kind(task: str, texts: Sequence[Text], before: int) -> None:
    """`InputError` at the first text that is single for a task of pairs, or a pair for one of single texts; tasks not in our table take both."""
    wanted = labelled.texts_of(task)
    for n, text in enumerate(texts, before + 1):
        found = 1 if isinstance(text, str) else 2
        if wanted is not None and found != wanted:
            kinds = {1: "single", 2: "a pair"}
            raise InputError(f"text {n} is {kinds[found]}, {task} is a task of {'pairs' if wanted == 2 else 'single texts'}", _KINDS[wanted])


def _require_some(lengths: Sequence[int], before: int) -> None:
    if 0 in lengths:
        raise InputError(f"text {before + lengths.index(0) + 1} has no tokens", "give it at least one word")


def _too_long(number: int, length: int, limit: int, strict: bool) -> None:
    if strict:
        raise InputError(too_long(number, length, limit), _LONGER)
    warnings.warn(CutText(number, length, limit), stacklevel=3)


def encode(front: FrontEnd, rows: NDArray[np.int16], steps: int) -> bits.Words:
    """(tokens, steps, words) spikes of the encoder LIF under the constant current of summed embedding rows (tokens, rank).

    current = (projection @ row + bias) >> shift, rounded down.
    """
    tables = _TABLES.get(front) or _TABLES.setdefault(front, _Tables.of(front))
    paired = np.zeros((len(rows), 2 * len(tables.projection)), np.int16)
    paired[:, : rows.shape[1]] = rows
    out = np.empty((len(rows), steps, len(tables.bias) // bits.WORD), np.uint64)
    using = chosen.module(tables.projection.size * len(rows)) if tables.fit else plain
    using.encode(paired.view(np.int32), tables.projection, tables.bias, front.shift, front.keep, front.vth << arith.INPUT_SHIFT, out)
    return out


@dataclass(frozen=True, eq=False)
class _Tables:
    """The projection as the kernel takes it, two inputs side by side; fit: whether no sum of three int8 rows can leave int32."""

    projection: NDArray[np.int16]
    bias: NDArray[np.int32]
    fit: bool

    @classmethod
    def of(cls, front: FrontEnd) -> _Tables:
        neurons, width = len(front.bias), bits.words(len(front.bias)) * bits.WORD
        pairs = -(-front.projection.shape[1] // 2)
        projection, bias = np.zeros((pairs, width, 2), np.int16), np.zeros(width, np.int32)
        for half in (0, 1):
            column = front.projection[:, half::2].T
            projection[: len(column), :neurons, half] = column
        bias[:neurons] = front.bias
        worst = 3 * 128 * np.abs(front.projection.astype(np.int64)).sum(1) + np.abs(front.bias.astype(np.int64))
        return cls(projection.reshape(pairs, -1), bias, int(worst.max()) < 1 << 31)


_TABLES: WeakKeyDictionary[FrontEnd, _Tables] = WeakKeyDictionary()  # laid out once a front end
