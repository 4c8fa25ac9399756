"""What a mapper asks of a wiring, against the matrix: synapses in boxes and on sources, who reaches a box, which slices hear which, lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import random_network

from tritspike.compiler.lower import lower
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, cells, lengths, neurons
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.neuron import each
from tritspike.runtime.network.wiring import Dense, Join, Sparse
from tritspike.runtime.network.wiring.maps import SUM, At, Follow
from tritspike.runtime.network.wiring.reach import steps

POSITION, KEY = Axis("position", 5, True), Axis("key", 5, True)
CAUSAL, FULL = Pairs(POSITION, KEY, causal=True), Pairs(POSITION, KEY)
A, B, C = Axis("a", 7), Axis("b", 3), Axis("c", 4)
_rng = np.random.default_rng(0)


def _matrix(rows, columns, density=0.5):
    codes = _rng.integers(-1, 2, (rows, columns)).astype(np.int8)
    codes[_rng.random((rows, columns)) > density] = 0
    return codes, np.full(rows, 3)


BY_HAND = [
    (Join(1, {"a": Follow("a", 3, -2), "b": SUM}), (A, B), (Axis("a", 3),)),
    (Join(1, {"a": Follow("a", 2, 1)}), (A,), (Axis("a", 6), C)),
    (Join(1, {"a": Follow("c"), "b": At(2)}), (A, B), (C, Axis("d", 2))),
    (Join(1, {"a": Follow("c"), "b": At(3)}), (A, B), (C,)),
    (Join(1, {}), (), (A, B)),
    (Join(1, {"a": SUM}), (A,), ()),
    (Dense(*_matrix(4, 1, 1.0), {}), (), (C,)),
    (Join(0, {"a": Follow("a")}), (A,), (A,)),
    (Join(2, {"position": Follow("position"), "key": SUM, "a": Follow("a")}), (CAUSAL, A), (POSITION, A)),
    (Join(2, {"key": Follow("key"), "position": SUM, "a": SUM}), (CAUSAL, A), (KEY,)),
    (Join(2, {"position": Follow("key"), "a": Follow("a")}), (POSITION, A), (A, CAUSAL, C)),
    (Join(2, {"position": Follow("position"), "a": Follow("a")}), (POSITION, A), (CAUSAL, A)),
    (Join(2, {"position": Follow("position"), "key": Follow("key")}), (CAUSAL,), (CAUSAL, A)),
    (Join(2, {"position": Follow("position"), "key": Follow("key"), "a": SUM}), (A, FULL), (FULL,)),
    (Join(2, {"position": At(3), "key": SUM}), (CAUSAL,), (B,)),
    (Dense(*_matrix(4, 3), {"a": Follow("a", 1, 4)}), (A, B), (A, C)),
    (Dense(*_matrix(4, 3), {"a": Follow("a", 1, 9)}), (A, B), (A, C)),
    (Dense(*_matrix(4, 21), {}), (A, B), (C,)),
    (Dense(*_matrix(12, 3), {"a": SUM}), (A, B), (C, Axis("d", 3))),
    (Dense(*_matrix(4, 3), {"a": Follow("a")}, rows=("c",)), (A, B), (A, C, Axis("d", 2))),
    (Dense(*_matrix(1, 3), {"a": Follow("a")}, rows=()), (A, B), (A, C)),
    (Dense(*_matrix(7, 3), {"a": Follow("a", 1, 1)}, rows=("a",)), (A, B), (A, C)),
    (Dense(*_matrix(5, 1), {"position": Follow("key"), "a": Follow("a")}, rows=("key",)), (POSITION, A), (A, FULL)),
]


def wirings():
    """(name, wiring, source, target), from everything that draws networks; what leads into relays is alike, and left out."""
    yield from ((f"by hand {n}", *case) for n, case in enumerate(BY_HAND))
    for seed in range(150):
        network = random_network.draw(seed)[0].network
        yield from ((f"{seed}: {s.name}", s.wiring, *network.grids(s)) for s in network.synapses if ".relay." not in s.target)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Wirings of checkpoints, which have heads, pairs and windows."""
    out = []
    for seed, changes in enumerate([dict(causal=True, window=2, readout="each"), dict(readout="mean"), dict(readout="first", window=3)]):
        folder = tmp_path_factory.mktemp("reach") / "c"
        network = lower(random_checkpoint.write(folder, seed, layers=1, max_length=4, hidden=6, ffn=7, **changes), "kapoho-point").network
        out += [(f"{seed}: {s.name}", s.wiring, *network.grids(s)) for s in network.synapses]
    return out


def tiled(grid, rng):
    def cuts(size):
        return (0, *np.sort(rng.choice(np.arange(1, size), int(rng.integers(0, min(size, 4))), replace=False)).tolist(), size)

    return Tiling(grid, tuple(cuts(size) for size in grids.extents(grid).values()))


