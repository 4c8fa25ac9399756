"""The host's front end: text to tokens to integer currents to the spikes that enter the chip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from runtime import arith, bits
from runtime.errors import InputError
from runtime.program import FrontEnd, Program, Samples
from runtime.simulator import kernels, plain
from runtime.tokenizer import Text as Text
from runtime.tokenizer import tokenizer_from

Tokens = tuple[list[int], list[int]]  # ids, segments
_LONGER = "lower the checkpoint with a larger --length"


class Encoder:
    """Tokenizer and encoder LIF of one program. Raises `FileError` where its tokenizer is not sound, or not for its embedding."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_from(program.host.front.tokenizer, "program")
        self.tokenizer.require_usable(len(program.host.front.token))

    def tokens(self, texts: Sequence[Text], strict: bool = False, before: int = 0) -> list[Tokens]:
        """(ids, segments) of each text, cut to the compiled length with a warning, or refused with `strict` (`InputError`).

        Messages number the texts from `before` + 1.
        """
        limit = self.program.dims.positions
        self.tokenizer.no_truncation()
        found = self.tokenizer.encode_batch(texts)
        long = [(n, len(e.ids)) for n, e in enumerate(found) if len(e.ids) > limit]
        for n, length in long:
            _too_long(before + n, length, limit, strict)
        if long:
            found = self._cut(texts, limit)
        return [(e.ids, e.type_ids) for e in found]

    def _cut(self, texts: Sequence[Text], limit: int) -> list[Encoding]:
        """Tokenised again by the tokenizer's own rule for cutting, which keeps its special tokens."""
        own = self.tokenizer.num_special_tokens_to_add(any(isinstance(t, tuple) for t in texts))
        if limit < own:
            raise InputError(f"the program was compiled for {limit} tokens, the tokenizer adds {own} of its own", _LONGER)
        self.tokenizer.enable_truncation(limit)
        return self.tokenizer.encode_batch(texts)

    def samples(self, tokens: Sequence[Tokens], positions: int | None = None) -> Samples:
        """Encode token lists of at most `positions` tokens (default: the compiled length), padded silently to that length."""
        length, front = positions or self.program.dims.positions, self.program.host.front
        ids = np.fromiter(chain.from_iterable(ids for ids, _ in tokens), np.int64)
        segments = np.fromiter(chain.from_iterable(s for _, s in tokens), np.int64)
        lengths = np.array([len(ids) for ids, _ in tokens], np.int64)
        places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return Samples(self.words(ids, segments, places), lengths, length, len(front.bias))

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


def _too_long(n: int, length: int, limit: int, strict: bool) -> None:
    message = f"text {n + 1} has {length} tokens, the program was compiled for {limit}"
    if strict:
        raise InputError(message, _LONGER)
    warnings.warn(f"{message}: the rest is cut off", stacklevel=3)


def encode(front: FrontEnd, rows: NDArray[np.int16], steps: int) -> bits.Words:
    """(tokens, steps, words) spikes of the encoder LIF under the constant current of summed embedding rows (tokens, rank).

    current = (projection @ row + bias) >> shift, rounded down.
    """
    neurons, width = len(front.bias), bits.words(len(front.bias)) * bits.WORD
    pairs = -(-front.projection.shape[1] // 2)
    projection, bias = np.zeros((pairs, width, 2), np.int16), np.zeros(width, np.int32)
    for half in (0, 1):
        column = front.projection[:, half::2].T
        projection[: len(column), :neurons, half] = column
    bias[:neurons] = front.bias
    paired = np.zeros((len(rows), pairs * 2), np.int16)
    paired[:, : rows.shape[1]] = rows
    out = np.empty((len(rows), steps, width // bits.WORD), np.uint64)
    kernel = kernels.encode if _fits(front) else plain.encode
    kernel(paired.view(np.int32), projection.reshape(pairs, -1), bias, front.shift, front.keep, front.vth << arith.INPUT_SHIFT, out)
    return out


def _fits(front: FrontEnd) -> bool:
    """Whether no sum of three int8 rows can leave int32."""
    worst = 3 * 128 * np.abs(front.projection.astype(np.int64)).sum(1) + np.abs(front.bias.astype(np.int64))
    return int(worst.max()) < 1 << 31
