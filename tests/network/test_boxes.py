"""Boxes against the indices that they stand for: every neuron in one, counts and overlaps, over axes and pairs, causal and not."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, cells, clip, count, even, even_cuts, lengths, neurons, overlaps, whole
from tritspike.runtime.network.grid import Axis, Pairs

POSITION, KEY = Axis("position", 6, True), Axis("key", 6, True)
GRIDS = [
    (),
    (Axis("a", 1),),
    (Axis("a", 9), Axis("b", 4)),
    (Axis("stage", 2), POSITION, Axis("c", 5)),
    (Axis("head", 2), Pairs(POSITION, KEY), Axis("c", 3)),
    (Axis("head", 2), Pairs(POSITION, KEY, causal=True), Axis("c", 3)),
    (Pairs(POSITION, KEY, causal=True), Pairs(Axis("q", 4), Axis("k", 4), causal=True)),
    (Pairs(Axis("q", 3), Axis("k", 5)),),
]


@pytest.fixture(params=[(grid, seed) for grid in GRIDS for seed in range(3)], ids=str)
def tiling(request):
    grid, seed = request.param
    rng = random.Random(seed)
    return Tiling(grid, tuple(_cuts(size, rng) for size in grids.extents(grid).values()))


def _cuts(size, rng):
    return (0, *sorted(rng.sample(range(1, size), rng.randint(0, size - 1))), size)


def _random_boxes(grid, number, rng):
    sizes = np.array(list(grids.extents(grid).values()), int)
    edges = np.sort(rng.integers(0, sizes + 1, (2, number, len(sizes))), 0)
    return np.stack(edges, -1)


def test_every_neuron_is_in_one_slice_and_counted(tiling):
    found = [neurons(box, tiling.grid) for box in tiling.boxes]
    assert np.array_equal(np.sort(np.concatenate(found)), np.arange(grids.size(tiling.grid)))
    assert [len(f) for f in found] == tiling.sizes.tolist() and len(tiling) == len(found) and tiling.covers()
    assert all((np.diff(f) > 0).all() for f in found)
    owners = tiling.owners()
    assert all((owners[f] == n).all() for n, f in enumerate(found))


def test_boxes_are_the_smallest_for_what_they_hold(tiling):
    at = grids.coordinates(tiling.grid)
    for box in tiling.boxes:
        held = neurons(box, tiling.grid)
        assert [[at[n][held].min(), at[n][held].max() + 1] for n in grids.names(tiling.grid)] == box.tolist()


def test_clipping_keeps_neurons_and_counts(tiling):
    boxes = _random_boxes(tiling.grid, 40, np.random.default_rng(0))
    clipped = clip(boxes, tiling.grid)
    for box, small, number in zip(boxes, clipped, count(boxes, tiling.grid)):
        assert number == len(neurons(box, tiling.grid)) == len(neurons(small, tiling.grid)) == count(small[None], tiling.grid)[0]
    assert (cells(clipped, tiling.grid).prod(1) == count(clipped, tiling.grid)).all()


def test_overlaps_are_intersections(tiling):
    wanted = clip(_random_boxes(tiling.grid, 30, np.random.default_rng(1)), tiling.grid)
    assert _found(tiling, wanted) == _expected(tiling, [neurons(box, tiling.grid) for box in wanted])


def test_overlaps_of_every_second_or_third_value():
    grid = (Axis("a", 11), Axis("b", 7))
    rng, steps = np.random.default_rng(2), np.array([2, 3])
    wanted = _random_boxes(grid, 60, rng)
    at = grids.coordinates(grid)
    held = []
    for box in wanted:
        inside = neurons(box, grid)
        on = [(at[n][inside] - start) % step == 0 for n, (start, _), step in zip("ab", box, steps)]
        held.append(inside[np.all(on, axis=0)])
    assert count(wanted, grid, steps).tolist() == [len(h) for h in held]
    for pieces in ((1, 1), (4, 3), (11, 7)):
        tiling = even(grid, pieces)
        assert _found(tiling, wanted, steps) == _expected(tiling, held)


def _found(tiling, wanted, steps=None):
    return {(int(r), int(n)): int(both) for r, n, both in zip(*overlaps(tiling, wanted, steps))}


def _expected(tiling, held):
    slices = [neurons(box, tiling.grid) for box in tiling.boxes]
    both = {(r, n): len(np.intersect1d(a, b)) for r, a in enumerate(held) for n, b in enumerate(slices)}
    return {pair: number for pair, number in both.items() if number}


def test_even_cuts_differ_by_one_at_most():
    for size in (1, 7, 12):
        for pieces in range(1, size + 1):
            found = np.diff(even_cuts(size, pieces))
            assert found.sum() == size and found.max() - found.min() <= 1 and found.max() == -(-size // pieces)


def test_the_box_of_everything():
    for grid in GRIDS:
        assert count(whole(grid), grid).tolist() == [grids.size(grid)] and lengths(whole(grid)).shape == (1, len(grids.names(grid)))
