"""Structured wirings against their definition, neuron by neuron: loops over named axes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime.wiring import Along, Dims, Matrix, Pool, Shift

# (as read, target): every reading that a program uses, and a few more
READINGS = [
    ("ihd", "hpd"),
    ("jhd", "hpd"),
    ("hpd", "hp"),
    ("hp", "hpd"),
    ("hpd", "ihd"),
    ("ie", "ie"),
    ("if", "if"),
    ("ihd", "ihd"),
    ("i", "i"),
    ("i", "ie"),
    ("i", "if"),
    ("i", "ihd"),
    ("hp", "hp"),
    ("hpd", "hpd"),
    ("i", "hp"),
    ("j", "hp"),
    ("ie", "i"),
    ("ihd", "ih"),
    ("hp", "ih"),
]
DIMS = st.builds(
    Dims,
    positions=st.integers(1, 4),
    heads=st.integers(1, 2),
    head_dim=st.integers(1, 3),
    hidden=st.integers(1, 4),
    ffn=st.integers(1, 4),
    classes=st.integers(1, 3),
    causal=st.booleans(),
)
SEEDS = st.integers(0, 1 << 32)
MANTISSAS = st.integers(-127, 127)
SMALL, CAUSAL = Dims(3, 2, 2, 4, 3, 2, False), Dims(4, 1, 3, 2, 5, 3, True)
few = settings(max_examples=15)  # beside the two that are always tried


def each(values, name="axes", **more):
    """A property of any dims, tried for each of `values`, and at two dims at all events."""

    def wrap(test):
        return pytest.mark.parametrize(name, values)(few(example(dims=SMALL, **more)(example(dims=CAUSAL, **more)(test))))

    return wrap


def neurons(axes: str, dims: Dims) -> Iterator[dict[str, int]]:
    """Every neuron of a grid, in order, by its place on each axis; a pair counts as its two positions."""
    sizes = {"i": dims.positions, "j": dims.positions, "h": dims.heads, "d": dims.head_dim, "e": dims.hidden, "f": dims.ffn, "c": dims.classes}
    pairs = [(i, j) for i in range(dims.positions) for j in range(dims.positions) if j <= i or not dims.causal]
    for place in product(*([{"i": i, "j": j} for i, j in pairs] if a == "p" else [{a: n} for n in range(sizes[a])] for a in axes)):
        yield {axis: n for part in place for axis, n in part.items()}


def agree(a: dict[str, int], b: dict[str, int]) -> bool:
    return all(a[axis] == b[axis] for axis in a.keys() & b.keys())


def check(wiring, source: str, target: str, dims: Dims, wanted: np.ndarray) -> None:
    """`wanted`: (target, source) weights by definition. csr is they, bounds and count are what they say."""
    found = wiring.csr(source, target, dims)
    assert (found.toarray() == wanted).all() and found.shape == wanted.shape
    assert wiring.bounds(source, target, dims) == (np.maximum(wanted, 0).sum(1).max(), np.minimum(wanted, 0).sum(1).min())
    assert wiring.count(source, target, dims) == found.nnz == np.count_nonzero(wanted)


@each(["", "c", "p", *sorted({axes for reading in READINGS for axes in reading})])
@given(dims=DIMS)
def test_sizes_and_pairs(axes, dims):
    assert dims.size(axes) == len(list(neurons(axes, dims)))
    assert list(zip(*dims.pairs)) == [(n["i"], n["j"]) for n in neurons("p", dims)]


@each(READINGS, mantissa=-3)
@given(dims=DIMS, mantissa=MANTISSAS)
def test_along(axes, dims, mantissa):
    source, target = axes
    wanted = np.array([[mantissa * agree(s, t) for s in neurons(source, dims)] for t in neurons(target, dims)])
    check(Along(source, mantissa), source.replace("j", "i"), target, dims, wanted)


@each([("ie", "ihd"), ("ihd", "ie"), ("ie", "if"), ("if", "ie")], seed=1, offset=2)
@given(dims=DIMS, seed=SEEDS, offset=st.integers(-4, 4))
def test_matrix(axes, dims, seed, offset):
    source, target = axes
    rows, columns = (dims.size(a.removeprefix("i")) for a in (target, source))
    rng = np.random.default_rng(seed)
    codes, gain = rng.integers(-1, 2, (rows, columns)).astype(np.int8), rng.integers(-127, 128, rows)
    gain[rng.random(rows) < 0.1] = 0
    # a neuron's number is position * channels + channel
    wanted = np.array(
        [
            [int(gain[t % rows]) * int(codes[t % rows, s % columns]) * (s // columns == t // rows + offset) for s in range(dims.positions * columns)]
            for t in range(dims.positions * rows)
        ]
    )
    check(Matrix(codes, gain, offset), source, target, dims, wanted)


@each([True, False], name="first", seed=1)
@given(dims=DIMS, seed=SEEDS)
def test_pool(first, dims, seed):
    codes = np.random.default_rng(seed).integers(-1, 2, (dims.classes, dims.hidden)).astype(np.int8)
    wanted = np.array([[int(codes[t["c"], s["e"]]) * (s["i"] == 0 or not first) for s in neurons("ie", dims)] for t in neurons("c", dims)])
    check(Pool(codes, first), "ie", "c", dims, wanted)


@each(["i", "ie", "ihd"], stages=3, mantissa=2)
@given(dims=DIMS, stages=st.integers(2, 5), mantissa=st.integers(1, 127))
def test_shift(axes, dims, stages, mantissa):
    grid = [(stage, neuron) for stage in range(stages) for neuron in range(dims.size(axes))]
    wanted = np.array([[mantissa * ((s[0] + 1, s[1]) == t) for s in grid] for t in grid])
    check(Shift(stages, mantissa), axes, axes, dims, wanted)


@few
@given(DIMS, st.integers(1, 4))
def test_at_length_changes_positions_alone(dims, positions):
    cut = dims.at_length(positions)
    assert {name: cut.axis(name) for name in "ijhdefc"} == {name: dims.axis(name) for name in "hdefc"} | {"i": positions, "j": positions}
    assert cut.size("p") == len(list(neurons("p", cut))) and cut.causal == dims.causal


def test_every_reading_that_a_program_uses_is_checked_above(checkpoint):
    program = lower(checkpoint, "loihi2")
    used = {(s.wiring.source, program.by_name[s.target].axes) for s in program.synapses if isinstance(s.wiring, Along)}
    assert used <= set(READINGS) and len(used) >= 8
