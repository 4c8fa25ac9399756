"""Windows of rows, such as the tokens of texts, packed without padding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.network import Port, Scheduled, Stream

PADDING = "pad"  # what a port plays that spikes at the positions behind a text's end
CONTINUES = "continues"  # what a port plays that spikes in every token but the last of a sequence, in steps with input
IDLE = "idle"  # what a port plays that spikes in every step without input: all of them in a token of padding, behind a sequence's end
ACTIVE = "active"  # what a port plays that spikes in every step with input of a real token

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Windows packed without padding: words by what a port plays, (rows, steps, words); lengths: (windows,) rows of each.

    positions: rows that a window has in the network, of which `lengths` are real and the rest is padding.
    """

    words: dict[str, bits.Words]
    lengths: Ints
    positions: int
    widths: dict[str, int] | None = None  # neurons a row, where that is known: words hold up to 63 more

    def require(self, program: Scheduled) -> None:
        """Raises `InputError` where these are no inputs of `program`: each port's, of its steps and neurons, silent in the rest of a word."""
        self._require_lengths()
        for port in program.network.ports:
            if port.plays != PADDING and not (isinstance(program.timing, Stream) and port.plays in (IDLE, ACTIVE, CONTINUES)):
                self._require_port(port, program.network.by_name[port.population].grid, program.timing.steps)

    def _require_lengths(self) -> None:
        lengths = self.lengths
        if not isinstance(lengths, np.ndarray) or lengths.dtype != np.int64 or lengths.ndim != 1 or not len(lengths):
            raise InputError(f"lengths are {lengths!r:.80}", "int64, one a window, of one window or more")
        if not 1 <= lengths.min() <= lengths.max() <= self.positions:
            raise InputError(f"lengths {lengths.min()}..{lengths.max()}, allowed 1..{self.positions}")

    def _require_port(self, port: Port, grid: Grid, steps: int) -> None:
        if port.plays not in self.words:
            raise InputError(f"no spikes for {port.plays!r}", f"they are given for {', '.join(self.words) or 'nothing'}")
        words, width = self.words[port.plays], grids.size(grid) // self.positions
        if type(words) is not np.ndarray or words.dtype != np.uint64 or words.ndim != 3 or not words.flags.c_contiguous:
            said = f"{words.dtype} of shape {words.shape}" if isinstance(words, np.ndarray) else type(words).__name__
            raise InputError(f"{port.name}: words are {said}", "one contiguous array of uint64, (rows, steps, words)")
        found, allowed = (len(self), words.shape[1], (self.widths or {}).get(port.plays, width)), (len(self), steps, width)
        if found != allowed or words.shape != (int(self.lengths.sum()), steps, bits.words(width)) or grids.size(grid) != width * self.positions:
            raise InputError(f"{port.name}: bool of shape {found}, {list(words.shape)} words", f"bool of shape {allowed}")
        if width % bits.WORD and (words[..., -1] >> np.uint64(width % bits.WORD)).any():
            raise InputError(f"{port.name}: spikes beyond the last of {width} neurons")

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> Ints:
        """(windows + 1,): the first row of each window, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @cached_property
    def window(self) -> Ints:
        """(rows,) the window that each belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def real(self) -> NDArray[np.bool_]:
        """(windows, positions): where there is a row."""
        return np.arange(self.positions) < self.lengths[:, None]

    def dense(self, rows: NDArray) -> NDArray:
        """(rows, steps, ...) -> (windows, steps, positions, ...), zero at padded positions."""
        out = np.zeros((len(self), self.positions, *rows.shape[1:]), rows.dtype)
        out[self.real] = rows
        return out.swapaxes(1, 2)

    def each_row(self, read: Ints, neurons: int) -> Ints:
        """(rows, n) of what was read of a population of `neurons`, whether by window with padded rows in it or by row."""
        if read.shape[1] != neurons or self.positions == 1:
            return read
        return read.reshape(len(self), self.positions, -1)[self.real]

    def played(self, plays: str, grid: Grid) -> NDArray[np.bool_]:
        """(windows, steps, neurons): `Inputs` for those who know nothing of rows."""
        steps = next(iter(self.words.values())).shape[1]
        if plays == PADDING:
            return np.repeat(~self.real[:, None], steps, 1).astype(np.bool_)
        return self.dense(bits.unpack(self.words[plays], grids.size(grid) // self.positions)).reshape(len(self), steps, -1)
