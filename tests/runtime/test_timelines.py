"""The kernels on spikes packed along time against plain numpy, up to the ends of every register, by `==`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.runtime import arith, bits
from tritspike.runtime.executors.generic import packed_lines
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Population
from tritspike.runtime.network.neuron import Neuron
from tritspike.runtime.network.state import State
from tritspike.runtime.simulator import plain, timelines

SIZES = st.sampled_from([1, 63, 64, 65, 128, 130]) | st.integers(1, 200)
seeds = st.integers(0, 2**31)
cases = settings(max_examples=60, deadline=None)


def lines(rng, steps: int, neurons: int) -> bits.Words:
    """Of any rate, none and all included; the last one is silent."""
    return packed_lines.line(rng.random((steps, neurons)) < rng.choice([0, 0.02, 0.3, 1]))


def listed(rng, steps: int, targets: int):
    """The lists of one to three synapses on the same targets: (lines, starts, columns, weights, firsts, each)."""
    sources, lists = int(rng.integers(1, 90)), int(rng.integers(1, 4))
    lengths = rng.integers(0, rng.choice([1, 3, 9]) + 1, (lists, targets))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    starts = np.stack([ends[n * targets : (n + 1) * targets + 1] for n in range(lists)])
    each = rng.integers(0, 2, lists)
    counts = np.where(each == 1, lengths.sum(1), 1)
    weights = rng.choice([-(127 << 7), -1, 1, 127 << 7, int(rng.integers(-999, 999))], counts.sum()).astype(np.int32)
    columns = rng.integers(0, sources + 1, int(ends[-1])).astype(np.int32)
    return lines(rng, steps, sources), starts, columns, weights, np.cumsum(counts) - counts, each


def both(name: str, *arguments, out: np.ndarray) -> np.ndarray:
    """What the kernel writes, once its oracle wrote the same."""
    compiled, plainly = out.copy(), out.copy()
    getattr(timelines, name)(*arguments, compiled)
    getattr(plain, name)(*arguments, plainly)
    assert (compiled == plainly).all(), (name, np.argwhere(compiled != plainly)[0])
    return compiled


def total(rng, steps: int, neurons: int, most: int = arith.A_LIMIT - 1) -> np.ndarray:
    """Of any input that a proved program may have, with both ends of it."""
    found = np.zeros((steps, bits.words(neurons) * 64 + 128), np.int32)
    found[:, :neurons] = rng.integers(-most, most + 1, (steps, neurons)) >> rng.integers(0, 17, (steps, 1))
    found[:, :neurons][rng.random((steps, neurons)) < 0.1] = rng.choice([-most, 0, most])
    return found


@cases
@given(seeds, SIZES, SIZES)
def test_add_listed(seed, steps, targets):
    rng = np.random.default_rng(seed)
    both("add_listed", *listed(rng, steps, targets), out=total(rng, steps, targets, 1 << 20))


@cases
@given(seeds, SIZES, SIZES)
def test_fire_at_once(seed, steps, targets):
    rng = np.random.default_rng(seed)
    bias = rng.choice([-(4095 << 7), -64, 0, 1, 64, 4095 << 7], targets).astype(np.int32)
    threshold = (rng.choice([0, 1, 2, arith.VTH_LIMIT], targets) << arith.INPUT_SHIFT).astype(np.int32)
    alive = bits.pack(np.arange(steps) >= rng.integers(0, steps + 1))
    out = np.zeros((targets + 1, bits.words(steps)), np.uint64)
    found = both("fire_at_once", *listed(rng, steps, targets), bias, threshold, alive, out=out)
    assert not found[-1].any() and not (found & ~alive).any()


@cases
@given(seeds, SIZES, st.integers(1, 5), SIZES, st.sampled_from([1, 2, 48, 64, 65, 130]), st.integers(1, 3), st.booleans())
def test_add_matrix(seed, steps, cells, width, rows, times, straight):
    """Cells side by side, also where a vector of 64 reaches into the next; or each neuron anywhere."""
    rng = np.random.default_rng(seed)
    sources = int(rng.integers(1, 150))
    where = rng.integers(0, sources + 1, (cells * width, times)).astype(np.int32)
    weights = np.zeros((width, bits.words(rows) * 64), np.int32)
    weights[:, :rows] = rng.choice([-(127 << 7), -1, 0, 1, 127 << 7], (width, rows))
    order = np.arange(cells * rows).reshape(cells, rows)
    places = (order[rng.permutation(cells)] if straight else rng.permutation(cells * rows).reshape(cells, rows)).astype(np.int32)
    both("add_matrix", lines(rng, steps, sources), where, weights, places, straight, out=total(rng, steps, cells * rows, 1 << 20))


def registers(rng, neurons: int, width: int, currents: bool):
    """(keep, keep_u, bias, threshold), each with the ends that it may have."""
    keep = rng.choice([0, 1, 15, 16, 3072, 4095, 4096], neurons)
    keep_u = rng.choice([0, 1, 2047, 3900], neurons) * currents
    bias = rng.choice([-(4095 << 7), -4095, -1, 0, 1, 63, 4095 << 7], neurons)
    threshold = rng.choice([0, 1, 300, arith.VTH_LIMIT], neurons) << arith.INPUT_SHIFT
    found = np.zeros((4, width), np.int32)
    found[:, :neurons] = keep, keep_u, bias, threshold
    return found


def in_time(drive, found, clear, born: int) -> tuple[bits.Words, np.ndarray]:
    """(spikes, membranes) of the kernel, once its oracle found the same."""
    neurons, results = drive.shape[1] - 128, []
    for module in (timelines, plain):
        now, out = drive.copy(), np.zeros((neurons + 1, bits.words(len(drive))), np.uint64)
        module.fire_in_time(now, *found, bool(found[1].any()), clear, born, out)
        results.append((out, now[:, :neurons]))
    (a, v), (b, w) = results
    assert (a == b).all() and (v == w).all()
    return a, v


@cases
@given(seeds, SIZES, SIZES, st.booleans())
def test_fire_in_time(seed, steps, blocks, currents):
    """Every u stays in its register, as is proved before: with 3900 of 4096 kept, of inputs up to a 21st of the most that one may be."""
    rng = np.random.default_rng(seed)
    neurons = bits.words(blocks) * 64
    drive = total(rng, steps, neurons, (arith.A_LIMIT - 1) // (21 if currents else 1))
    clear = rng.random(steps) < rng.choice([0, 0.1, 1])
    in_time(drive, registers(rng, neurons, drive.shape[1], currents), clear, int(rng.integers(0, steps + 1)))


@pytest.mark.parametrize("sign", [-1, 1])
def test_membranes_that_reach_their_limit_stay_there(sign):
    """All is kept and the most is added: v is cut at the register's end, on both sides, and the last threshold is still passed above."""
    drive = np.zeros((70, 192), np.int32)
    drive[:, :64] = sign * (arith.A_LIMIT - 1)
    found = np.zeros((4, 192), np.int32)
    found[:, :64] = np.array([[4096], [0], [sign * (4095 << 7)], [arith.VTH_LIMIT << arith.INPUT_SHIFT]])
    spikes, v = in_time(drive, found, np.zeros(70, np.bool_), 0)
    assert bits.unpack(spikes, 70)[:64].all() == (sign > 0) and not spikes[64:].any()
    assert (v[:, :64] == (0 if sign > 0 else -arith.V_LIMIT)).all()


