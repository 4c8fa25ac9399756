"""What a plan consists of: each stage owns which buffers it reads and writes, and runs on the kernels that it is given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.bits import BLOCK
from tritspike.runtime.executors.fast.rows import Buffers, Ints, Packed, Place
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.simulator import chosen, weights

Lanes = NDArray[np.int32]
OWN = (0,)  # offsets of a stage that hears each neuron's own row alone, whose words it reads where they lie


class Stage(Protocol):
    """One step of a plan."""

    def reads(self) -> tuple[Place, ...]:
        """What must be there."""

    def writes(self, longest: int) -> dict[str, tuple[int, ...]]:
        """Words of a row and step, by buffer, for windows of up to `longest` rows."""

    def copies(self) -> int:
        """Words of a row and step that it makes for itself."""

    def reach(self) -> tuple[int | None, int]:
        """How many rows before its own each row hears, and how many behind it; None: all before it."""

    def run(self, rows: Rows, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
        """Fill the buffers that it writes, rows from `begin` on of each window."""

    def coincidences(self, rows: Rows, buffers: Buffers, counting: ModuleType) -> dict[str, int]:
        """Spikes of the products that it sums, over all windows and steps; `counting` has the kernels that count."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear:
    """Populations that hear the same source through matrices, their columns end to end in whole words. Arrays as `kernels.linear` takes them.

    offsets: the rows, from its own, at which each neuron hears the source; other than `OWN`, the kernel is given their words side by side.
    """

    source: Place
    offsets: tuple[int, ...]
    table: bits.Words
    signs: bits.Words
    gain: Lanes
    bias: Lanes
    keep: Lanes
    vth: Lanes
    skip: Place
    skip_gain: int
    bounded: bool
    buffer: str

    def reads(self) -> tuple[Place, ...]:
        """Source, and what it skips from."""
        return self.source, self.skip

    def writes(self, longest: int) -> dict[str, tuple[int, ...]]:
        """Its own buffer."""
        return {self.buffer: (len(self.keep),)}

    def copies(self) -> int:
        """The words of its source, once for each offset."""
        return 0 if self.offsets == OWN else bits.words(self.source.width) * len(self.offsets)

    def reach(self) -> tuple[int | None, int]:
        """By its offsets; its own row is skipped from too."""
        return max(-min(self.offsets), 0), max(*self.offsets, 0)

    def run(self, rows: Packed, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
        """Rows from `begin` on, from all rows of its sources."""
        heard, first, inputs = buffers[self.source.buffer], self.source.first, self.source.width
        if self.offsets != OWN:
            heard = side_by_side(heard[..., first : first + bits.words(inputs)], self.offsets, rows.window)
            first, inputs = 0, heard.shape[2] * bits.WORD
        lanes = (self.gain, self.bias, self.keep, self.vth)
        skip = (buffers[self.skip.buffer][begin:], self.skip.first, self.skip_gain)
        using.linear(heard[begin:], first, inputs, self.table, self.signs, *lanes, *skip, self.bounded, buffers[self.buffer][begin:])

    def prepared(self, buffers: Buffers, using: ModuleType) -> Callable[[], None]:
        """`run` of an own row on buffers that stay."""
        heard, skip, lanes = buffers[self.source.buffer], buffers[self.skip.buffer], (self.gain, self.bias, self.keep, self.vth)
        where = (self.skip.first, self.skip_gain, self.bounded, buffers[self.buffer])
        return chosen.bound(using.linear, heard, self.source.first, self.source.width, self.table, self.signs, *lanes, skip, *where)

    def coincidences(self, rows: Rows, buffers: Buffers, counting: ModuleType) -> dict[str, int]:
        """None."""
        return {}

    def alike(self, other: Linear) -> bool:
        """Whether both hear the same alone, through the same kind of weights."""
        same = (self.source, self.offsets, len(self.signs)) == (other.source, other.offsets, len(other.signs))
        return same and not self.skip_gain and not other.skip_gain

    def beside(self, other: Linear) -> Linear:
        """Both stages' columns, its own first."""
        words, rows = len(self.keep) + len(other.keep), self.table.shape[1]
        table = weights.aligned((-(-words // BLOCK), rows, BLOCK))
        columns = [s.table.swapaxes(0, 1).reshape(rows, -1)[:, : len(s.keep)] for s in (self, other)]
        full = np.zeros((rows, table.shape[0] * BLOCK), np.uint64)
        full[:, :words] = np.concatenate(columns, 1)
        table[:] = full.reshape(rows, -1, BLOCK).swapaxes(0, 1)
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("gain", "bias", "keep", "vth")}
        both = weights.aligned((len(self.signs), words, *self.signs.shape[2:]))
        both[:, : len(self.keep)], both[:, len(self.keep) :] = self.signs, other.signs
        return replace(self, table=table, signs=both, bounded=self.bounded and other.bounded, **joined)


def side_by_side(words: bits.Words, offsets: tuple[int, ...], window: Ints) -> bits.Words:
    """(rows, steps, words) -> (rows, steps, offsets * words): what each row hears at each offset, silence beyond its window."""
    rows, steps, each = words.shape
    out = np.zeros((rows, steps, len(offsets) * each), np.uint64)
    for n, offset in enumerate(offsets):
        first = min(max(-offset, 0), rows)
        last = max(min(rows - offset, rows), first)
        part = out[first:last, :, n * each : (n + 1) * each]
        part[:] = words[first + offset : last + offset]
        part[window[first:last] != window[first + offset : last + offset]] = 0
    return out


@dataclass(frozen=True, eq=False, kw_only=True)
class Attention:
    """Scores and contexts of one layer; `score` and `context` are (gain, keep, threshold, bounded). heads of `width` channels each.

    products: the populations that scores and contexts sum.
    """

    sides: tuple[Place, Place, Place]
    score: Lanes
    context: Lanes
    scores: str
    buffer: str
    heads: int
    width: int
    causal: bool
    products: tuple[str, str]

    def reads(self) -> tuple[Place, ...]:
        """Query, key and value."""
        return self.sides

    def writes(self, longest: int) -> dict[str, tuple[int, ...]]:
        """A row's scores for every key, head by head, and its context."""
        return {self.scores: (self.heads, bits.words(longest)), self.buffer: (bits.words(self.heads * self.width),)}

    def copies(self) -> int:
        """None."""
        return 0

    def reach(self) -> tuple[int | None, int]:
        """All of a window or, where causal, up to its own row."""
        return None, 0 if self.causal else sys.maxsize

    def run(self, rows: Rows, buffers: Buffers, using: ModuleType, begin: int = 0) -> None:
        """Rows from `begin` on of every window, which hear all of it (where causal, up to themselves)."""
        query, key, value = (buffers[side.buffer] for side in self.sides)
        firsts = np.array([side.first for side in self.sides], np.int64)
        how = (self.score, self.context, buffers[self.scores], buffers[self.buffer])
        using.attend(query, key, value, firsts, rows.starts, self.width, self.causal, begin, *how)

    def coincidences(self, rows: Rows, buffers: Buffers, counting: ModuleType) -> dict[str, int]:
        """Queries that meet keys, and scores that meet values."""
        query, key, value = self.sides
        met, carried = np.zeros(1, np.int64), np.zeros(1, np.int64)
        firsts = np.array([query.first, key.first], np.int64)
        counting.meet(buffers[query.buffer], buffers[key.buffer], firsts, query.width, rows.starts, self.causal, met)
        counting.carry(buffers[self.scores], buffers[value.buffer], value.first, self.width, rows.starts, carried)
        return dict(zip(self.products, (int(met[0]), int(carried[0]))))


class Reader(Protocol):
    """What becomes of a probe."""

    @property
    def source(self) -> Place:
        """The population whose spikes it needs."""

    @property
    def by_row(self) -> bool:
        """Whether each row is read by itself."""

    def read(self, rows: Packed, buffers: Buffers, using: ModuleType) -> Ints:
        """(windows or rows, neurons)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pooled:
    """Membranes of a matrix summed over rows: (neurons, words) of its signs. only_first: the first row of each window alone."""

    source: Place
    positive: bits.Words
    negative: bits.Words
    only_first: bool

    @property
    def by_row(self) -> bool:
        """Rows are summed."""
        return False

    def read(self, rows: Packed, buffers: Buffers, using: ModuleType) -> Ints:
        """(windows, neurons)."""
        membranes = np.zeros((len(rows.starts) - 1, len(self.positive)), np.int64)
        using.pool(buffers[self.source.buffer], self.source.first, rows.starts, self.positive, self.negative, self.only_first, membranes)
        return membranes << arith.INPUT_SHIFT


@dataclass(frozen=True, eq=False, kw_only=True)
class Counts:
    """Spikes over all steps of every row. weights: (in, out) in synaptic units, where a readout on the chip hears them; no sum reaches 2^17,
    so float32 holds all exactly."""

    source: Place
    weights: NDArray[np.float32] | None

    @property
    def by_row(self) -> bool:
        """Each has its own."""
        return True

    def read(self, rows: Packed, buffers: Buffers, using: ModuleType) -> Ints:
        """(rows, neurons)."""
        counts, count = self._bound(buffers, using)
        count()
        return counts if self.weights is None else self._weighed(counts)

    def prepared(self, buffers: Buffers, using: ModuleType) -> Callable[[], Ints]:
        """`read` on buffers that stay."""
        counts, count = self._bound(buffers, using)

        def read() -> Ints:
            count()
            return counts.copy() if self.weights is None else self._weighed(counts)

        return read

    def _bound(self, buffers: Buffers, using: ModuleType) -> tuple[Ints, Callable[[], None]]:
        """(rows, neurons), and what counts into it."""
        words = buffers[self.source.buffer]
        counts = np.zeros((len(words), self.source.width), np.int64)
        return counts, chosen.bound(chosen.lasting(using).count, words, self.source.first, counts)

    def _weighed(self, counts: Ints) -> Ints:
        assert self.weights is not None
        return (counts.astype(np.float32) @ self.weights).astype(np.int64) << arith.INPUT_SHIFT
