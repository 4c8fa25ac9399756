"""What layers give each other in torch: tensors whose cells have names, the axes of a `runtime/network/grid.py` grid.

Tensors are (steps, samples, a dimension for each coordinate of the grid ...). In a stream the steps are those of all tokens of a sequence,
`period` of each; spikes are bfloat16 0 and 1; drives are float32, in thresholds before `fold` and in the chip's 1/64 synaptic units after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
class Joined:
    """What an input of a stream takes of sequences end to end, without padding: numbers of tokens, which text of a pair each is in, and which of its
    sequence's it is; (tokens,) each."""

    ids: Tensor
    segments: Tensor
    positions: Tensor


@dataclass(frozen=True, eq=False)
class Run:
    """One call of a module. real: (samples, positions), where there is no padding; None where there is none at all.

    begins: (tokens,), where a sequence begins of several that are one sample, end to end.
    kept: by layers whose earlier tokens were computed by an earlier call, what lives on: u and v, or a token's spikes, samples first.
    idle: whether tensors hold the steps of a token that have no input, too.
    """

    timing: Timing
    real: Tensor | None = None
    kept: dict[Any, Any] | None = None
    idle: bool = True
    begins: Tensor | None = None

    @property
    def ends(self) -> Tensor:
        """Last tokens of the sequences that are one sample."""
        assert self.begins is not None
        return self.begins.roll(-1).nonzero().squeeze(1)

    def beginning(self) -> NDArray[np.bool_]:
        """`begins` as kernels take it: of no token where there is one sequence."""
        return np.zeros(0, np.bool_) if self.begins is None else self.begins.numpy()

    @property
    def frame(self) -> int:
        """Steps of a token, or of a window, that tensors hold."""
        return self.timing.period if self.idle else self.timing.steps

    def hushed(self, spikes: Tensor) -> Tensor:
        """Silent in steps without input, as neurons are that begin each token at rest: on the chip a mask inhibits them."""
        if self.frame == self.timing.steps:
            return spikes
        found = torch.arange(len(spikes)) % self.frame < self.timing.steps
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
        if not np.array_equal(self.beginning(), other.beginning()):
            raise InputError(f"{line()}: sequences of other lengths meet", "as many tokens in each input")
        if self.real is not None and other.real is not None and not torch.equal(self.real, other.real):
            raise InputError(f"{line()}: texts of other lengths meet", "as many tokens in each input")
        return other if self.real is None else self

    def alive(self, grid: Grid) -> Tensor | None:
        """(samples or 1, coordinates ...) of truth values: cells that the chip has and padding does not reach; None where these are all."""
        found = [_causal(grid, axis) for axis in grid if isinstance(axis, Pairs) and axis.causal]
        if self.real is not None:
            found += [_along(self.real, grid, name) for name in growing(grid)]
        return None if not found else torch.stack(torch.broadcast_tensors(*found)).all(0)


@dataclass(frozen=True, eq=False)
class Spikes(Symbol):
    """Of a population. quiet: whether it is silent in steps without input."""

    tensor: Tensor
    grid: Grid
    run: Run
    quiet: bool = True

    def columns(self, over: Sequence[str]) -> tuple[Tensor, Grid]:
        """((steps, samples, other coordinates ..., cells of `over`), the grid of the others)."""
        names = grids.names(self.grid)
        kept = tuple(axis for axis in self.grid if not set(axis.names) & set(over))
        ordered = ordering(names, [*grids.names(kept), *over])
        return self.tensor.permute(ordered).flatten(len(ordered) - len(over)), kept


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


def _along(real: Tensor, grid: Grid, name: str) -> Tensor:
    """(samples, positions) as dimensions of a grid, one of whose coordinates these are."""
    return real.reshape(len(real), *(real.shape[1] if n == name else 1 for n in grids.names(grid)))


def _causal(grid: Grid, pairs: Pairs) -> Tensor:
    query, key = pairs.names
    names = grids.names(grid)
    cells_ = torch.ones(pairs.query.size, pairs.key.size, dtype=torch.bool).tril()
    return cells_.reshape(1, *(pairs.query.size if n == query else pairs.key.size if n == key else 1 for n in names))
