"""A matrix of synapses and its norm, applied at every place; and places along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.norms import normed, statistics
from tritspike.models.nets.symbols import line
from tritspike.models.nets.values import Run
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid


def through(synapses: spiking.Synapses, columns: Tensor, kept: Grid, run: Run) -> tuple[Tensor, Any]:
    """((steps, samples, kept ..., rows) drive, how to find its constant part). Padding is no part of the batch that the norm sees."""
    return through_each([synapses], columns, kept, run)[0]


def through_each(every: Sequence[spiking.Synapses], columns: Tensor, kept: Grid, run: Run) -> list[tuple[Tensor, Any]]:
    """The same of several matrices of the same columns, whose products are one."""
    alive, places = run.alive(kept), columns.shape[1:-1]
    rows = columns if columns.ndim == 3 else columns.flatten(1, -2)
    some = None if alive is None else alive.expand(places).flatten().nonzero().squeeze(1)
    codes = [synapses.codes() for synapses in every]
    counts = spiking.exact_product(rows if some is None else rows.index_select(1, some), codes[0] if len(codes) == 1 else torch.cat(codes))
    found = []
    for synapses, own in zip(every, counts.split([len(part) for part in codes], -1) if len(codes) > 1 else [counts]):
        drive, shift = _normed(synapses, own.contiguous())
        if some is not None:
            drive = drive.new_zeros(len(drive), rows.shape[1], drive.shape[-1]).index_copy(1, some, drive)
        found.append((drive if len(places) == 1 else drive.unflatten(1, places), shift))
    return found


def _normed(synapses: spiking.Synapses, counts: Tensor) -> tuple[Tensor, Any]:
    if synapses.scale is None:
        return normed(synapses.norm, counts.flatten(0, 1)).view(counts.shape), partial(_shift, synapses.norm, counts.detach())
    gain, bias = synapses.registers()
    return counts * (gain * arith.ONE) + bias, partial(lambda found: found, bias)


def _shift(norm: nn.BatchNorm1d, counts: Tensor) -> Tensor:
    """What a batch norm adds: its output for no spikes at all, by the statistics that it has just used."""
    if not norm.training:
        return spiking.affine_of(norm)[1]
    var, mean = statistics(counts.flatten(0, 1))
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
