"""What a language model is asked: how well it predicts a text, and what comes next. Logits are the program's; the rest is float64 on the host."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import Engine, How
from tritspike.runtime.executors.table import executor
from tritspike.runtime.host import batches
from tritspike.runtime.host.program import TOKENS, Program
from tritspike.runtime.host.reading import Reading
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ints
from tritspike.runtime.parallel import ordered_map
from tritspike.runtime.simulator import chosen

_BLOCK = 16  # rows of logits over the vocabulary at once: with their scores they stay in a core's cache
_PRODUCTS = 1000  # that numpy makes in the time in which it sorts one logit
_LARGEST = math.log(sys.float_info.max)


def require_language_model(program: Program, where: str) -> None:
    """`InputError` for a program that labels whole texts."""
    if not program.each:
        raise InputError(f"{where}: compiled for {program.host.task}, which labels whole texts: it predicts no tokens", "classify or glue")


def surprises(program: Program, logits: Ints, targets: Ints) -> NDArray[np.float64]:
    """(rows, vocabulary) logits -> minus the log of the probability of each row's target."""
    scores = program.scores(logits, np.ones(len(logits), np.int64))
    scores -= scores.max(1, keepdims=True)
    wanted = scores[np.arange(len(scores)), targets]
    return -(wanted - np.log(np.exp(scores, out=scores).sum(1)))


@dataclass(frozen=True, eq=False)
class Window:
    """Tokens that are read at once; targets: (scored,) the tokens that follow the last ones of them."""

    ids: Sequence[int]
    targets: NDArray[np.int64]


def require_stride(stride: int, length: int) -> None:
    """`InputError` for windows that leave tokens out, or do not move."""
    if not 1 <= stride <= length:
        raise InputError(f"stride {stride}, allowed 1..{length}, the window")


def windows(ids: Sequence[int], length: int, stride: int, first: int = 1) -> Iterator[Window]:
    """Windows of `length` tokens, `stride` apart, in which every token from number `first` on is predicted once, with the longest past it has."""
    require_stride(stride, length)
    done = max(first, 1)
    for start in range(0, len(ids), stride):
        stop = min(start + length, len(ids) - 1)
        if done <= stop:
            yield Window(ids[start:stop], np.array(ids[done : stop + 1], np.int64))
            done = stop + 1


@dataclass(frozen=True)
class Score:
    """nats: minus the summed log probability of `tokens` tokens, which spell `words` words (between white space) of `size` bytes."""

    nats: float
    tokens: int
    words: int
    size: int

    @property
    def per_token(self) -> float:
        """Perplexity a token; infinite where no float holds it."""
        return _perplexity(self.nats, self.tokens)

    @property
    def per_word(self) -> float:
        """Perplexity a word; infinite where no float holds it, as of a long text without white space."""
        return _perplexity(self.nats, self.words)

    @property
    def bits_per_byte(self) -> float:
        """Of the text's UTF-8."""
        return self.nats / math.log(2) / self.size if self.size else math.inf

    def figures(self) -> dict[str, float | None]:
        """The three, None for one that no float holds."""
        found = {name: getattr(self, name) for name in ("per_token", "per_word", "bits_per_byte")}
        return {name: value if math.isfinite(value) else None for name, value in found.items()}


def _perplexity(nats: float, parts: int) -> float:
    """exp(nats / parts), infinite where that is too large."""
    return math.exp(nats / parts) if nats < parts * _LARGEST else math.inf


def flowed(encoder: Encoder, text: str, reading: Reading, step: Callable[[int], None] = lambda n: None) -> Score:
    """How well `text` is predicted in one pass, each token by all that came before it; behind what `reading` has read, all of it is."""
    read = whole(encoder, text)
    first = read.own if reading.coming else max(read.own, 1)  # of a text that goes on the tokenizer's own beginning is none
    ids = read.ids[read.own :] if reading.coming else read.ids
    if len(ids) + len(reading.coming) < 2:
        raise InputError(f"a text of {len(ids)} tokens: there is none to predict")
    nats: list[float] = []
    for found, targets in reading.parts(ids):
        nats += _surprised(encoder.program, found, targets)
        step(len(targets))
    scored = text if read.own or first == 0 else text[read.starts[first] :]
    return Score(math.fsum(nats), len(nats), len(scored.split()), len(scored.encode()))


