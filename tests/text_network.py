"""A small network of texts in which each rule of `fast` has a part, and what `fast` must equal: all spikes, readings and counts, taken literally."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tritspike.compiler.schedule import schedule
from tritspike.runtime import bits
from tritspike.runtime.fast.run import run
from tritspike.runtime.network import literal
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.terms import linear, onto, same


def small():
    """Padding, a window's taps, a skip, attention, a pooled readout."""
    rng, net = np.random.default_rng(4), Net()
    position = Axis("position", 5, grows=True)
    x, pad = net.input("x", position, features=12), net.input("pad", position)
    wide = (position, Axis("head", 2), Axis("channel", 6))
    sides = []
    for name in ("query", "key", "value"):
        heard = linear(x, rng.integers(-1, 2, (12, 12)), rng.integers(5, 30, 12))
        sides.append(net.lif(name, replace(heard, wiring=replace(heard.wiring, rows=("head", "channel")), grid=wide), keep=3000, vth=25))
    query, key, value = sides
    both = net.coincide("score.and", query, key)
    pairs, head, _ = both.grid
    score = net.lif("score", onto(both, (head, pairs), 40), keep=3000, vth=50)
    grid = (pairs, head, wide[2])
    carried = net.population("context.and", onto(score, grid) + onto(value, grid, renamed={"position": "key"}), net._populations["score.and"].neuron)
    context = net.lif("context", onto(carried, wide, 30), keep=3000, vth=40)
    heard = linear(context, rng.integers(-1, 2, (12, 12)), rng.integers(5, 30, 12)) + same(x, 20) + onto(pad, x.grid, -120)
    y = net.lif("y", heard, keep=2000, vth=30, bias=rng.integers(-30, 30, 12) * 64)
    gain = rng.integers(5, 30, 20)
    taps = [linear(y, rng.integers(-1, 2, (20, 12)), gain, shift={"position": n}) for n in (0, 1)]
    hidden = net.lif(
        "hidden", taps[0] + taps[1] + onto(pad, (position, Axis("features", 20)), -120), keep=3000, vth=30, bias=rng.integers(-9, 9, 20) * 64
    )
    net.readout("class", linear(hidden, rng.integers(-1, 2, (2, 20)), pool=["position"]))
    return schedule(net.network(), Windows(4))


def rows() -> Rows:
    """Of `small`: five texts."""
    rng = np.random.default_rng(5)
    lengths = np.array([5, 1, 3, 2, 5])
    return Rows({"x": bits.pack(rng.random((int(lengths.sum()), 4, 12)) < 0.4)}, lengths, 5)


def literally_counted(program, spikes) -> Activity:
    """Every synapse of every neuron looked at."""
    totals = {name: found.sum((0, 1)) for name, found in spikes.items()}
    events = {}
    for s in program.network.synapses:
        fan_out = (s.wiring.csr(*program.network.grids(s)) != 0).sum(0)
        events[s.name] = int(np.asarray(fan_out).reshape(-1) @ totals[s.source])
    return Activity(len(next(iter(spikes.values()))), {name: int(total.sum()) for name, total in totals.items()}, events)


def require_literal(program, inputs, plainly=None, expected=None) -> None:
    """Of `fast`, with the counts of a run that keeps no spikes too. expected: what `literal` found, where that is known."""
    expected = literal.run(program, inputs, record=True) if expected is None else expected
    found = run(program, inputs, record=True, plainly=plainly)
    assert found.spikes.keys() == expected.spikes.keys() and found.activity is None
    for name, spikes in expected.spikes.items():
        where = np.argwhere(spikes != found.spikes[name])
        assert not len(where), f"{name}: window, step, neuron {where[0]}"
    for name, read in expected.read.items():
        by_row = found.read[name].shape != read.shape
        assert (found.read[name] == (read.reshape(*inputs.real.shape, -1)[inputs.real] if by_row else read)).all(), name
    counted = run(program, inputs, count=True, plainly=plainly)
    assert counted.spikes is None and counted.activity == literally_counted(program, expected.spikes)
