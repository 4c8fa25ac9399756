"""Synapses, neurons and what is read of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets import scan
from tritspike.models.nets.layer import Layer, integers
from tritspike.models.nets.matrix import place, shifted, through
from tritspike.models.nets.padding import masked
from tritspike.models.nets.symbols import Heard, There, heard, line
from tritspike.models.nets.values import Axes, Drive, Run, Spikes, axes_of, cells, heard_along, require_columns
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import given
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import Sum, linear, same


class Dense(Layer):
    """W s and a batch norm, which folds to a gain and a bias a row: the drive of `rows` neurons, at each place along all other axes.

    columns, rows: axes, or how many cells of all that is heard, and of a new axis "features". weights: ternary or binary.
    taps: places along `along` that are heard, its own and the next ones, each by a matrix of its own; where `causal` the ones before.
    bias: False leaves it out, as neurons that are never reset need. loud: what its norm begins to scale by: less beside a `Skip` of more than a
    threshold lets training begin with layers that pass on what they hear.
    """

    def __init__(
        self,
        columns: Axes,
        rows: Axes,
        weights: str = "ternary",
        *,
        taps: int = 1,
        along: str = "position",
        causal: bool = False,
        bias: bool = True,
        loud: float = 1.0,
    ) -> None:
        super().__init__()
        self.columns, self.rows, self.along, self.biased = columns, axes_of(rows), along, bias
        self.ahead = [-n if causal else n for n in range(taps)]
        self.synapses = spiking.Synapses(cells(axes_of(columns)) * taps, cells(self.rows), weights)
        nn.init.constant_(self.synapses.norm.weight, loud)

    def computed(self, x: Spikes) -> Drive:
        """Over the axes that it does not hear, and `rows`."""
        over = heard_along(self.columns, x.grid)
        require_columns(self.name, self.columns, x.grid, over)
        columns, kept = x.columns(over)
        if len(self.ahead) > 1:
            columns = torch.cat([shifted(columns, 2 + place(kept, self.along), ahead) for ahead in self.ahead], -1)
        drive, shift = through(self.synapses, columns, kept, x.run)
        sizes = [axis.size for axis in self.rows]
        drive = drive if self.biased else drive - shift()
        shifts = (partial(_unflat, shift, sizes),) if self.biased else ()
        return Drive(drive.unflatten(-1, sizes), (*kept, *self.rows), x.run, shifts)

    def written(self, x: There) -> Heard:
        """A term for each tap."""
        over = heard_along(self.columns, x.handle.grid)
        require_columns(self.name, self.columns, x.handle.grid, over)
        gain, bias = (integers(part) for part in self.synapses.registers())
        parts = np.split(integers(self.synapses.codes()), len(self.ahead), 1)
        shifts = [{self.along: ahead} if len(self.ahead) > 1 else {} for ahead in self.ahead]
        terms = [linear(x.handle, part, gain, over=over, into=self.rows, shift=shift) for part, shift in zip(parts, shifts)]
        shaped = bias.reshape([axis.size for axis in self.rows])
        return heard(x, Sum(tuple(terms)), *([shaped] if self.biased else []))


class Skip(Layer):
    """One learned positive weight from each neuron to its like. start: in thresholds."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.weight = spiking.Weight(start)

    def computed(self, x: Spikes) -> Drive:
        """Over the same axes."""
        return Drive(x.tensor.float() * self.weight(), x.grid, x.run)

    def written(self, x: There) -> Heard:
        """One synapse a neuron."""
        return heard(x, same(x.handle).weighing(self.weight.integer()))


class Lif(Layer):
    """Neurons that hear a drive: u = keep_u/4096 u + synapses, v = keep/4096 v + u + bias, a spike above the threshold, then v = 0.

    resets: when u and v are cleared, as each window or token begins, as each sequence does, or never. With a current that lasts (keep_u > 0)
    the threshold counts for a drive that lasts, too (`scan.py`).
    """

    takes = (Drive, Heard)

    def __init__(self, keep: int = 3072, *, keep_u: int = 0, resets: Resets = Resets.WINDOW) -> None:
        super().__init__()
        if not isinstance(resets, Resets):
            raise InputError(f"resets is {resets!r}", f"one of {', '.join(map(str, Resets))}")
        self.keep, self.keep_u = given.number(keep, "keep", 0, arith.KEEP_ALL), given.number(keep_u, "keep_u", 0, arith.KEEP_ALL - 1)
        self.resets = resets

    def computed(self, x: Drive) -> Spikes:
        """Over the same axes; silent at padding."""
        spikes, alive = self._fired(x), x.run.alive(x.grid)
        return Spikes(spikes if alive is None else spikes * alive, x.grid, x.run)

    def _fired(self, x: Drive) -> Tensor:
        if self.resets is Resets.NEVER and not x.run.stream:
            raise InputError(f"{line()}: neurons that are never reset, and windows that are of different samples", "a stream, or resets=")
        lives = x.run.stream and self.resets is not Resets.WINDOW
        if lives or self.keep_u or (len(x.shifts) > 1 and self.scale is not None):
            return self._scanned(x, lives)
        return _by_token(x.tensor, x.run, lambda drive: spiking.lif(drive, self.keep, self.scale))

    def _scanned(self, x: Drive, lives: bool) -> Tensor:
        shift = x.shift()
        if not lives:
            return _by_token(x.tensor - shift, x.run, lambda drive: self._scan(drive, shift, None)[0])
        kept = x.run.kept
        spikes, after = self._scan(x.tensor - shift, shift, None if kept is None else kept.get(self))
        if kept is not None:
            kept[self] = after
        return spikes

    def _scan(self, drive: Tensor, shift: Tensor, state: scan.State | None) -> tuple[Tensor, scan.State]:
        return scan.scan(drive, shift, self.keep, self.keep_u, self.scale, state)

    def written(self, x: Heard) -> There:
        """A population of the layer's name, with a mask where padding could wake it."""
        assert self.scale is not None
        bias = self._bias(x)
        vth = scan.vth(self.scale, self.keep_u)
        hears = masked(x, bias)
        made = x.writing.net.lif(self.name, hears, keep=self.keep, vth=vth, bias=bias, keep_u=self.keep_u, resets=self.resets)
        return There(x.writing, made)

    def _bias(self, x: Heard) -> NDArray[np.int64] | None:
        if not x.biases:
            return None
        never = self.resets is Resets.NEVER or (self.resets is Resets.SEQUENCE and x.writing.endless)
        if never and any(bias.any() for bias in x.biases):
            what = f"{self.name}: a bias of neurons that are never reset, which would begin before the first token"
            raise InputError(what, "Dense(..., bias=False), or a stream of sequences")
        total = torch.from_numpy(sum(x.biases[1:], x.biases[0])).float()
        return integers(scan.register(total * scan.lasts(self.keep_u)))


def _unflat(shift: Any, sizes: list[int]) -> Tensor:
    found: Tensor = shift().unflatten(0, sizes)
    return found


def _by_token(drive: Tensor, run: Run, fire: Any) -> Tensor:
    """`fire` on (steps, ...) of windows, those of a stream's tokens beside each other: each begins at rest."""
    if not run.stream:
        spikes: Tensor = fire(drive)
        return spikes
    tokens = drive.unflatten(0, (-1, run.timing.period)).transpose(0, 1)
    found: Tensor = fire(tokens.contiguous()).transpose(0, 1).flatten(0, 1)
    return found