def score(encoder: Encoder, text: str, stride: int, name: str, how: How, step: Callable[[int], None] = lambda n: None) -> Score:
    """How well `text` is predicted. Where the tokenizer begins a text with a token of its own every token counts, else all but the first."""
    read = windowed(encoder, text, stride)
    return read.score(window_nats(encoder, read.windows(), name, how, step))


@dataclass(frozen=True, eq=False)
class Windowed:
    """A text as tokens to be read in windows of `length`, `stride` apart. scored: the part of it that the tokens from number `first` on spell."""

    ids: list[int]
    length: int
    stride: int
    first: int
    scored: str

    def windows(self) -> Iterator[Window]:
        """In order."""
        return windows(self.ids, self.length, self.stride, self.first)

    def score(self, nats: Sequence[float]) -> Score:
        """Of what `window_nats` says of all windows, in whatever parts: its sum is exact before it is rounded."""
        return Score(math.fsum(nats), len(nats), len(self.scored.split()), len(self.scored.encode()))


def windowed(encoder: Encoder, text: str, stride: int) -> Windowed:
    """Raises `InputError` where there is no token to predict."""
    read = whole(encoder, text)
    first = max(read.own, 1)
    if len(read.ids) <= first:
        raise InputError(f"a text of {len(read.ids)} tokens: there is none to predict")
    return Windowed(read.ids, encoder.program.positions, stride, first, text if read.own else text[read.starts[first] :])


def window_nats(encoder: Encoder, some: Iterator[Window], name: str, how: How, step: Callable[[int], None] = lambda n: None) -> list[float]:
    """Minus the log probability of each token that these windows predict."""
    nats: list[float] = []
    found = executor(name)
    engine = found.prepare(encoder.program.scheduled, how)
    together = _together(some, engine.rows_at_once(how))
    for batch in ordered_map(partial(_nats, encoder, engine), together, batches.threads(found, how)):
        nats += batch
        step(len(batch))
    return nats


@dataclass(frozen=True)
class Read:
    """Tokens of a text, not cut; the first `own` of them the tokenizer put before it. starts: where each begins in the text, in characters."""

    ids: list[int]
    own: int
    starts: list[int]


def whole(encoder: Encoder, text: str) -> Read:
    """`text` as tokens, without what the tokenizer puts behind a text: it goes on."""
    encoder.tokenizer.no_truncation()
    found = encoder.tokenizer.encode(text)
    inside = [n for n, special in enumerate(found.special_tokens_mask) if not special]
    own, stop = (inside[0], inside[-1] + 1) if inside else (0, 0)
    return Read(found.ids[:stop], own, [start for start, _ in found.offsets[:stop]])


def _together(found: Iterator[Window], size: int) -> Iterator[list[Window]]:
    """Windows of at most `size` tokens in all, that are run at once."""
    batch: list[Window] = []
    for window in found:
        if batch and sum(len(w.ids) for w in batch) + len(window.ids) > size:
            yield batch
            batch = []
        batch.append(window)
    yield batch


def _nats(encoder: Encoder, engine: Engine, batch: list[Window]) -> list[float]:
    """Minus the log probability of each token that is predicted."""
    rows = encoder.rows([(list(w.ids), [0] * len(w.ids)) for w in batch])
    read = batches.on(encoder.program, engine, rows).read
    at = np.concatenate([np.arange(end - len(w.targets), end) for w, end in zip(batch, rows.starts[1:])])
    return _surprised(encoder.program, read[at], np.concatenate([w.targets for w in batch]))


def _surprised(program: Program, read: Ints, targets: Ints) -> list[float]:
    nats: list[float] = []
    for begin in range(0, len(targets), _BLOCK):
        some = slice(begin, begin + _BLOCK)
        logits = program.logits(read[some], np.ones(len(targets[some]), np.int64))
        nats += surprises(program, logits, targets[some]).tolist()
    return nats


