"""Synapses, neurons and what is read of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets import scan
from tritspike.models.nets.layer import Layer, integers
from tritspike.models.nets.padding import masked
from tritspike.models.nets.symbols import Heard, There, heard, line
from tritspike.models.nets.values import Axes, Drive, Run, Spikes, axes_of, cells, heard_along, require_columns
from tritspike.models.spiking import QUANTISERS, exact_product, head_product
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import Sum, linear, same


class Dense(Layer):
    """W s and a batch norm, which folds to a gain and a bias a row: the drive of `rows` neurons, at each place along all other axes.

    columns, rows: axes, or how many cells of all that is heard, and of a new axis "features". weights: ternary or binary.
    taps: places along `along` that are heard, its own and the next ones, each by a matrix of its own; where `causal` the ones before.
    bias: False leaves it out, as neurons that are never reset need.
    """

    def __init__(
        self, columns: Axes, rows: Axes, weights: str = "ternary", *, taps: int = 1, along: str = "position", causal: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.columns, self.rows, self.along, self.biased = columns, axes_of(rows), along, bias
        self.ahead = [-n if causal else n for n in range(taps)]
        self.synapses = spiking.Synapses(cells(axes_of(columns)) * taps, cells(self.rows), weights)

    def computed(self, x: Spikes) -> Drive:
        """Over the axes that it does not hear, and `rows`."""
        over = heard_along(self.columns, x.grid)
        require_columns(self.name, self.columns, x.grid, over)
        columns, kept = x.columns(over)
        if len(self.ahead) > 1:
            columns = torch.cat([_shifted(columns, 2 + _place(kept, self.along), ahead) for ahead in self.ahead], -1)
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
        if not 0 <= keep_u < arith.KEEP_ALL or not 0 <= keep <= arith.KEEP_ALL:
            raise InputError(f"keep is {keep}, keep_u is {keep_u}", f"0..{arith.KEEP_ALL}, and 0..{arith.KEEP_ALL - 1}")
        self.keep, self.keep_u, self.resets = keep, keep_u, resets

    def computed(self, x: Drive) -> Spikes:
        """Over the same axes; silent at padding."""
        spikes, alive = self._fired(x), x.run.alive(x.grid)
        return Spikes(spikes if alive is None else spikes * alive, x.grid, x.run)

    def _fired(self, x: Drive) -> Tensor:
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
        if self.resets is Resets.NEVER and any(bias.any() for bias in x.biases):
            raise InputError(f"{self.name}: a bias of neurons that are never reset, which would begin before the first token", "Dense(..., bias=False)")
        total = torch.from_numpy(sum(x.biases[1:], x.biases[0])).float()
        return integers(scan.register(total * scan.lasts(self.keep_u)))


class Readout(Layer):
    """Logits: spikes of all steps by ternary weights, summed up in membranes that never fire. Linear, so that it needs no batch norm.

    columns: as of `Dense`. pool: axes that are summed over; at: axes of which one cell alone is heard. In a stream each token is read.
    """

    def __init__(
        self, columns: Axes, classes: int, weights: str = "ternary", *, pool: Sequence[str] = (), at: dict[str, int] | None = None
    ) -> None:
        super().__init__()
        size = cells(axes_of(columns))
        self.columns, self.pool, self.at = columns, list(pool), dict(at or {})
        self.weight = nn.Parameter(torch.randn(classes, size) / size**0.5)
        self.quantise = QUANTISERS[weights]
        self.unit = nn.Parameter(torch.tensor(0.1))  # of a logit in counts; a scale alone, which changes no answer

    def codes(self) -> Tensor:
        """(classes, columns) in {-1, 0, 1}."""
        return self.quantise(self.weight)

    def computed(self, x: Spikes) -> Tensor:
        """(samples, axes that it does not hear ..., classes); of a stream (samples, tokens, ...)."""
        return self.totals(x) * self.unit

    def totals(self, x: Spikes) -> Tensor:
        """The same in synaptic units: whole numbers, exact in float32, a 64th of the membranes that a chip reads."""
        chosen = x
        for name, cell in self.at.items():
            place = _place(chosen.grid, name)
            left = tuple(axis for axis in chosen.grid if axis.names != (name,))
            chosen = Spikes(chosen.tensor.select(2 + place, cell), left, x.run)
        columns, kept = chosen.columns(self._over(chosen.grid))
        counts = counted(columns, x.run)
        found = head_product(counts.flatten(0, -2), self.codes()).unflatten(0, counts.shape[:-1])
        for name in self.pool:
            place = _place(kept, name)
            found, kept = found.sum(place - len(grids.names(kept)) - 1), tuple(axis for axis in kept if axis.names != (name,))
        return found

    def written(self, x: There) -> There:
        """Neurons that are read."""
        over = self._over(tuple(axis for axis in x.handle.grid if not set(axis.names) & self.at.keys()))
        term = linear(x.handle, integers(self.codes()), into="class", over=over, pool=self.pool, at=self.at)
        return There(x.writing, x.writing.net.readout(self.name, term))

    def _over(self, grid: Grid) -> list[str]:
        over = heard_along(self.columns, grid, self.pool)
        require_columns(self.name, self.columns, grid, over)
        return over


class Count(Layer):
    """How often each neuron fires in a window, which the host reads."""

    def computed(self, x: Spikes) -> Tensor:
        """(samples, cells ...); of a stream (samples, tokens, cells ...)."""
        return counted(x.tensor, x.run)

    def written(self, x: There) -> There:
        """No neurons of its own."""
        x.writing.net.count(x.handle, self.name)
        return x


def counted(spikes: Tensor, run: Run) -> Tensor:
    """(steps, samples, ...) summed over the steps of a window; (samples, tokens, ...) of a stream's."""
    if not run.stream:
        return spikes.float().sum(0)
    return spikes.float().unflatten(0, (-1, run.timing.period)).sum(1).transpose(0, 1)


