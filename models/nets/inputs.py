"""Where spikes come from: a host plays them, as they are or made of token numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.packing import Packing
from tritspike.models.nets.symbols import Blank, There, line
from tritspike.models.nets.values import Going, Run, Spikes, Texts
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream, Timing, Windows
from tritspike.runtime.network.terms import shown


class FromHost(Layer):
    """A port that plays over `axes`. whole: compute the steps of a stream's tokens that have no input, too; without it only neurons that live on
    pass them, which may then hear none that do."""

    takes: tuple[type, ...] = (Tensor, Texts, Going, Blank)

    def __init__(self, axes: tuple[Axis, ...], timing: Timing | None, whole: bool = True) -> None:
        super().__init__()
        self.axes, self.timing, self.whole = axes, timing, whole

    def written(self, blank: Blank) -> There:
        """A population without neurons of its own."""
        if isinstance(self.timing, Stream):
            blank.writing.endless |= not self.timing.slot
            blank.writing.rests |= bool(self.timing.slot) or self.timing.period > self.timing.steps  # a slot may be longer than its text
        return There(blank.writing, blank.writing.net.input(self.name, *self.axes))

    def played(self, tensor: Tensor, lengths: Tensor | None, kept: dict[Any, Any] | None = None, joined: Packing | None = None) -> Spikes:
        """(steps, samples, cells ...), or (steps, samples, tokens, cells ...) of a stream as its steps one after another. lengths: of texts, the
        rest of which is padding; joined: of texts that are one sample of a stream, end to end."""
        stream, sizes = isinstance(self.timing, Stream), tuple(axis.size for axis in self.axes)
        if tensor.shape[2 + stream :] != sizes or (self.timing is not None and len(tensor) != self.timing.steps):
            steps = "steps" if self.timing is None else self.timing.steps
            wanted = f"({steps}, samples, {'tokens, ' if stream else ''}{', '.join(map(str, sizes))}) over {shown(self.axes)}"
            raise InputError(f"{line()}: {self.name or 'an input'}: spikes of shape {tuple(tensor.shape)}", wanted)
        if joined is None:
            self._require_whole(tensor)
        packing = self._packing(tensor.shape[1], lengths) if joined is None else joined
        run = Run(self.timing or Windows(len(tensor)), packing, kept, self.whole)
        spikes = _steps(tensor, run) if stream else tensor.bfloat16()
        if packing is None or joined is not None:
            return Spikes(spikes, self.axes, run)
        return Spikes(run.gathered(self._cut(spikes, packing.shape[1]), self.axes), self.axes, run)

    def _cut(self, spikes: Tensor, longest: int) -> Tensor:
        dim = next(n for n, axis in enumerate(self.axes) if axis.grows)
        return spikes.narrow(2 + dim, 0, longest)

    def _require_whole(self, tensor: Tensor) -> None:
        slot = self.timing.slot if isinstance(self.timing, Stream) else 0
        if slot and tensor.shape[2] != slot:
            raise InputError(f"{line()}: {self.name or 'an input'}: sequences of {tensor.shape[2]} tokens", f"of {slot}, the slot of {self.timing}")

    def _packing(self, samples: int, lengths: Tensor | None) -> Packing | None:
        size = next((axis.size for axis in self.axes if axis.grows), None)
        if lengths is None:
            return None if size is None else Packing.of(torch.full((samples,), size))
        if size is None or not len(lengths) or not 1 <= int(lengths.min()) <= int(lengths.max()) <= size:
            raise InputError(
                f"{line()}: {self.name or 'an input'}: lengths over {shown(self.axes)}", "an axis that grows, and lengths of 1 up to its size"
            )
        return Packing.of(lengths)


class Input(FromHost):
    """Spikes that the host plays. timing: of a stream, whose samples are sequences of tokens; without it a sample is one window."""

    def __init__(self, *axes: Axis, timing: Timing | None = None, whole: bool = True) -> None:
        super().__init__(axes, timing, whole)

    def computed(self, spikes: Tensor | Texts | Going) -> Spikes:
        """(steps, samples, cells ...); of a stream (steps, samples, tokens, cells ...)."""
        if isinstance(spikes, Going):
            return self.played(spikes.of, None, spikes.kept)
        return self.played(spikes.of, spikes.lengths) if isinstance(spikes, Texts) else self.played(spikes, None)


class Embedding(FromHost):
    """Token numbers as spikes: a learned current for each, and one for each position, which drives neurons of the host for some steps.

    axes: the positions, and what a row of the tables is over. The chip sees the spikes only.
    """

    def __init__(self, tokens: int, position: Axis, row: Axis, steps: int, keep: int = 3072) -> None:
        super().__init__((position, row), Windows(steps))
        self.steps, self.keep = steps, keep
        self.token = nn.Parameter(torch.randn(tokens, row.size) * 0.5 + 0.3)  # about a third of them above the threshold in a few steps
        self.position = nn.Parameter(torch.randn(position.size, row.size) * 0.1)

    def computed(self, ids: Tensor | Texts) -> Spikes:
        """(samples, positions) -> spikes over positions and rows, silent at padding."""
        given, lengths = (ids.of, ids.lengths) if isinstance(ids, Texts) else (ids, None)
        current = nn.functional.embedding(given, self.token) + self.position
        spikes = spiking.lif(self._drive(current).expand(self.steps, *current.shape).contiguous(), self.keep, self.scale)
        return self.played(spikes, lengths)

    def _drive(self, current: Tensor) -> Tensor:
        if self.scale is None:
            return current
        return spiking.rounded(current * (self.scale * arith.ONE), arith.V_LIMIT)


def _steps(tensor: Tensor, run: Run) -> Tensor:
    """(steps, samples, tokens, ...) -> (tokens * frame, samples, ...), silent in the steps that have no input."""
    tokens = tensor.bfloat16().permute(2, 0, 1, *range(3, tensor.ndim))
    silent = tokens.new_zeros(tokens.shape[0], run.frame - run.timing.steps, *tokens.shape[2:])
    return torch.cat([tokens, silent], 1).flatten(0, 1)