def full(wiring):
    """The same with a weight wherever the map lets one be: columns without weights reach a box, too."""
    return replace(wiring, codes=np.ones_like(wiring.codes), gain=np.ones_like(wiring.gain)) if isinstance(wiring, Dense) else wiring


def holes(wiring, source):
    """Whether a box around sources may hold others."""
    return isinstance(wiring, Sparse) or (steps(wiring.read, source) > 1).any()


def check(name, wiring, source, target, rng):
    weights, reaching = wiring.csr(source, target).toarray(), full(wiring).csr(source, target).toarray() != 0
    matrix = weights != 0
    fan_out = np.broadcast_to(each(wiring.fan_out(source, target), source), grids.size(source))
    assert (fan_out == matrix.sum(0)).all(), name
    assert wiring.count(source, target) == matrix.sum(), name
    low, high = wiring.weight_range()
    assert low <= weights.min() and weights.max() <= high, name
    hearers, senders = tiled(target, rng), tiled(source, rng)
    assert wiring.count_in(source, target, hearers.boxes).tolist() == [matrix[neurons(b, target)].sum() for b in hearers.boxes], name
    held = check_sources(name, wiring, source, target, hearers.boxes, reaching)
    slices = [neurons(b, source) for b in senders.boxes]
    expected = {(n, m): len(np.intersect1d(h, s)) for n, h in enumerate(held) for m, s in enumerate(slices)}
    found = {(int(n), int(m)): int(k) for n, m, k in zip(*wiring.between(senders, hearers))}
    assert found == {pair: number for pair, number in expected.items() if number}, name
    check_lists(name, wiring, source, target, hearers, matrix)
    most = _product(wiring.most_sources(source, _extents(target, hearers)))
    assert (most >= [len(h) for h in held]).all(), name
    most = _product(wiring.most_senders(target, _extents(source, senders)))
    assert (most >= [matrix[:, s].any(0).sum() for s in slices]).all(), name


def _extents(grid, tiling):
    return dict(zip(grids.names(grid), lengths(tiling.boxes).T))


def _product(extents):
    return np.prod(list(extents.values()), axis=0)


def check_sources(name, wiring, source, target, boxes, reaching):
    at, out = grids.coordinates(source), []
    for box, around in zip(boxes, wiring.sources_of(source, target, boxes)):
        needed = np.flatnonzero(reaching[neurons(box, target)].any(0))
        empty = [[0, 0]] * len(around)
        smallest = [[at[n][needed].min(), at[n][needed].max() + 1] for n in grids.names(source)] if len(needed) else empty
        assert around.tolist() == smallest, name
        held = neurons(around, source) if len(needed) else needed
        assert np.isin(needed, held).all() and (holes(wiring, source) or np.array_equal(needed, held)), name
        out.append(needed)
    return out


def check_lists(name, wiring, source, target, tiling, matrix):
    """Of each slice: the lists, as often as there are places that they are alike along, are the synapses of each source."""
    ties, found = wiring.ties(target), wiring.lists(source, target)(tiling)
    names = grids.names(target)
    spread = lengths(tiling.boxes)[:, [names.index(n) for n in ties.spread]].prod(1)
    alike = [n for n, axis in enumerate(source) if set(axis.names) <= set(ties.alike)]
    step = steps(wiring.read, source) if ties.alike else None
    times = cells(wiring.sources_of(source, target, tiling.boxes), source, step)[:, alike].prod(1)
    for n, box in enumerate(tiling.boxes):
        real = matrix[neurons(box, target)].sum(0)
        said = found.synapses[found.of == found.group[n]] * spread[n]
        if any(isinstance(axis, Pairs) and axis.causal for axis in target):
            assert (real > 0).sum() <= len(said) * times[n] and real.max(initial=0) <= said.max(initial=0), name
        else:
            assert np.array_equal(np.sort(real[real > 0]), np.sort(np.tile(said, times[n]))), name


def test_every_question_has_the_matrix_s_answer():
    rng, kinds = np.random.default_rng(1), Counter()
    for name, wiring, source, target in wirings():
        check(name, wiring, source, target, rng)
        kinds[type(wiring)] += 1
    assert min(kinds[Dense], kinds[Join]) > 200 and kinds[Sparse] > 20, kinds


def test_so_have_they_over_heads_and_pairs(texts):
    for case in texts:
        check(*case, np.random.default_rng(2))


def test_a_box_of_nothing_is_reached_by_nothing():
    none = np.zeros((1, 2, 2), np.int64)
    assert Join(1, {"a": Follow("a"), "b": SUM}).sources_of((A, B), (A, C), none).tolist() == none.tolist()
