"""What a language model writes behind a prompt, piece by piece as it is found."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import language
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.reading import Reading
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.writing import Writer


def pieces(encoder: Encoder, prompt: str, tokens: int, sampling: Sampling, executor: str = DEFAULT, how: How | None = None) -> Iterator[str]:
    """Text that follows `prompt`, up to `tokens` tokens. Nothing is read before the first is asked for.

    Raises `InputError` for a prompt that is empty or, where `how.strict`, longer than the window; otherwise a warning says what is forgotten.
    """
    how = how or How()
    ids = prompt_tokens(encoder, prompt, how.strict)
    yield from _written(encoder, ids, language.predictor(encoder, executor, how), tokens, sampling)


def flowing(encoder: Encoder, prompt: str, tokens: int, sampling: Sampling, reading: Reading) -> Iterator[str]:
    """The same of a program through which tokens flow, behind what `reading` has read; the last token written is `reading.coming`.

    Raises `InputError` where there is nothing to go on from.
    """
    read = language.whole(encoder, prompt)
    ids = [*reading.coming, *read.ids[read.own :]] if reading.coming else read.ids
    if len(ids) == (0 if reading.coming else read.own):
        raise InputError("the prompt is empty", "give it at least one word")
    yield from _written(encoder, ids, language.StreamPredictor(encoder, reading), tokens, sampling)


def _written(encoder: Encoder, ids: list[int], predict: language.Predictor, tokens: int, sampling: Sampling) -> Iterator[str]:
    writer = Writer(encoder.tokenizer, ids)
    for token in language.generate(predict, ids, tokens, Sampler(encoder.program, sampling)):
        if isinstance(predict, language.StreamPredictor):
            predict.reading.coming = (token,)
        if (piece := writer.add(token)) is not None:
            yield piece
    if rest := writer.rest():
        yield rest


def prompt_tokens(encoder: Encoder, text: str, strict: bool) -> list[int]:
    """Token ids. A prompt beyond the window is read as generated text would be, from the last half of each full window on."""
    read, window = language.whole(encoder, text), encoder.program.longest
    if len(read.ids) == read.own:
        raise InputError("the prompt is empty", "give it at least one word")
    ids = read.ids
    if window is not None and len(ids) > window:
        message = f"the prompt has {len(ids)} tokens, the window holds {window}"
        if strict:
            raise InputError(message, "lower the checkpoint with a larger --length")
        warnings.warn(f"{message}: the first {language.held_from(len(ids), window)} are forgotten", stacklevel=2)
    return ids
