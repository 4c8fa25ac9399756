"""Sequences of tokens packed without padding, as a stream plays them: their words, and which tokens of the stream are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.network import Port, Scheduled, Stream
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.rows import ACTIVE, CONTINUES, IDLE

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

TIMED = (IDLE, ACTIVE, CONTINUES)  # what follows from the timing and the sequences' lengths


@dataclass(frozen=True, eq=False)
class Sequences:
    """Tokens of sequences end to end. words: by what a port plays, (tokens, steps, words); lengths: (sequences,) tokens of each; slot: the stream's.

    In a stream of slots each sequence has one, filled up with padding. A stream without end (slot 0) has one sequence; several are several streams.
    What `TIMED` names is never given: it follows.
    """

    words: Mapping[str, bits.Words]
    lengths: Ints
    slot: int = 0

    def require(self, program: Scheduled) -> None:
        """Raises `InputError` where these are no inputs of `program`: each port's, of its steps and neurons, silent in the rest of a word."""
        timing, lengths = program.timing, self.lengths
        if not isinstance(timing, Stream) or timing.slot != self.slot:
            raise InputError(f"sequences in slots of {self.slot} tokens", f"what {timing} takes")
        if not isinstance(lengths, np.ndarray) or lengths.dtype != np.int64 or lengths.ndim != 1 or not len(lengths) or lengths.min() < 1:
            raise InputError(f"lengths are {lengths!r:.80}", "int64, one a sequence, of one token or more each")
        if self.slot and lengths.max() > self.slot:
            raise InputError(f"a sequence of {lengths.max()} tokens", f"up to {self.slot}, a slot's")
        for port in program.network.ports:
            if port.plays not in TIMED:
                require_words(port, grids.size(program.network.by_name[port.population].grid), self.words, (int(lengths.sum()), timing.steps))

    def __len__(self) -> int:
        """Tokens of the stream, padding too."""
        return len(self.lengths) * self.slot if self.slot else int(self.lengths.sum())

    @cached_property
    def starts(self) -> Ints:
        """(sequences + 1,): the first row of each, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @cached_property
    def window(self) -> Ints:
        """(rows,) the sequence that each belongs to."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def position(self) -> Ints:
        """(rows,): which token of its sequence each is."""
        return np.arange(self.starts[-1]) - np.repeat(self.starts[:-1], self.lengths)

    @cached_property
    def real(self) -> Bools:
        """(tokens of the stream,): whether each is one of a sequence."""
        return (np.arange(self.slot) < self.lengths[:, None]).ravel() if self.slot else np.ones(len(self), np.bool_)

    def each_row(self, read: Ints) -> Ints:
        """(rows, n) of what was read of all tokens of the stream, or of these alone."""
        return read if len(read) == self.starts[-1] else read[self.real]

    def dense(self, rows: NDArray) -> NDArray:
        """(rows, ...) -> (tokens of the stream, ...), zero in padding."""
        out = np.zeros((len(self), *rows.shape[1:]), rows.dtype)
        out[self.real] = rows
        return out

    def played(self, plays: str, grid: Grid) -> Bools:
        """(tokens of the stream, steps, neurons): `Inputs` for those who know nothing of sequences."""
        return self.dense(bits.unpack(self.words[plays], grids.size(grid)))

    def alone(self) -> Iterator[Sequences]:
        """What is a stream by itself: of a stream without end each sequence."""
        if self.slot or len(self.lengths) < 2:
            yield self
            return
        for a, b in zip(self.starts[:-1], self.starts[1:]):
            yield Sequences({name: some[a:b] for name, some in self.words.items()}, np.array([b - a]))


def apart(run: Callable[[Sequences], Outcome], inputs: Sequences) -> Outcome:
    """What `run` finds of each stream by itself, one after another."""
    found = [run(alone) for alone in inputs.alone()]
    if len(found) == 1:
        return found[0]
    spikes = [one.spikes for one in found if one.spikes is not None]
    counts = [one.activity for one in found if one.activity is not None]
    return Outcome(_joined([one.read for one in found]), _joined(spikes) if spikes else None, reduce(add, counts) if counts else None)


def _joined(parts: Sequence[Mapping[str, NDArray]]) -> dict[str, NDArray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def require_words(port: Port, width: int, found: Mapping[str, bits.Words], shape: tuple[int, int]) -> None:
    """Raises `InputError` for words that a port of `width` neurons does not play in (tokens, steps)."""
    if port.plays not in found:
        raise InputError(f"no spikes for {port.plays!r}", f"they are given for {', '.join(found) or 'nothing'}")
    words, allowed = found[port.plays], (*shape, bits.words(width))
    if type(words) is not np.ndarray or words.dtype != np.uint64 or words.shape != allowed or not words.flags.c_contiguous:
        said = f"{words.dtype} of shape {words.shape}" if isinstance(words, np.ndarray) else type(words).__name__
        raise InputError(f"{port.name}: words are {said}", f"one contiguous array of uint64 of shape {allowed}")
    if width % bits.WORD and (words[..., -1] >> np.uint64(width % bits.WORD)).any():
        raise InputError(f"{port.name}: spikes beyond the last of {width} neurons")


def timed(plays: str, timing: Stream, windows: int, real: Bools | None = None) -> Bools:
    """(windows, period) of what `TIMED` names; real: (windows,) where some tokens are padding."""
    there = np.ones(windows, np.bool_) if real is None else real
    active = np.arange(timing.period) < timing.steps
    if plays == IDLE:
        return ~(there[:, None] & active)
    last = (np.arange(windows) + 1) % timing.slot == 0 if timing.slot else np.zeros(windows, np.bool_)
    return (there if plays == ACTIVE else ~last)[:, None] & active
