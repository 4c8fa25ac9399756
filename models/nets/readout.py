"""What is read of a network: logits, and how often neurons fire."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tritspike.models.nets.layer import Layer, integers
from tritspike.models.nets.matrix import place
from tritspike.models.nets.symbols import There, line
from tritspike.models.nets.values import Axes, Run, Spikes, axes_of, cells, heard_along, require_columns
from tritspike.models.spiking import QUANTISERS, head_product
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import linear


class Readout(Layer):
    """Logits: spikes of all steps by ternary weights, summed up in membranes that never fire. Linear, so that it needs no batch norm.

    columns: as of `Dense`. pool: axes that are summed over; at: axes of which one cell alone is heard. In a stream each token is read or, with
    resets=Resets.SEQUENCE, the sum of its sequence so far.
    """

    def __init__(
        self,
        columns: Axes,
        classes: int,
        weights: str = "ternary",
        *,
        pool: Sequence[str] = (),
        at: dict[str, int] | None = None,
        resets: Resets = Resets.WINDOW,
    ) -> None:
        super().__init__()
        self.resets = resets
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
        found = self.each(x)
        return found if self.resets is Resets.WINDOW else _summed(found, x.run)

    def each(self, x: Spikes) -> Tensor:
        """What each window, or token, adds to them."""
        require_whole(self.name, x)
        for name, cell in self.at.items():
            x = Spikes(_at(x, name, cell), _without(x.grid, name), x.run)
        columns, kept = x.columns(self._over(x.grid))
        counts = counted(columns, x.run)
        found = head_product(counts.flatten(0, -2), self.codes()).unflatten(0, counts.shape[:-1])
        for name in self.pool:
            found, kept = _pooled(found, kept, x.run, name), _without(kept, name)
        return found

    def written(self, x: There) -> There:
        """Neurons that are read."""
        over = self._over(_without(x.handle.grid, *self.at))
        term = linear(x.handle, integers(self.codes()), into="class", over=over, pool=self.pool, at=self.at, delay=x.delay)
        return There(x.writing, x.writing.net.readout(self.name, term, resets=self.resets))

    def _over(self, grid: Grid) -> list[str]:
        over = heard_along(self.columns, grid, self.pool)
        require_columns(self.name, self.columns, grid, over)
        return over


class Count(Layer):
    """How often each neuron fires in a window, which the host reads."""

    def computed(self, x: Spikes) -> Tensor:
        """(samples, cells ...); of a stream (samples, tokens, cells ...)."""
        require_whole(self.name, x)
        return counted(x.tensor, x.run)

    def written(self, x: There) -> There:
        """No neurons of its own."""
        x.writing.net.count(x.settled(), self.name)
        return x


def counted(spikes: Tensor, run: Run) -> Tensor:
    """(steps, samples, ...) summed over the steps of a window; (samples, tokens, ...) of a stream's."""
    if not run.stream:
        return spikes.float().sum(0)
    return spikes.float().unflatten(0, (-1, run.frame)).sum(1).transpose(0, 1)


def _summed(tokens: Tensor, run: Run) -> Tensor:
    """(samples, tokens, ...) of each -> of all of a sequence so far; whole numbers, exact in float32 up to 2^24."""
    sums = tokens.cumsum(1)
    if run.begins is None:
        return sums
    first = run.begins.nonzero().squeeze(1)
    before = torch.cat([torch.zeros_like(sums[:, :1]), sums], 1)[:, first]
    return sums - before[:, run.begins.cumsum(0) - 1]


def require_whole(name: str, x: Spikes) -> None:
    """Raises `InputError` where some of the spikes that are counted are not computed."""
    if not x.run.idle and not x.quiet:
        raise InputError(f"{line()}: {name} reads neurons that fire in steps without input", "whole=True of what the host plays")


def _at(x: Spikes, name: str, cell: int) -> Tensor:
    """(steps, samples, ...) of one cell along an axis."""
    where = place(x.grid, name)
    if x.run.packing is not None and x.run.packed(x.grid) == name:
        return x.run.packing.at(x.tensor, cell)
    return x.tensor.select(2 + x.run.coordinates(x.grid).index(grids.names(x.grid)[where]), cell)


def _pooled(found: Tensor, grid: Grid, run: Run, name: str) -> Tensor:
    """(..., cells of the grid ..., classes) summed up along an axis."""
    place(grid, name)
    have = run.coordinates(grid)
    if run.packing is not None and run.packed(grid) == name:
        return run.packing.summed(found.movedim(-2 - len(have), -2)).movedim(-2, -2 - len(have))
    return found.sum(have.index(name) - len(have) - 1)


def _without(grid: Grid, *names: str) -> Grid:
    return tuple(axis for axis in grid if not set(axis.names) & set(names))
