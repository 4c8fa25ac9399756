"""What lives on from token to token: spikes of a token ago, and populations that hear themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models.nets.layer import Layer
from tritspike.models.nets.symbols import Heard, There, line
from tritspike.models.nets.values import Axes, Drive, Run, Spikes, axes_of
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.neuron import RELAY
from tritspike.runtime.network.terms import Handle, onto, same, shown


class Delay(Layer):
    """Spikes of a token ago, as far as that fired in steps that have input, and of none at the first of a sequence.

    A neuron each, which ANDs a spike with the port `continues` before it waits: without that a sequence would hear the end of the one before it,
    and the first one what neurons with a bias fire before their first token. In a stream of one sequence a delay of a delay is no more neurons.
    """

    def computed(self, x: Spikes) -> Spikes:
        """Over the same axes."""
        _require_stream(x.run)
        frame, heard = x.run.frame, x.run.hushed(x.tensor)
        before = _last(x.run, self, torch.zeros_like(heard[:frame]))
        _keep(x.run, self, heard[-frame:])
        return replace(x, tensor=_apart(torch.cat([before, heard[:-frame]]), x.run), quiet=True)

    def written(self, x: There) -> There:
        """A population over the same axes, or one that waits already."""
        if x.writing.endless and x.handle.name in x.writing.gates:
            return replace(x, delay=x.delay + 1)
        past = _gate(self.name, x, x.handle.grid)
        x.writing.gates.add(past.name)
        x.writing.net.join(past, same(x.handle, delay=x.delay))
        return There(x.writing, past, 1)


class Recurrent(Layer):
    """A module that hears, beside what it is given, its own spikes of a token ago: body(..., past) -> spikes over `axes`.

    Where a token has steps without input these are not heard again (`Delay`). Neurons inside must be reset as tokens or sequences begin, or never.
    """

    takes = (Spikes, Drive, There, Heard)

    def __init__(self, body: nn.Module, axes: Axes) -> None:
        super().__init__()
        self.body, self.axes = body, axes_of(axes)

    def computed(self, *given: Spikes | Drive) -> Spikes:
        """Over `axes`, token by token."""
        run = given[0].run
        _require_stream(run)
        inner = replace(run, kept={} if run.kept is None else run.kept)
        past = _last(run, self, _nothing(given[0], self.axes))
        found = []
        for n, token in enumerate(_tokens(given, inner)):
            past = past if run.begins is None else past * ~run.begins[n]
            spikes = self.body(*token, Spikes(past, self.axes, inner))
            _require_over(spikes, self.axes)
            found.append(spikes.tensor)
            past = run.hushed(spikes.tensor)
        _keep(run, self, past)
        return Spikes(torch.cat(found), self.axes, run, spikes.quiet)

    def written(self, *given: There | Heard) -> There:
        """The body's populations, and one more that says what is heard again."""
        past = _gate(f"{self.name}.past", given[0], self.axes)
        spikes = self.body(*given, There(given[0].writing, past, 1))
        _require_over(spikes, self.axes)
        given[0].writing.net.join(past, same(spikes.handle, delay=spikes.delay))
        return There(given[0].writing, spikes.handle, spikes.delay)


def _apart(spikes: Tensor, run: Run) -> Tensor:
    """What was heard of a token ago, and not of the sequence before."""
    if run.begins is None:
        return spikes
    goes = (~run.begins).repeat_interleave(run.frame).to(spikes.dtype)
    return spikes * goes.view(-1, *(1 for _ in spikes.shape[1:]))


def _gate(name: str, x: There | Heard, grid: Grid) -> Handle:
    return x.writing.net.population(name, onto(x.writing.continues(), grid), RELAY)


def _tokens(given: tuple[Spikes | Drive, ...], run: Run) -> Iterator[list[Spikes | Drive]]:
    for at in range(0, len(given[0].tensor), run.frame):
        yield [replace(one, tensor=one.tensor[at : at + run.frame], run=run) for one in given]


def _nothing(like: Spikes | Drive, axes: Grid) -> Tensor:
    """No spikes of one token over `axes`."""
    run, sizes = like.run, grids.extents(axes)
    many = len(like.tensor[0]) if run.packing is None else len(run.packing) if run.packed(axes) else run.packing.shape[0]
    return torch.zeros((run.frame, many, *(sizes[name] for name in run.coordinates(axes))), dtype=torch.bfloat16, device=like.tensor.device)


def _last(run: Run, layer: Layer, nothing: Tensor) -> Tensor:
    """Of the token before, where this call is one token of a recurrence or goes on with a stream."""
    found: Tensor | None = None if run.kept is None else run.kept.get(layer)
    return nothing if found is None else found.transpose(0, 1)


def _keep(run: Run, layer: Layer, token: Tensor) -> None:
    if run.kept is not None:
        run.kept[layer] = token.transpose(0, 1)


def _require_stream(run: Run) -> None:
    if not run.stream:
        raise InputError(f"{line()}: a token ago, and windows that are of different samples", "Input(axes, timing=Stream(steps, period, slot))")


def _require_over(spikes: Any, axes: Grid) -> None:
    if not isinstance(spikes, Spikes | There):
        raise InputError(f"{line()}: the body of a recurrence gives {type(spikes).__name__}", "spikes, which Lif makes of a drive")
    found = spikes.grid if isinstance(spikes, Spikes) else spikes.handle.grid
    if found != axes:
        raise InputError(f"{line()}: the body of a recurrence gives {shown(found)}", f"spikes over {shown(axes)}")
