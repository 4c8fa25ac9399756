"""A small network of texts in which each rule of `fast` has a part, and what `fast` must equal: all spikes, readings and counts, taken literally."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tritspike.compiler.schedule import schedule
from tritspike.runtime import bits
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.neuron import RELAY
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.terms import Sum, linear, onto, same, summed


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


def drawn(seed: int):
    """(a random network of the kinds that `fast` packs, random texts for it): any sizes, names, layers, windows, heads and probes."""
    rng = np.random.default_rng([77, seed])
    made = _Drawn(rng, Axis(str(rng.choice(["position", "token"])), int(rng.integers(1, 8)), grows=True), int(rng.integers(1, 5)))
    program = made.program()
    lengths = rng.integers(1, made.position.size + 1, int(rng.integers(1, 6)))
    words = {name: bits.pack(rng.random((int(lengths.sum()), made.steps, width)) < 0.4) for name, width in made.played.items()}
    return program, Rows(words, lengths, made.position.size)


class _Drawn:
    """Layers of random kinds, each of what is there; at the end one to three probes."""

    def __init__(self, rng, position: Axis, steps: int) -> None:
        self.rng, self.position, self.steps, self.net = rng, position, steps, Net()
        self.played = {f"in{n}": int(rng.choice([3, 12, 63, 64, 70])) for n in range(int(rng.integers(1, 3)))}
        self.pad = self.net.input("behind", position, plays="pad")
        self.there = [self.net.input(f"port.{name}", position, plays=name, features=width) for name, width in self.played.items()]
        self.causal = bool(rng.integers(2))

    def program(self):
        for n in range(int(self.rng.integers(1, 5))):
            self.there.append(self._attention(f"a{n}") if self.rng.random() < 0.3 else self._layer(f"l{n}"))
        last, codes = self.there[-1], self.rng.integers(-1, 2, (3, self.there[-1].grid[-1].size))
        kind = int(self.rng.integers(4))
        if kind < 3:
            where = [dict(pool=[self.position.name]), dict(at={self.position.name: 0}), {}][kind]
            self.net.readout("read", linear(last, codes, **where))
        if kind == 3 or self.rng.random() < 0.3:
            self.net.count(last, "often")
        return schedule(self.net.network(), Windows(self.steps))

    def _any(self):
        return self.there[int(self.rng.integers(len(self.there)))]

    def _layer(self, name: str):
        rng, source = self.rng, self._any()
        skips = [h for h in self.there if rng.random() < 0.3][:1]
        rows = skips[0].grid[-1].size if skips else int(rng.choice([2, 20, 64, 65]))
        low, gain = (-1 if rng.random() < 0.7 else 1), rng.integers(1, 20, rows)
        offsets = sorted({int(rng.integers(-2, 1 if self.causal else 3)) for _ in range(int(rng.integers(1, 4)))})
        taps = [linear(source, rng.integers(low, 2, (rows, source.grid[-1].size)), gain, shift={self.position.name: n}) for n in offsets]
        grid, bias = taps[0].grid, rng.integers(-40, 40, rows) * 8
        spill = sum(t.wiring.bounds(source.grid, t.grid)[0] for t in taps) if min(offsets) < 0 else 0
        terms = [*taps[1:], *(same(h, int(rng.integers(-30, 31))) for h in skips)]
        heard = sum(terms, Sum((taps[0],))) + onto(self.pad, grid, -127).scaled(next(e for e in range(8) if 127 << e > spill + 5))
        return self.net.lif(name, heard, keep=int(rng.choice([0, 1, 3000, 4096])), vth=int(rng.integers(0, 60)), bias=bias)

    def _attention(self, name: str):
        rng, source = self.rng, self._any()
        heads = (Axis("head", int(rng.integers(1, 4))),) if rng.random() < 0.7 else ()
        wide = (self.position, *heads, Axis("channel", int(rng.choice([1, 6, 33]))))
        query, key, value = (self._side(f"{name}.{side}", source, wide) for side in "qkv")
        both = self.net.coincide(f"{name}.met", query, key, along=self.position.name, causal=self.causal)
        score = self.net.lif(f"{name}.score", summed(both, ["channel"]).weighing(20), keep=3000, vth=int(rng.integers(5, 40)))
        carried = onto(score, both.grid) + onto(value, both.grid, renamed={self.position.name: "key"})
        gathered = self.net.population(f"{name}.carried", carried, RELAY)
        context = self.net.lif(f"{name}.context", onto(gathered, wide).weighing(20), keep=3000, vth=int(rng.integers(5, 40)))
        return self._side(f"{name}.out", context, (self.position, Axis("features", int(rng.choice([5, 64])))))

    def _side(self, name: str, source, grid):
        rows = math.prod(axis.size for axis in grid[1:])
        columns = math.prod(axis.size for axis in source.grid[1:])
        heard = linear(source, self.rng.integers(-1, 2, (rows, columns)), self.rng.integers(5, 30, rows), into=grid[1:])
        return self.net.lif(name, heard, keep=3000, vth=int(self.rng.integers(5, 40)))


def of_texts(samples) -> Rows:
    """What an encoder of texts makes, as a network's inputs."""
    return Rows({"x": samples.words}, samples.lengths, samples.positions)


def literally_counted(program, spikes) -> Activity:
    """Every synapse of every neuron looked at."""
    totals = {name: found.sum((0, 1)) for name, found in spikes.items()}
    events = {}
    for s in program.network.synapses:
        fan_out = (s.wiring.csr(*program.network.grids(s)) != 0).sum(0)
        events[s.name] = int(np.asarray(fan_out).reshape(-1) @ totals[s.source])
    return Activity(len(next(iter(spikes.values()))), {name: int(total.sum()) for name, total in totals.items()}, events)


def require_literal(program, inputs, plainly=None, expected=None) -> None:
    """Of `fast`: every spike, reading and count, and without a plan in one run. expected: what `literal` found, where that is known."""
    expected = literal.run(program, inputs, record=True) if expected is None else expected
    is_packed = plan(program)[0] is not None
    found = run(program, inputs, record=True, count=not is_packed, plainly=plainly)
    assert found.spikes.keys() == expected.spikes.keys()
    for name, spikes in expected.spikes.items():
        where = np.argwhere(spikes != found.spikes[name])
        assert not len(where), f"{name}: window, step, neuron {where[0]}"
    for name, read in expected.read.items():
        by_row = found.read[name].shape != read.shape
        assert (found.read[name] == (read.reshape(*inputs.real.shape, -1)[inputs.real] if by_row else read)).all(), name
    counted = run(program, inputs, count=True, plainly=plainly) if is_packed else found
    assert (counted.spikes is None) == is_packed and counted.activity == literally_counted(program, expected.spikes)
