"""What layers give each other in torch: tensors whose cells have names, the axes of a `runtime/network/grid.py` grid.

Tensors are (steps, samples, a dimension for each coordinate of the grid ...). Where texts of several lengths are packed (`packing.py`) and a grid
grows along one axis, all their tokens one after another stand in the place of samples and of that coordinate. In a stream the steps are those of
all tokens of a sequence, `period` of each; spikes are bfloat16 0 and 1; drives are float32, in thresholds before `fold` and in the chip's 1/64
synaptic units after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from tritspike.models.nets.packing import Packing
from tritspike.models.nets.symbols import Symbol, line, refuse
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Stream, Timing
from tritspike.runtime.network.terms import shown

Axes = int | Axis | tuple[Axis, ...]


@dataclass(frozen=True, eq=False)
class Going:
    """What an input of a stream takes. of: tokens, (samples, tokens) of numbers or spikes; kept: what lives on from the calls before, and will be
    there for the next."""

    of: Tensor
    kept: dict[Any, Any]


@dataclass(frozen=True, eq=False)
class Texts:
    """What an input takes where axes grow. of: token numbers (samples, positions), or spikes; lengths: (samples,), of which the rest is padding."""

    of: Tensor
    lengths: Tensor

    def part(self, some: Tensor) -> Texts:
        """Some of the samples, of token numbers."""
        return Texts(self.of[some], self.lengths[some])


@dataclass(frozen=True, eq=False)
class Run:
    """One call of a module. packing: of texts along the axes that grow, or end to end as one sample of a stream; None where there are none.

    kept: by layers whose earlier tokens were computed by an earlier call, what lives on: u and v, or a token's spikes, samples first.
    idle: whether tensors hold the steps of a token that have no input, too.
    """

    timing: Timing
    packing: Packing | None = None
    kept: dict[Any, Any] | None = None
    idle: bool = True

    @property
    def begins(self) -> Tensor | None:
        """(tokens,) where a text begins, of several that are one sample of a stream."""
        return self.packing.positions == 0 if self.stream and self.packing is not None else None

    @property
    def frame(self) -> int:
        """Steps of a token, or of a window, that tensors hold."""
        return self.timing.period if self.idle else self.timing.steps

    def hushed(self, spikes: Tensor) -> Tensor:
        """Silent in steps without input, as neurons are that begin each token at rest: on the chip a mask inhibits them."""
        if self.frame == self.timing.steps:
            return spikes
        found = torch.arange(len(spikes), device=spikes.device) % self.frame < self.timing.steps
        return spikes * found.to(spikes.dtype).view(-1, *(1 for _ in spikes.shape[1:]))

    @property
    def stream(self) -> bool:
        """Whether the steps are those of several tokens."""
        return isinstance(self.timing, Stream)

    def beside(self, other: Run) -> Run:
        """Of what is made of two. Raises `InputError` where these are not of one timing, or padded in two ways."""
        if self is other:
            return self
        if self.timing != other.timing:
            raise InputError(f"{line()}: spikes of {self.timing} meet those of {other.timing}", "inputs of one timing")
        if self.packing is not None and other.packing is not None and not self.packing.same(other.packing):
            raise InputError(f"{line()}: texts of other lengths meet", "as many tokens in each input")
        return other if self.packing is None else self

    def packed(self, grid: Grid) -> str | None:
        """The coordinate along which tensors over a grid hold tokens one after another; None where they hold samples."""
        along = growing(grid)
        return along[0] if self.packing is not None and len(along) == 1 else None

    def coordinates(self, grid: Grid) -> tuple[str, ...]:
        """Those that have a dimension of their own, behind steps and samples, or steps and tokens."""
        packed = self.packed(grid)
        return tuple(name for name in grids.names(grid) if name != packed)

    def spread(self, tensor: Tensor, grid: Grid) -> Tensor:
        """With samples, and a dimension for each coordinate: those that grow as long as the longest text."""
        packed = self.packed(grid)
        if packed is None or self.packing is None:
            return tensor
        return self.packing.spread(tensor).movedim(2, 2 + grids.names(grid).index(packed))

    def gathered(self, spread: Tensor, grid: Grid) -> Tensor:
        """The inverse."""
        packed = self.packed(grid)
        if packed is None or self.packing is None:
            return spread
        return self.packing.packed(spread.movedim(2 + grids.names(grid).index(packed), 2))

    def alive(self, grid: Grid, padding: bool = True) -> Tensor | None:
        """(samples or 1, coordinates ...) of truth values: cells that the chip has and padding does not reach; None where these are all.

        padding: False leaves that out, where it is silent of itself.
        """
        found = [self._causal(grid, axis) for axis in grid if isinstance(axis, Pairs) and axis.causal]
        return _every([*found, *self._real(grid)] if padding else found)

    def real(self, grid: Grid) -> Tensor | None:
        """The same, of cells that padding does not reach, whether the chip has them or not."""
        return _every(self._real(grid))

    def _real(self, grid: Grid) -> list[Tensor]:
        if self.packing is None or self.packing.full or self.packed(grid) is not None:
            return []
        real = self.packing.real()
        return [_along(real, grid, name) for name in growing(grid)]

    def _causal(self, grid: Grid, pairs: Pairs) -> Tensor:
        query, key = pairs.names
        sizes = [axis.size if self.packing is None or not axis.grows else self.packing.shape[1] for axis in (pairs.query, pairs.key)]
        extents = {query: sizes[0], key: sizes[1]}
        device = None if self.packing is None else self.packing.place.device
        return torch.ones(sizes, dtype=torch.bool, device=device).tril().reshape(1, *(extents.get(n, 1) for n in grids.names(grid)))


class _Rate(torch.autograd.Function):
    """The mean of spikes; its gradient is one number for all of them, which nobody need write down as often."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor) -> Tensor:
        ctx.like = spikes.shape, spikes.dtype
        return spikes.mean(dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        shape, dtype = ctx.like
        return (grads[0] / max(math.prod(shape), 1)).to(dtype).expand(shape)


@dataclass(frozen=True, eq=False)
class Spikes(Symbol):
    """Of a population. quiet: whether it is silent in steps without input."""

    tensor: Tensor
    grid: Grid
    run: Run
    quiet: bool = True

    def columns(self, over: Sequence[str]) -> tuple[Tensor, Grid]:
        """((steps, samples, other coordinates ..., cells of `over`), the grid of the others)."""
        kept = tuple(axis for axis in self.grid if not set(axis.names) & set(over))
        ordered = ordering(self.run.coordinates(self.grid), [*self.run.coordinates(kept), *over])
        columns = permuted(self.tensor, ordered)
        return columns if len(over) == 1 else columns.flatten(len(ordered) - len(over)), kept

    def beside(self, grid: Grid, run: Run) -> tuple[Tensor, tuple[str, ...]]:
        """(tensor, its coordinates), packed as one over `grid` is in that run."""
        packed = self.run.packed(self.grid)
        if packed is None and run.packing is not None and run.packed(grid) is not None:
            return self.tensor.index_select(1, run.packing.sentence), grids.names(self.grid)  # each token's text
        if packed is None or run.packed(grid) is not None:
            return self.tensor, self.run.coordinates(self.grid)
        return self.run.spread(self.tensor, self.grid), grids.names(self.grid)

    def rate(self) -> Tensor:
        """Mean over all cells of texts, those that a causal grid leaves out among them: silent ones."""
        real = self.run.real(self.grid)
        mean: Tensor = _Rate.apply(self.tensor)
        return mean if real is None else mean / real.float().mean()

    def fires(self) -> Tensor:
        """(steps, cells) of truth values, of the same cells."""
        real, fires = self.run.real(self.grid), self.tensor > 0
        return fires.flatten(1) if real is None else fires[:, real.expand(fires.shape[1:])]


@dataclass(frozen=True, eq=False)
class Drive(Symbol):
    """What a population hears. shifts: of the part that is no synapse's but a bias, over the last axes; it is within `tensor`, too.
    quiet: whether all that it is made of is silent in steps without input."""

    tensor: Tensor
    grid: Grid
    run: Run
    shifts: tuple[Callable[[], Tensor], ...] = field(default=())
    quiet: bool = True

    def __add__(self, other: Any) -> Drive:
        if not isinstance(other, Drive):
            refuse("+ of a drive and something else")
        if self.grid != other.grid:
            raise InputError(f"a drive over {shown(self.grid)} and one over {shown(other.grid)}", "drives of one shape add up")
        run = self.run.beside(other.run)
        return replace(self, tensor=self.tensor + other.tensor, run=run, shifts=self.shifts + other.shifts, quiet=self.quiet and other.quiet)

    __radd__ = __add__

    def shift(self) -> Tensor:
        """The bias, over the last axes; of no dimension where there is none."""
        return sum((shift() for shift in self.shifts), torch.zeros(()))


def ordering(have: Sequence[str], want: Iterable[str]) -> list[int]:
    """Dimensions to permute by, steps and samples first."""
    return [0, 1, *(2 + have.index(name) for name in want)]


def permuted(tensor: Tensor, dims: list[int]) -> Tensor:
    """No view of it where they stand so already: in training each costs time twice."""
    return tensor if dims == list(range(tensor.ndim)) else tensor.permute(dims)


def extents(grid: Grid) -> tuple[int, ...]:
    """Of the dimensions behind steps and samples."""
    return tuple(grids.extents(grid).values())


def growing(grid: Grid) -> list[str]:
    """Coordinates that padding may reach."""
    sides = [side for axis in grid for side in ((axis.query, axis.key) if isinstance(axis, Pairs) else (axis,))]
    return [side.name for side in sides if side.grows]


def axes_of(given: Axes, name: str = "features") -> tuple[Axis, ...]:
    """A number is that many cells of an axis `name`."""
    return (Axis(name, given),) if isinstance(given, int) else (given,) if isinstance(given, Axis) else tuple(given)


def heard_along(given: Axes, grid: Grid, pool: Sequence[str] = ()) -> list[str]:
    """The coordinates that a matrix's columns run over: those it was made for by name; of a number, all that neither grow nor are summed over."""
    made = None if isinstance(given, int) else {axis.name for axis in axes_of(given)}
    own = [axis for axis in grid if isinstance(axis, Axis)]
    return [a.name for a in own if (a.name in made if made is not None else not a.grows and a.name not in pool)]


def require_columns(name: str, given: Axes, grid: Grid, over: Sequence[str]) -> None:
    """Raises `InputError` where a matrix was made for another number of cells than it hears."""
    wanted = cells(axes_of(given))
    found = cells(tuple(axis for axis in grid if set(axis.names) & set(over))) if over else 0
    if wanted != found:
        raise InputError(
            f"{line()}: {name or 'a layer'} is made for {wanted} cells, hears {found} of {shown(grid)}",
            "the axes, or the number of cells, that it hears",
        )


def cells(axes: Grid) -> int:
    """How many."""
    return grids.size(axes)


def _every(masks: list[Tensor]) -> Tensor | None:
    return None if not masks else torch.stack(torch.broadcast_tensors(*masks)).all(0)


def _along(real: Tensor, grid: Grid, name: str) -> Tensor:
    """(samples, positions) as dimensions of a grid, one of whose coordinates these are."""
    return real.reshape(len(real), *(real.shape[1] if n == name else 1 for n in grids.names(grid)))