def through(synapses: spiking.Synapses, columns: Tensor, kept: Grid, run: Run) -> tuple[Tensor, Any]:
    """((steps, samples, kept ..., rows) drive, how to find its constant part). Padding is no part of the batch that the norm sees."""
    alive = run.alive(kept)
    some = None if alive is None else alive.expand(columns.shape[1:-1])
    rows = columns.flatten(1, -2) if some is None else columns[:, some]
    counts = exact_product(rows, synapses.codes())
    if synapses.scale is None:
        drive = synapses.norm(counts.flatten(0, 1)).view(counts.shape)
        shift = partial(_shift, synapses.norm, counts.detach())
    else:
        gain, bias = synapses.registers()
        drive, shift = counts * (gain * arith.ONE) + bias, partial(lambda found: found, bias)
    if some is None:
        return drive.unflatten(1, columns.shape[1:-1]), shift
    return _spread(drive, some), shift


def _spread(rows: Tensor, some: Tensor) -> Tensor:
    """Back to all places, with nothing at padding."""
    out = rows.new_zeros(len(rows), *some.shape, rows.shape[-1])
    out[:, some] = rows
    return out


def _shift(norm: nn.BatchNorm1d, counts: Tensor) -> Tensor:
    """What a batch norm adds: its output for no spikes at all, by the statistics that it has just used."""
    if not norm.training:
        return spiking.affine_of(norm)[1]
    var, mean = torch.var_mean(counts.flatten(0, 1), 0, correction=0)
    return norm.bias - norm.weight * mean / (var + norm.eps).sqrt()


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


def _shifted(tensor: Tensor, dim: int, ahead: int) -> Tensor:
    """What stands `ahead` places further along `dim`; nothing beyond the ends."""
    size, many = tensor.shape[dim], min(abs(ahead), tensor.shape[dim])
    nothing = tensor.new_zeros(*tensor.shape[:dim], many, *tensor.shape[dim + 1 :])
    there = tensor.narrow(dim, many if ahead > 0 else 0, size - many)
    return torch.cat([there, nothing] if ahead > 0 else [nothing, there], dim)


def _place(grid: Grid, name: str) -> int:
    """Which coordinate of a grid it is. Raises `InputError`."""
    names = grids.names(grid)
    if name not in names:
        raise InputError(f"{line()}: no axis {name!r} among {', '.join(names)}", "along=, pool= and at= name an axis of what is heard")
    return names.index(name)
