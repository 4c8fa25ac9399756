"""The host's front end: text to tokens to integer currents to the spikes that enter the chip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from runtime import arith
from runtime.errors import FileError, InputError
from runtime.program import FrontEnd, Program, Samples

Text = str | tuple[str, str]
_LONGER = "lower the checkpoint with a larger --length"


class Encoder:
    """Tokenizer and encoder LIF of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_from(program.host.front.tokenizer, "program")

    def tokens(self, texts: Sequence[Text], strict: bool = False) -> list[tuple[list[int], list[int]]]:
        """(ids, segments) of each text, cut to the compiled length with a warning, or refused with `strict` (`InputError`)."""
        limit = self.program.dims.positions
        self.tokenizer.no_truncation()
        found = self.tokenizer.encode_batch(list(texts))
        long = [(n, len(e.ids)) for n, e in enumerate(found) if len(e.ids) > limit]
        for n, length in long:
            _too_long(n, length, limit, strict)
        if long:
            found = self._cut(texts, limit)
        return [(e.ids, e.type_ids) for e in found]

    def _cut(self, texts: Sequence[Text], limit: int) -> list[Encoding]:
        """Tokenised again by the tokenizer's own rule for cutting, which keeps its special tokens."""
        own = self.tokenizer.num_special_tokens_to_add(any(isinstance(t, tuple) for t in texts))
        if limit < own:
            raise InputError(f"the program was compiled for {limit} tokens, the tokenizer adds {own} of its own", _LONGER)
        self.tokenizer.enable_truncation(limit)
        return list(self.tokenizer.encode_batch(list(texts)))

    def samples(self, tokens: Sequence[tuple[list[int], list[int]]], positions: int | None = None) -> Samples:
        """Encode token lists of at most `positions` tokens (default: the compiled length), padded silently to that length."""
        length, front = positions or self.program.dims.positions, self.program.host.front
        x = np.zeros((len(tokens), self.program.steps, length, len(front.bias)), np.bool_)
        for n, (ids, segments) in enumerate(tokens):
            spikes = encode(front, np.asarray(ids), np.asarray(segments), self.program.steps)
            x[n, :, : len(ids)] = spikes
        return Samples(x, np.array([len(ids) for ids, _ in tokens], np.int64))


def tokenizer_from(text: str, where: str) -> Tokenizer:
    """A `tokenizers` object from its JSON without padding; `FileError` if it is not one."""
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception for every fault
        raise FileError(f"{where}: the tokenizer is not one that `tokenizers` reads: {str(error).splitlines()[0]}") from None
    tokenizer.no_padding()
    return tokenizer


def _too_long(n: int, length: int, limit: int, strict: bool) -> None:
    message = f"text {n + 1} has {length} tokens, the program was compiled for {limit}"
    if strict:
        raise InputError(message, _LONGER)
    warnings.warn(f"{message}: the rest is cut off", stacklevel=3)


def current(front: FrontEnd, ids: NDArray[np.int64], segments: NDArray[np.int64]) -> NDArray[np.int64]:
    """(tokens, hidden) integer current: a sum of three int8 rows, an integer matrix product, a shift that rounds down."""
    rows = front.token[ids].astype(np.int64) + front.position[: len(ids)] + front.segment[segments]
    return (rows @ front.projection.T.astype(np.int64) + front.bias) >> front.shift


def encode(front: FrontEnd, ids: NDArray[np.int64], segments: NDArray[np.int64], steps: int) -> NDArray[np.bool_]:
    """(steps, tokens, hidden) spikes of the encoder LIF under a constant current."""
    drive = np.broadcast_to(current(front, ids, segments), (steps, len(ids), len(front.bias)))
    return arith.lif_scan(drive, 0, front.keep, front.vth)
