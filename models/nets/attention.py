"""Two spikes at once: queries by keys, what their pairs carry, and gates. The neurons that AND are there on the chip only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tritspike.models import spiking
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.symbols import Heard, There, heard, line
from tritspike.models.nets.values import Drive, Run, Spikes, ordering, permuted
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.neuron import RELAY
from tritspike.runtime.network.terms import onto, shown, summed

_EXACT = 256  # terms of a sum that bfloat16 holds


class Coincide(Layer):
    """Scores: each query meets each key, and the coincidences over the axes `over` are counted, by one learned weight.

    along: the axis that both are paired along; causal: a key no later than its query. start: the weight in thresholds.
    """

    def __init__(self, *over: str, along: str = "position", causal: bool = False, start: float = 0.5) -> None:
        super().__init__()
        self.over, self.along, self.causal = over, along, causal
        self.weight = spiking.Weight(start)

    def computed(self, query: Spikes, key: Spikes) -> Drive:
        """Over pairs, and the axes of both that are not counted over."""
        counts, left = self.counts(query, key)
        return Drive(counts * self.weight(), left, query.run.beside(key.run), quiet=query.quiet or key.quiet)

    def counts(self, query: Spikes, key: Spikes) -> tuple[Tensor, Grid]:
        """(coincidences in each step, the grid that these are over)."""
        _require_alike(query.grid, key.grid)
        run, paired = query.run.beside(key.run), _paired(query.grid, self.along, self.causal)
        left = tuple(axis for axis in paired if not set(axis.names) & set(self.over))
        have = run.coordinates(left)
        rest = [name for name in have if name not in (self.along, "key")]
        sides = [_matrix(side, left, run, [*rest, self.along], self.over) for side in (query, key)]
        counts = _sums(sides[0], sides[1].transpose(-1, -2))
        return permuted(counts, ordering([*rest, self.along, "key"], have)), left

    def written(self, query: There, key: There) -> Heard:
        """With a neuron for each pair and cell, which ANDs."""
        _require_alike(query.handle.grid, key.handle.grid)
        _paired(query.handle.grid, self.along, self.causal)
        met = query.writing.net.coincide(f"{self.name}.and", query.settled(), key.settled(), along=self.along, causal=self.causal)
        query.writing.also(met, query, key)
        return heard(query, summed(met, self.over).weighing(self.weight.integer()))


class Gather(Layer):
    """Context: each score that fires carries its key's values to its query, where they are summed up by one learned weight."""

    def __init__(self, start: float = 0.5) -> None:
        super().__init__()
        self.weight = spiking.Weight(start)

    def computed(self, scores: Spikes, values: Spikes) -> Drive:
        """Over the axes of the values."""
        run, pairs = scores.run.beside(values.run), _pairs_of(scores.grid)
        query, key = pairs.names
        have = run.coordinates(scores.grid)
        own = [name for name in have if name not in (query, key)]
        left = permuted(scores.tensor, ordering(have, [*own, query, key]))
        names = values.beside(scores.grid, run)[1]
        carried = [name for name in names if name not in (*own, query)]
        mixed = _sums(left, _matrix(values, scores.grid, run, [*own, query], carried))
        found = mixed if len(carried) == 1 else mixed.unflatten(-1, [grids.extents(values.grid)[name] for name in carried])
        ordered = permuted(found, ordering([*own, query, *carried], names))
        drive = ordered if names == run.coordinates(values.grid) else run.gathered(ordered, values.grid)
        return Drive(drive * self.weight(), values.grid, run, quiet=scores.quiet or values.quiet)

    def written(self, scores: There, values: There) -> Heard:
        """With a neuron for each pair and cell of a value, which ANDs."""
        pairs, over = _pairs_of(scores.handle.grid), values.handle.grid
        query, key = pairs.names
        grid: Grid = tuple(pairs if axis.names == (query,) else axis for axis in over)
        carried = onto(scores.settled(), grid) + onto(values.settled(), grid, renamed={query: key})
        gathered = scores.writing.net.population(f"{self.name}.and", carried, RELAY)
        scores.writing.also(gathered, scores, values)
        return heard(scores, onto(gathered, over).weighing(self.weight.integer()))


class Both(Layer):
    """A gate: an AND of each neuron of two populations over the same axes."""

    def computed(self, left: Spikes, right: Spikes) -> Spikes:
        """Over the same axes."""
        _require_alike(left.grid, right.grid)
        return replace(left, run=left.run.beside(right.run), tensor=left.tensor * right.tensor, quiet=left.quiet or right.quiet)

    def written(self, left: There, right: There) -> There:
        """One neuron for each pair."""
        _require_alike(left.handle.grid, right.handle.grid)
        made = left.writing.net.both(self.name, left.settled(), right.settled())
        left.writing.also(made, left, right)
        return There(left.writing, made)


class Cross(Layer):
    """An AND of each neuron of one population with each of another that agrees on the axes which both have."""

    def computed(self, left: Spikes, right: Spikes) -> Spikes:
        """Over the axes of the left, then those that only the right has."""
        union = _union(left.grid, right.grid)
        run = left.run.beside(right.run)
        names, sides = run.coordinates(union), []
        for side in (left, right):
            tensor, own = side.beside(union, run)
            dims = tensor.permute(ordering(own, [name for name in names if name in own]))
            sides.append(dims[(slice(None), slice(None), *(slice(None) if name in own else None for name in names))])
        return Spikes(sides[0] * sides[1], union, run, left.quiet or right.quiet)

    def written(self, left: There, right: There) -> There:
        """One neuron for each pair."""
        union = _union(left.handle.grid, right.handle.grid)
        made = left.writing.net.population(self.name, onto(left.settled(), union) + onto(right.settled(), union), RELAY)
        left.writing.also(made, left, right)
        return There(left.writing, made)


def _union(left: Grid, right: Grid) -> Grid:
    return (*left, *(axis for axis in right if axis not in left))


def _paired(grid: Grid, along: str, causal: bool) -> Grid:
    query = next((axis for axis in grid if isinstance(axis, Axis) and axis.name == along), None)
    if query is None:
        raise InputError(f"{line()}: no axis {along!r} to pair along: {shown(grid)}", "along=")
    pairs = Pairs(query, Axis("key", query.size, query.grows), causal)
    return tuple(pairs if axis == query else axis for axis in grid)


def _pairs_of(grid: Grid) -> Pairs:
    found = [axis for axis in grid if isinstance(axis, Pairs)]
    if not found:
        raise InputError(f"{line()}: Gather's scores are over {shown(grid)}", "over pairs, as Coincide's are")
    return found[0]


def _require_alike(left: Grid, right: Grid) -> None:
    if left != right:
        raise InputError(f"{line()}: spikes over {shown(left)} and over {shown(right)}", "both over the same axes")


def _matrix(spikes: Spikes, grid: Grid, run: Run, rows: Sequence[str], columns: Sequence[str]) -> Tensor:
    """(steps, samples, rows ..., cells of the columns), packed as one over `grid` is."""
    tensor, have = spikes.beside(grid, run)
    found = permuted(tensor, ordering(have, [*rows, *columns]))
    if len(columns) == 1:
        return found
    return found.flatten(2 + len(rows)) if columns else found.unsqueeze(-1)


def _sums(left: Tensor, right: Tensor) -> Tensor:
    """Batched products of spikes, exact in bfloat16 up to 256 terms and in float32 beyond."""
    if left.shape[-1] > _EXACT:
        return left.float() @ right.float()
    return torch.matmul(left, right).float()
