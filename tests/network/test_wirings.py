"""One meaning for every wiring: what `csr` says, `count` and `bounds` must say without listing synapses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_network

from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import even, neurons
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.terms import conv2d, linear, onto, same, sparse, summed


def test_counts_and_bounds_are_those_of_the_matrix():
    some = 0
    for seed in range(300):
        network = random_network.draw(seed)[0].network
        for s in network.synapses:
            source, target = network.grids(s)
            matrix = s.wiring.csr(source, target)
            assert matrix.shape == (grids.size(target), grids.size(source))
            assert s.wiring.count(source, target) == matrix.count_nonzero()
            spikes = np.random.default_rng(seed).random((3, matrix.shape[1])) < 0.5
            assert (s.wiring.apply(source, target, spikes) == (matrix @ spikes.T.astype(int)).T).all()
            high, low = s.wiring.bounds(source, target)
            assert (high, low) == (matrix.maximum(0).sum(1).max(), matrix.minimum(0).sum(1).min())
            some += 1
    assert some > 1000


def test_a_convolution_is_torch_s_own_arithmetic():
    rng = np.random.default_rng(0)
    codes, picture = rng.integers(-3, 4, (4, 2, 3, 2)), rng.integers(0, 2, (5, 6, 2))
    for stride, padding in ((1, 0), (2, 1), (1, 2), (3, 0)):
        net = Net()
        x = net.input("x", Axis("y", 5), Axis("x", 6), Axis("c", 2))
        heard = conv2d(x, codes, stride=stride, padding=padding)
        total = sum(t.wiring.csr(x.grid, t.grid) @ picture.reshape(-1) for t in heard.terms)
        padded = np.pad(picture, ((padding, padding), (padding, padding), (0, 0)))
        rows, columns, out = grids.shape(heard.grid)
        expected = np.zeros((rows, columns, out), int)
        for i in range(rows):
            for j in range(columns):
                part = padded[i * stride : i * stride + 3, j * stride : j * stride + 2]
                expected[i, j] = np.einsum("oikl,kli->o", codes, part)
        assert (total.reshape(rows, columns, out) == expected).all(), (stride, padding)


@pytest.fixture()
def net():
    return Net()


def test_what_does_not_fit_is_refused_by_name(net):
    position = Axis("position", 3, grows=True)
    x = net.input("x", position, features=4)
    for wrong, message in (
        (lambda: linear(x, np.ones((2, 5), int)), "codes have 5 columns, x over position 3, features 4 has 4 along features"),
        (lambda: linear(x, np.ones((2, 4))), "codes from x: float64 of shape"),
        (lambda: linear(x, np.full((2, 4), 200)), "codes from x: int64 of shape"),
        (lambda: linear(x, np.ones((2, 4), int), [1, 2, 3]), "gain from x: int64 of shape"),
        (lambda: linear(x, np.ones((2, 4), int), shift={"time": 1}), "no axis 'time': x over position 3, features 4"),
        (lambda: conv2d(x, np.ones((1, 1, 2, 2), int)), "a kernel of shape"),
        (lambda: sparse(x, [0], [12], [1], (Axis("any", 2),)), r"neurons 12\.\.12 of x, which has 0\.\.11"),
        (lambda: net.lif("a", same(x) + linear(x, np.ones((2, 4), int)), keep=0, vth=1), "x gives position 3, features 2, x position 3, features 4"),
        (lambda: net.lif("a", same(x), keep=5000, vth=1), r"a: keep is 5000\.\.5000, its register holds 0\.\.4096"),
        (lambda: net.lif("a", same(x), keep=0, vth=[1, 2]), "a: vth has shape"),
        (lambda: net.lif("a", same(x), keep=0, vth=0.5), "a: vth is float64"),
        (lambda: net.lif("a", same(x), keep=0, vth=1, bias=4097), "a: biases up to 4097 are not multiples"),
        (lambda: net.input("x", features=2), "x: there is a population of that name already"),
        (lambda: net.input("y", features=0), "y: over features 0"),
        (lambda: net.coincide("a", x, net.input("z", features=4)), "a: x over position 3, features 4 and z over features 4 cannot be paired"),
        (lambda: net.lif("b", same(Net().input("w", features=2)), keep=0, vth=1), "b: hears w, which is no population of this network"),
        (net.network, "the network has nothing to read"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            wrong()


def test_sides_of_a_product_and_sums_of_it(net):
    position = Axis("position", 4, grows=True)
    q, k = (net.input(name, position, channel=3) for name in "qk")
    both = net.coincide("and", q, k, causal=True)
    assert both.grid == (Pairs(position, Axis("key", 4, True), True), Axis("channel", 3)) and grids.size(both.grid) == 30
    score = summed(both, ["channel"])
    assert score.grid == (both.grid[0],) and summed(both, ["key"]).grid == q.grid
    assert onto(q, both.grid).wiring.csr(q.grid, both.grid).sum() == 30


def test_connections_are_those_of_the_same_wiring_without_zeros():
    for seed in range(60):
        network = random_network.draw(seed)[0].network
        for s in network.synapses:
            wiring, ends = s.wiring, network.grids(s)
            if hasattr(wiring, "codes"):
                wiring = replace(wiring, codes=np.ones_like(wiring.codes), gain=np.ones_like(wiring.gain))
            assert s.wiring.connections(*ends) == wiring.csr(*ends).nnz


def test_a_box_hears_every_synapse_on_its_neurons_by_its_axons():
    for seed in range(60):
        rng, network = np.random.default_rng(seed), random_network.draw(seed)[0].network
        for s in network.synapses:
            source, target = network.grids(s)
            tiling = even(target, [int(rng.integers(1, size + 1)) for size in grids.extents(target).values()])
            matrix = s.wiring.csr(source, target)
            for box in tiling.boxes:
                axons, reaching = s.wiring.heard(source, target, box), np.unique(matrix[neurons(box, target)].indices)
                assert (np.diff(axons) > 0).all() and set(reaching.tolist()) <= set(axons.tolist())
