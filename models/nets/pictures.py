"""Convolutions, and sums of neighbours."""

from __future__ import annotations

from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.layer import Layer, integers
from tritspike.models.nets.matrix import through
from tritspike.models.nets.symbols import Heard, There, heard, line
from tritspike.models.nets.values import Drive, Spikes, extents
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis, Grid
from tritspike.runtime.network.terms import Sum, conv2d, pooled, shown, summed


class Conv(Layer):
    """A convolution of `size` x `size` places and a batch norm a channel; weights as in `Dense`. Of rows, columns and channels, as on the chip."""

    def __init__(self, channels: int, out: int, size: int, stride: int = 1, padding: int = 0, weights: str = "ternary") -> None:
        super().__init__()
        self.synapses = spiking.Synapses(channels * size * size, out, weights)
        self.channels, self.size, self.stride, self.padding = channels, size, stride, padding

    def computed(self, x: Spikes) -> Drive:
        """Over rows', columns' and out channels."""
        if len(x.grid) != 3 or extents(x.grid)[2] != self.channels:
            raise InputError(f"{line()}: a convolution of {self.channels} channels hears {shown(x.grid)}", "rows, columns and as many channels")
        steps, samples, *place, channels = x.tensor.shape
        pictures = x.tensor.reshape(-1, *place, channels).permute(0, 3, 1, 2).float()
        patches = nn.functional.unfold(pictures, self.size, padding=self.padding, stride=self.stride)  # (steps * samples, columns, places)
        columns = patches.transpose(1, 2).unflatten(0, (steps, samples))
        kept = tuple(Axis(a.names[0], (n + 2 * self.padding - self.size) // self.stride + 1) for a, n in zip(x.grid, place))
        drive, shift = through(self.synapses, columns.unflatten(2, extents(kept)), kept, x.run)
        return Drive(drive, (*kept, Axis(x.grid[2].names[0], drive.shape[-1])), x.run, (shift,), x.quiet)

    def written(self, x: There) -> Heard:
        """A term for each place of the kernel."""
        gain, bias = (integers(part) for part in self.synapses.registers())
        codes = integers(self.synapses.codes())
        kernel = codes.reshape(len(codes), self.channels, self.size, self.size)
        return heard(x, conv2d(x.handle, kernel, gain, stride=self.stride, padding=self.padding), bias)


class Pool(Layer):
    """Sums by one learned weight: of all cells along the axes named, or of so many neighbours along each, as `Pool(row=2, column=2)`."""

    def __init__(self, *over: str, start: float = 0.5, **sizes: int) -> None:
        super().__init__()
        if bool(over) == bool(sizes) or any(size < 1 for size in sizes.values()):
            raise InputError(f"Pool over {over or sizes}", 'names of axes, as Pool("position"), or how many neighbours, as Pool(row=2, column=2)')
        self.over, self.sizes, self.weight = over, sizes, spiking.Weight(start)

    def computed(self, x: Spikes) -> Drive:
        """Over the axes that are left, or over as many cells as there are whole neighbourhoods."""
        names = x.run.coordinates(x.grid)
        _require_named(self, x.grid)
        if self.over:
            columns, kept = x.columns(self.over)
            return Drive(columns.float().sum(-1) * self.weight(), kept, x.run, quiet=x.quiet)
        found: Tensor = x.tensor.float()
        for name, size in self.sizes.items():
            dim = 2 + names.index(name)
            whole = found.narrow(dim, 0, found.shape[dim] // size * size)
            found = whole.unflatten(dim, (-1, size)).sum(dim + 1)
        return Drive(found * self.weight(), self._left(x.grid), x.run, quiet=x.quiet)

    def written(self, x: There) -> Heard:
        """A term, or one for each place in a neighbourhood."""
        _require_named(self, x.handle.grid)
        weight = self.weight.integer()
        if self.over:
            return heard(x, summed(x.handle, self.over).weighing(weight))
        return heard(x, Sum(tuple(term.weighing(weight) for term in pooled(x.handle, self.sizes).terms)))

    def _left(self, grid: Grid) -> Grid:
        return tuple(Axis(a.name, a.size // self.sizes.get(a.name, 1), a.grows) if isinstance(a, Axis) else a for a in grid)


def _require_named(pool: Pool, grid: Grid) -> None:
    fixed = [axis.names[0] for axis in grid if isinstance(axis, Axis) and (pool.over or not axis.grows)]
    unknown = [name for name in (*pool.over, *pool.sizes) if name not in fixed]
    if unknown:
        raise InputError(f"{line()}: Pool along {unknown[0]!r}, which {shown(grid)} has not, or not of one size", f"of {', '.join(fixed)}")
