"""Synapses, neurons and what is read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets import scan
from tritspike.models.nets.layer import Layer, integers
from tritspike.models.nets.matrix import place, shifted, through, through_each
from tritspike.models.nets.padding import masked
from tritspike.models.nets.symbols import Heard, There, heard, line
from tritspike.models.nets.values import Axes, Drive, Run, Spikes, axes_of, cells, heard_along, require_columns
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import given
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import Sum, linear, same, shown


class Dense(Layer):
    """W s and a batch norm, which folds to a gain and a bias a row: the drive of `rows` neurons, at each place along all other axes.

    columns, rows: axes, or how many cells of all that is heard, and of a new axis "features"; where several are heard, such as a token and the one
    before it, a list with the columns of each: all are columns of one matrix. weights: ternary or binary.
    taps: places along `along` that are heard, its own and the next ones, each by a matrix of its own; where `causal` the ones before.
    bias: False leaves it out, as neurons that are never reset need. loud: what its norm begins to scale by: less beside a `Skip` of more than a
    threshold lets training begin with layers that pass on what they hear.
    """

    def __init__(
        self,
        columns: Axes | list[Axes],
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
        self.columns = columns if isinstance(columns, list) else [columns]
        self.rows, self.along, self.biased = axes_of(rows), along, bias
        self.ahead = [-n if causal else n for n in range(taps)]
        self.widths = [cells(axes_of(one)) for one in self.columns for _ in self.ahead]
        self.synapses = spiking.Synapses(sum(self.widths), cells(self.rows), weights)
        nn.init.constant_(self.synapses.norm.weight, loud)

    def computed(self, *heard: Spikes) -> Drive:
        """Over the axes that it does not hear, and `rows`."""
        columns, kept, run = self._columns(heard)
        drive, shift = through(self.synapses, columns, kept, run)
        return self._drive(drive, shift, kept, run, all(x.quiet for x in heard))

    def _columns(self, heard: tuple[Spikes, ...]) -> tuple[Tensor, Grid, Run]:
        """(of one matrix, the axes that are left, the call that it is part of)."""
        parts, grids_, run = [], [], heard[0].run
        for x, own in zip(self._counted(heard), self.columns):
            columns, kept = x.columns(self._over(own, x.grid))
            parts += [self._tap(columns, kept, x.run, ahead) for ahead in self.ahead] if len(self.ahead) > 1 else [columns]
            grids_.append(kept)
            run = run.beside(x.run)
        _require_one(grids_)
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1), grids_[0], run

    def _drive(self, drive: Tensor, shift: Any, kept: Grid, run: Run, quiet: bool) -> Drive:
        sizes = [axis.size for axis in self.rows]
        drive = drive if self.biased else drive - shift()
        shifts = (partial(_unflat, shift, sizes),) if self.biased else ()
        return Drive(drive if len(sizes) == 1 else drive.unflatten(-1, sizes), (*kept, *self.rows), run, shifts, quiet)

    def _counted(self, heard: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(heard) != len(self.columns):
            raise InputError(f"{line()}: {self.name or 'a matrix'} hears {len(heard)} populations", f"{len(self.columns)}, as its columns say")
        return heard

    def _over(self, own: Axes, grid: Grid) -> list[str]:
        over = heard_along(own, grid)
        require_columns(self.name, own, grid, over)
        return over

    def _tap(self, columns: Tensor, kept: Grid, run: Run, ahead: int) -> Tensor:
        where = place(kept, self.along)
        if run.packing is not None and run.packed(kept) == self.along:
            return run.packing.ahead(columns, ahead)
        return shifted(columns, 2 + where, ahead)

    def written(self, *heard_: There) -> Heard:
        """A term for each tap."""
        gain, bias = (integers(part) for part in self.synapses.registers())
        parts = iter(np.split(integers(self.synapses.codes()), np.cumsum(self.widths)[:-1], 1))
        shifts = [{self.along: ahead} if len(self.ahead) > 1 else {} for ahead in self.ahead]
        found = None
        for x, own in zip(self._counted(heard_), self.columns):
            over = self._over(own, x.handle.grid)
            terms = [linear(x.handle, next(parts), gain, over=over, into=self.rows, shift=shift) for shift in shifts]
            one = heard(x, Sum(tuple(terms)))
            found = one if found is None else found + one
        assert found is not None
        shaped = bias.reshape([axis.size for axis in self.rows])
        return replace(found, biases=(shaped,)) if self.biased else found


def drives(every: Sequence[Dense], x: Spikes) -> list[Drive]:
    """What several layers that hear the same columns give, by one product of all their rows, which takes less time than one each."""
    columns, kept, run = every[0]._columns((x,))
    for one in every:
        if (one.columns, one.ahead, one.along) != (every[0].columns, every[0].ahead, every[0].along):
            raise InputError(f"{line()}: {one.name} and {every[0].name} hear other columns", "matrices of the same columns and taps")
    found = through_each([one.synapses for one in every], columns, kept, run)
    return [one._drive(drive, shift, kept, run, x.quiet) for one, (drive, shift) in zip(every, found)]


class Skip(Layer):
    """One learned positive weight from each neuron to its like. start: in thresholds."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.weight = spiking.Weight(start)

    def computed(self, x: Spikes) -> Drive:
        """Over the same axes."""
        return Drive(x.tensor.float() * self.weight(), x.grid, x.run, quiet=x.quiet)

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
        """Over the same axes; silent at padding, and where a token has steps without input, which only what lives on passes in its own way."""
        spikes, alive = self._fired(x), x.run.alive(x.grid, padding=bool(x.shifts))  # without a bias nothing fires there
        return Spikes(spikes if alive is None else spikes * alive.to(spikes.dtype), x.grid, x.run, not self._lives(x.run))

    def _lives(self, run: Run) -> bool:
        return run.stream and self.resets is not Resets.WINDOW

    def _fired(self, x: Drive) -> Tensor:
        if self.resets is Resets.NEVER and not x.run.stream:
            raise InputError(f"{line()}: neurons that are never reset, and windows that are of different samples", "a stream, or resets=")
        if self._lives(x.run):
            return self._living(x)
        if self.keep_u or (len(x.shifts) > 1 and self.scale is not None):
            shift = x.shift()
            spikes = _by_token(x.tensor - shift, x.run, lambda drive: self._scan(drive, shift, None, len(drive), len(drive))[0])
        else:
            spikes = spiking.lif(x.tensor, self.keep, self.scale, x.run.frame)
        return x.run.hushed(spikes)

    def _living(self, x: Drive) -> Tensor:
        if not x.run.idle and not x.quiet:
            raise InputError(f"{line()}: {self.name} hears neurons that fire in steps without input", "whole=True of what the host plays")
        shift, kept = x.shift(), x.run.kept
        begins = x.run.begins if self.resets is Resets.SEQUENCE else None
        spikes, after = self._scan(x.tensor - shift, shift, None if kept is None else kept.get(self), x.run.frame, x.run.timing.period, begins)
        if kept is not None:
            kept[self] = after
        return spikes

    def _scan(
        self, drive: Tensor, shift: Tensor, state: scan.State | None, frame: int, period: int, begins: Tensor | None = None
    ) -> tuple[Tensor, scan.State]:
        count = int(np.prod(drive.shape[2:]))
        registers = scan.of_one(count, self.keep, self.keep_u, self.scale, frame, period, begins)
        if self.scale is None:
            return scan.scan(drive / scan.lasts(self.keep_u), shift, registers, False, state)
        return scan.scan(drive, scan.register(shift * scan.lasts(self.keep_u)), registers, True, state)

    def written(self, x: Heard) -> There:
        """A population of the layer's name, with a mask where padding could wake it."""
        assert self.scale is not None
        bias = self._bias(x)
        vth = scan.vth(self.scale, self.keep_u)
        hears = masked(x, bias, self.resets, scan.lasts(self.keep_u))
        made = x.writing.net.lif(self.name, hears, keep=self.keep, vth=vth, bias=bias, keep_u=self.keep_u, resets=self.resets)
        if self.resets is not Resets.WINDOW:
            x.writing.living.add(self.name)
        return There(x.writing, made)

    def _bias(self, x: Heard) -> NDArray[np.int64] | None:
        if not x.biases:
            return None
        if self.resets is Resets.NEVER and any(bias.any() for bias in x.biases):
            what = f"{self.name}: a bias of neurons that are never reset, which would begin before the first token"
            raise InputError(what, "Dense(..., bias=False), or resets=Resets.SEQUENCE")
        total = torch.from_numpy(sum(x.biases[1:], x.biases[0])).float()
        return integers(scan.register(total * scan.lasts(self.keep_u)))


def _unflat(shift: Any, sizes: list[int]) -> Tensor:
    found: Tensor = shift().unflatten(0, sizes)
    return found


def _require_one(found: list[Grid]) -> None:
    for grid in found[1:]:
        if grid != found[0]:
            raise InputError(f"{line()}: a matrix hears places over {shown(found[0])} and over {shown(grid)}", "populations with the same other axes")


def _by_token(drive: Tensor, run: Run, fire: Any) -> Tensor:
    """`fire` on (steps, ...) of windows, those of a stream's tokens beside each other: each begins at rest."""
    if not run.stream:
        spikes: Tensor = fire(drive)
        return spikes
    tokens, samples = drive.unflatten(0, (-1, run.frame)).transpose(0, 1), drive.shape[1]
    found: Tensor = fire(tokens.flatten(1, 2)).unflatten(1, (-1, samples)).transpose(0, 1).flatten(0, 1)
    return found