def held_from(tokens: int, window: int) -> int:
    """The first token that a window still holds when `tokens` were read: a full one starts again from its last half."""
    step = window - window // 2
    return 0 if tokens <= window else -(-(tokens - window) // step) * step


@dataclass(frozen=True)
class Sampling:
    """temperature 0 takes the likeliest token, and of equals the first; top_p: of the likeliest tokens that share so much of the probability."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Sampler:
    """Picks tokens; the same seed and logits give the same tokens."""

    def __init__(self, program: Program, how: Sampling) -> None:
        self.program, self.how, self.rng = program, how, np.random.default_rng(how.seed)

    def pick(self, logits: Ints) -> int:
        """The next token of (vocabulary,) logits."""
        return picks([self], logits[None])[0]


def picks(samplers: Sequence[Sampler], logits: Ints, plainly: bool | None = None) -> list[int]:
    """The next token of each row of (samplers, vocabulary) logits of one program, by its own sampler. plainly: see `chosen.vocabulary`."""
    found = logits.argmax(1)
    drawing = [row for row, sampler in enumerate(samplers) if sampler.how.temperature]
    if drawing:
        found[drawing] = _drawn([samplers[row] for row in drawing], logits if len(drawing) == len(logits) else logits[drawing], plainly)
    return [int(token) for token in found]


def _drawn(samplers: list[Sampler], logits: Ints, plainly: bool | None) -> Ints:
    """Rows whose temperature is not 0."""
    hows, out = [sampler.how for sampler in samplers], np.empty(len(logits), np.int64)
    scores = samplers[0].program.scores(logits - logits.max(1, keepdims=True), np.ones(len(logits), np.int64))
    scores /= np.array([[how.temperature] for how in hows])
    drawing = (np.array([how.top_p for how in hows], np.float64), np.array([sampler.rng.random() for sampler in samplers]), out)
    using = chosen.vocabulary(logits.size * _PRODUCTS, plainly)
    using.draw(np.ascontiguousarray(logits, np.int64), np.exp(scores, out=scores), *drawing)
    return out


class Predictor:
    """Logits of the next token, by running all that the window holds."""

    def __init__(self, encoder: Encoder, name: str, how: How) -> None:
        self.encoder, self.name, self.how = encoder, name, how

    def next(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """(vocabulary,) integer logits of what follows `ids`."""
        whole_, found = self.encoder.program, executor(self.name)
        held = list(ids[held_from(len(ids), whole_.positions) :])
        program = batches.at_length(whole_, len(held) if found.can.cut else whole_.positions)
        rows = self.encoder.rows([(held, [0] * len(held))], program.positions)
        result = batches.on(program, found.prepare(program.scheduled, self.how), rows)
        return program.logits(result.read[-1:], rows.lengths)[0]


class GrowingPredictor(Predictor):
    """The same logits from a session: only what was not read yet is run. `ids` must begin with those of the call before."""

    def __init__(self, encoder: Encoder, name: str, how: How) -> None:
        super().__init__(encoder, name, how)
        self.growing, self.first = executor(name).prepare(encoder.program.scheduled, how).open(), 0

    def next(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """(vocabulary,) integer logits of what follows `ids`."""
        program = self.encoder.program
        first = held_from(len(ids), program.positions)
        if first != self.first:
            self.growing.restart()
            self.first = first
        new = np.array(ids[first + self.growing.length :], np.int64)
        places = self.growing.length + np.arange(len(new))
        read = self.growing.add({TOKENS: self.encoder.words(new, 0 * new, places)})[program.probe.name]
        return program.logits(read[-1:], np.ones(1, np.int64))[0]


class StreamPredictor(Predictor):
    """The same of a program through which tokens flow: each is read once. `ids` must begin with those of the call before.

    ids begin with `reading.coming`, where there is some.
    """

    def __init__(self, encoder: Encoder, reading: Reading) -> None:
        self.encoder, self.reading, self.read = encoder, reading, 0

    def next(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """(vocabulary,) integer logits of what follows `ids`."""
        found, self.read = self.reading.read(ids[self.read :]), len(ids)
        self.reading.coming = ()
        return self.encoder.program.logits(found[-1:], np.ones(1, np.int64))[0]


def predictor(encoder: Encoder, name: str, how: How) -> Predictor:
    """The predictor of an executor."""
    if encoder.program.flows:
        return StreamPredictor(encoder, Reading(encoder, name, how))
    return (GrowingPredictor if executor(name).can.grows else Predictor)(encoder, name, how)


def generate(predict: Predictor, ids: Sequence[int], tokens: int, sampler: Sampler) -> Iterator[int]:
    """Up to `tokens` tokens that follow `ids`, as they are found; fewer where the model ends the text with a special token."""
    read, special = list(ids), ends(predict.encoder)
    for _ in range(tokens):
        token = sampler.pick(predict.next(read))
        if token in special:
            return
        read.append(token)
        yield token


def ends(encoder: Encoder) -> set[int]:
    """Tokens that end a text: the special ones."""
    return {number for number, token in encoder.tokenizer.get_added_tokens_decoder().items() if token.special}
