"""Stages that only streams have: state that lasts from token to token, and words of several sources and tokens side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.executors.fast.rows import Buffers, Ints, Packed, Place
from tritspike.runtime.executors.fast.stages import Counts, Lanes
from tritspike.runtime.simulator import chosen

State = NDArray[np.int32]
_UNPACKED = 64  # rows whose spikes are unpacked at once


@dataclass(frozen=True, eq=False, kw_only=True)
class Traces:
    """Neurons whose u and v last over the tokens of a sequence. Arrays as `lasting.last` takes them; steps: of a token, with input or not."""

    source: Place
    weight: Lanes
    active: Lanes
    keep_u: Lanes
    keep: Lanes
    bias: Lanes
    vth: Lanes
    steps: int
    buffer: str

    def reads(self) -> tuple[Place, ...]:
        """What it hears one to one."""
        return (self.source,)

    def writes(self, longest: int) -> dict[str, tuple[int, ...]]:
        """Its own buffer."""
        return {self.buffer: (len(self.weight) // bits.WORD,)}

    def run(self, rows: Packed, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
        """Every sequence from rest."""
        self.go_on(rows.starts, *self.rest(len(rows.starts) - 1), buffers, using)

    def go_on(self, starts: Ints, u: State, v: State, buffers: Buffers, using: ModuleType) -> None:
        """Every sequence from a state, which becomes that after its last token."""
        chosen.lasting(using).last(*self.arguments(buffers, starts, u, v))

    def without_input(self) -> Traces:
        """The same in tokens of padding."""
        return replace(self, active=np.zeros_like(self.active))

    def rest(self, sequences: int) -> tuple[State, State]:
        """(u, v) of so many sequences before their first token."""
        shape = (sequences, len(self.weight))
        return np.zeros(shape, np.int32), np.zeros(shape, np.int32)

    def arguments(self, buffers: Buffers, starts: Ints, u: State, v: State) -> tuple:
        """In the order of the kernel."""
        lanes = (self.weight, self.active, self.keep_u, self.keep, self.bias, self.vth)
        return (buffers[self.source.buffer], self.source.first, starts, *lanes, u, v, buffers[self.buffer])


@dataclass(frozen=True, eq=False)
class Tap:
    """Spikes of a population `ago` tokens earlier. before: (ago, steps, words) what it fired before its first token; None where it was silent."""

    place: Place
    ago: int
    before: bits.Words | None

    @property
    def words(self) -> int:
        """Of a row and step."""
        return bits.words(self.place.width)


@dataclass(frozen=True, eq=False, kw_only=True)
class Beside:
    """The words of several taps side by side, in steps with input."""

    taps: tuple[Tap, ...]
    steps: int
    buffer: str

    def reads(self) -> tuple[Place, ...]:
        """Every tap's."""
        return tuple(tap.place for tap in self.taps)

    def writes(self, longest: int) -> dict[str, tuple[int, ...]]:
        """All of them."""
        return {self.buffer: (sum(tap.words for tap in self.taps),)}

    def run(self, rows: Packed, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
        """Of every row; earlier tokens are those of its sequence, and what was before it."""
        at, out, position = 0, buffers[self.buffer], np.arange(len(rows.window)) - rows.starts[rows.window]
        for tap in self.taps:
            part, first = out[..., at : at + tap.words], tap.place.first
            words = buffers[tap.place.buffer][:, : self.steps, first : first + tap.words]
            part[tap.ago :] = words[: max(len(words) - tap.ago, 0)]
            early = np.flatnonzero(position < tap.ago)
            part[early] = 0 if tap.before is None else tap.before[position[early]]
            at += tap.words


@dataclass(frozen=True, eq=False)
class Side:
    """Neurons of a place, pair by pair."""

    place: Place
    pick: Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class Meet:
    """Pairs that fire where both of their neurons do, in steps with input."""

    sides: tuple[Side, Side]
    steps: int
    buffer: str

    def reads(self) -> tuple[Place, ...]:
        """Both sides'."""
        return tuple(side.place for side in self.sides)

    def writes(self, longest: int) -> dict[str, tuple[int, ...]]:
        """A bit a pair."""
        return {self.buffer: (bits.words(len(self.sides[0].pick)),)}

    def run(self, rows: Packed, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
        """Of every row."""
        self.meet(buffers)

    def meet(self, buffers: Buffers) -> None:
        """A block of rows at a time: unpacked, spikes take eight times their room."""
        out = buffers[self.buffer]
        for at in range(0, len(out), _UNPACKED):
            first, second = (self._fired(side, buffers, at) for side in self.sides)
            out[at : at + _UNPACKED] = bits.pack(first & second)

    def _fired(self, side: Side, buffers: Buffers, at: int) -> NDArray[np.bool_]:
        words = buffers[side.place.buffer][at : at + _UNPACKED, : self.steps, side.place.first :]
        return bits.unpack(words, side.place.width)[..., side.pick]


@dataclass(frozen=True, eq=False, kw_only=True)
class Running:
    """Membranes that a matrix adds to over all tokens of a sequence."""

    counts: Counts

    @property
    def source(self) -> Place:
        """Whose spikes it sums."""
        return self.counts.source

    @property
    def by_row(self) -> bool:
        """Each is read as it is after its token."""
        return True

    def read(self, rows: Packed, buffers: Buffers, using: ModuleType) -> Ints:
        """(rows, neurons)."""
        return running(self.counts.read(rows, buffers, using), rows.starts)


def running(found: Ints, starts: Ints) -> Ints:
    """(rows, n): sums of each sequence's rows up to each."""
    total = np.concatenate([np.zeros((1, found.shape[1]), np.int64), np.cumsum(found, 0)])
    return total[1:] - np.repeat(total[starts[:-1]], np.diff(starts), 0)


def lanes(register: Ints | int, width: int) -> Lanes:
    """(whole words of neurons,) of a register in membrane units."""
    found = np.zeros(bits.words(width) * bits.WORD, np.int32)
    found[:width] = register
    return found