def test_decay_is_truncated_toward_zero_for_every_keep():
    """Each keep 0..4096 by a neuron of its own, on membranes of both signs that no threshold stops, against the one place that steps a state."""
    rng = np.random.default_rng(0)
    keeps, steps = np.arange(4097), 40
    drive = np.zeros((steps, bits.words(4097) * 64 + 128), np.int32)
    drive[:, :4097] = -rng.integers(0, arith.A_LIMIT, (steps, 4097)) >> rng.integers(0, 18, (steps, 1))
    found = np.zeros((4, drive.shape[1]), np.int32)
    found[0, :4097], found[3, :4097] = keeps, arith.VTH_LIMIT << arith.INPUT_SHIFT
    state = State.of(Population(name="p", grid=(Axis("n", 4097),), neuron=Neuron(keep=1, vth=arith.VTH_LIMIT)), proved=True)
    state.keep, expected = keeps, []
    for now in drive[:, :4097].astype(np.int64):
        assert not state.advance(now).any()
        expected.append(state.v)
    out = np.zeros((4098, 1), np.uint64)
    timelines.fire_in_time(drive, *found, False, np.zeros(steps, np.bool_), 0, out)
    assert (drive[:, :4097] == np.array(expected)).all() and not out.any() and np.array(expected).min() == -arith.V_LIMIT


@given(seeds, SIZES, st.integers(0, 250))
@cases
def test_lines_are_packed_and_moved_along_time(seed, steps, back):
    spikes = np.random.default_rng(seed).random((steps, 5)) < 0.5
    line = packed_lines.line(spikes)
    assert (packed_lines.spikes(line, steps) == spikes).all() and not line[-1].any()
    moved = np.concatenate([np.zeros((back, 5), np.bool_), spikes])[:steps]
    assert (packed_lines.spikes(packed_lines._later(line, back), steps) == moved).all()
