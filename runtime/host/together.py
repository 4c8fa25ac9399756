"""Many texts that a language model goes on with at once, as a server does: each in a stream of its own, all of them in one session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import able, executor
from tritspike.runtime.host import language
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.program import TOKENS
from tritspike.runtime.host.reading import Kept, Reading
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.writing import Writer
from tritspike.runtime.network.outcome import Ints


def go_on(encoder: Encoder, prompts: Sequence[str], tokens: int, samplings: Sequence[Sampling], name: str, how: How) -> list[str]:
    """What follows each prompt, up to `tokens` tokens: what it would be alone, by its own sampling.

    Raises `InputError` for an empty prompt, a program whose texts have windows, and an executor that does not hand out its state.
    """
    if not executor(name).can.hands_over:
        raise InputError(f"{name} does not go on with several streams at once", f"--executor {able('hands_over')}")
    if len(samplings) != len(prompts) or not prompts:
        raise InputError(f"{len(prompts)} prompts and {len(samplings)} samplings", "one or more, and as many")
    texts, streams = [_read(encoder, prompt) for prompt in prompts], [Reading(encoder, name, how) for _ in prompts]
    logits = np.concatenate([encoder.program.logits(stream.read(ids)[-1:], np.ones(1, np.int64)) for stream, ids in zip(streams, texts)])
    return _written(encoder, texts, _joined(encoder, [stream.kept() for stream in streams], name, how), logits, tokens, samplings)


def _read(encoder: Encoder, prompt: str) -> list[int]:
    found = language.whole(encoder, prompt)
    if len(found.ids) == found.own:
        raise InputError("the prompt is empty", "give it at least one word")
    return found.ids


class _Streams:
    """A session of several streams."""

    def __init__(self, encoder: Encoder, streams: int, name: str, how: How) -> None:
        self.encoder, self.program = encoder, encoder.program
        self.session = executor(name).prepare(encoder.program.scheduled, how).open(streams)

    def next(self, ids: Sequence[int]) -> Ints:
        """(streams, vocabulary) logits behind one more token of each."""
        read = self.session.add({TOKENS: self.encoder.flowing(np.array(ids, np.int64))})[self.program.probe.name]
        return self.program.logits(read, np.ones(len(ids), np.int64))


def _joined(encoder: Encoder, kept: Sequence[Kept], name: str, how: How) -> _Streams:
    """Streams side by side, each on from its own state."""
    found = _Streams(encoder, len(kept), name, how)
    states = [one.arrays for one in kept]
    joined = {key: np.concatenate([state[key] for state in states]) for key in states[0] if key != "tokens"}
    found.session.restore(joined | {"tokens": max(state["tokens"] for state in states)})  # type: ignore[attr-defined]
    return found


def _written(encoder: Encoder, texts: list[list[int]], streams: _Streams, logits: Ints, tokens: int, samplings: Sequence[Sampling]) -> list[str]:
    writers, samplers = [Writer(encoder.tokenizer, ids) for ids in texts], [Sampler(encoder.program, how) for how in samplings]
    pieces: list[list[str]] = [[] for _ in texts]
    ended, ends = [False] * len(texts), language.ends(encoder)
    for _ in range(tokens):
        picked = language.picks(samplers, logits)
        for n, token in enumerate(picked):
            ended[n] = ended[n] or token in ends
            if not ended[n]:
                pieces[n].append(writers[n].add(token) or "")
        if all(ended):
            break
        logits = streams.next(picked)
    return ["".join(found) + writer.rest() for found, writer in zip(pieces, writers)]
