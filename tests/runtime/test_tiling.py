"""Boxes against the indices that they stand for: every neuron in one, counts, preimages and overlaps, causal and not."""

from __future__ import annotations

import random

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.tiling import Tiling, count, even_cuts, extent, grid_axes, lengths, neurons, overlaps, preimage


@pytest.fixture(params=range(6))
def cut(request, tmp_path):
    """A program and a random tiling of each of its populations."""
    rng = random.Random(request.param)
    changes = dict(
        layers=1,
        max_length=rng.choice([1, 3, 7]),
        causal=bool(request.param % 2),
        window=rng.choice([1, 2, 3]),
        readout="each" if request.param in (1, 3) else rng.choice(["mean", "first"]),
    )
    program = lower(random_checkpoint.write(tmp_path / "c", request.param, **changes), "kapoho-point", head="chip")

    def tiling(p):
        sizes = [extent(a, p, program.dims) for a in grid_axes(p.axes)]
        return Tiling(p, program.dims, tuple(even_cuts(n, rng.randint(1, n)) for n in sizes))

    return program, {p.name: tiling(p) for p in program.populations}


def indices(box, p, dims):
    return neurons(box, p, dims) if (lengths(box[None]) > 0).all() else np.zeros(0, np.int64)


def test_every_neuron_is_in_one_slice_and_counted(cut):
    program, tilings = cut
    for p in program.populations:
        found = [neurons(box, p, program.dims) for box in tilings[p.name].boxes]
        assert np.array_equal(np.sort(np.concatenate(found)), np.arange(program.size(p))), p.name
        assert [len(f) for f in found] == tilings[p.name].sizes.tolist()
        assert all((np.diff(f) > 0).all() for f in found)


def test_a_preimage_holds_every_source_of_a_slice_and_for_rules_no_other(cut):
    program, tilings = cut
    for s in program.synapses:
        source, tiling, matrix = program.by_name[s.source], tilings[s.target], program.csr(s)
        reached = preimage(program, s, tiling.boxes)
        for box, own in zip(reached, tiling.boxes):
            needed = np.unique(matrix[neurons(own, tiling.population, program.dims)].tocoo().col)
            held = indices(box, source, program.dims)
            assert np.isin(needed, held).all(), s.name
            assert len(held) == count(box[None], grid_axes(source.axes), program.dims.causal)[0]
            if type(s.wiring).__name__ in ("Along", "Shift"):
                assert np.array_equal(needed, held), s.name


def test_overlaps_are_intersections(cut):
    program, tilings = cut
    for s in program.synapses:
        source, senders = program.by_name[s.source], tilings[s.source]
        reached = preimage(program, s, tilings[s.target].boxes)
        found = {(int(r), int(n)): int(both) for r, n, both in zip(*overlaps(senders, reached))}
        expected = {}
        for r, box in enumerate(reached):
            for n, own in enumerate(senders.boxes):
                both = len(np.intersect1d(indices(box, source, program.dims), neurons(own, source, program.dims)))
                expected |= {(r, n): both} if both else {}
        assert found == expected, s.name
