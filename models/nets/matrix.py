"""A matrix of synapses and its norm, applied at every place; and places along an axis."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.symbols import line
from tritspike.models.nets.values import Run
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid


def through(synapses: spiking.Synapses, columns: Tensor, kept: Grid, run: Run) -> tuple[Tensor, Any]:
    """((steps, samples, kept ..., rows) drive, how to find its constant part). Padding is no part of the batch that the norm sees."""
    alive, places = run.alive(kept), columns.shape[1:-1]
    rows = columns.flatten(1, -2)
    some = None if alive is None else alive.expand(places).flatten().nonzero().squeeze(1)
    counts = spiking.exact_product(rows if some is None else rows.index_select(1, some), synapses.codes())
    if synapses.scale is None:
        drive = synapses.norm(counts.flatten(0, 1)).view(counts.shape)
        shift = partial(_shift, synapses.norm, counts.detach())
    else:
        gain, bias = synapses.registers()
        drive, shift = counts * (gain * arith.ONE) + bias, partial(lambda found: found, bias)
    if some is not None:
        drive = drive.new_zeros(len(drive), rows.shape[1], drive.shape[-1]).index_copy(1, some, drive)
    return drive.unflatten(1, places), shift


def _shift(norm: nn.BatchNorm1d, counts: Tensor) -> Tensor:
    """What a batch norm adds: its output for no spikes at all, by the statistics that it has just used."""
    if not norm.training:
        return spiking.affine_of(norm)[1]
    var, mean = torch.var_mean(counts.flatten(0, 1), 0, correction=0)
    return norm.bias - norm.weight * mean / (var + norm.eps).sqrt()


def shifted(tensor: Tensor, dim: int, ahead: int) -> Tensor:
    """What stands `ahead` places further along `dim`; nothing beyond the ends."""
    size, many = tensor.shape[dim], min(abs(ahead), tensor.shape[dim])
    nothing = tensor.new_zeros(*tensor.shape[:dim], many, *tensor.shape[dim + 1 :])
    there = tensor.narrow(dim, many if ahead > 0 else 0, size - many)
    return torch.cat([there, nothing] if ahead > 0 else [nothing, there], dim)


def place(grid: Grid, name: str) -> int:
    """Which coordinate of a grid it is. Raises `InputError`."""
    names = grids.names(grid)
    if name not in names:
        raise InputError(f"{line()}: no axis {name!r} among {', '.join(names)}", "along=, pool= and at= name an axis of what is heard")
    return names.index(name)
