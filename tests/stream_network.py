"""Random streaming networks: layers of events, traces that last, windows of earlier tokens, and the mask of steps without input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tritspike.compiler.errors import CompileError
from tritspike.compiler.schedule import schedule
from tritspike.runtime import bits
from tritspike.runtime.errors import RangeError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network import order
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Scheduled, Stream
from tritspike.runtime.network.neuron import RELAY, Resets, Values
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.rows import ACTIVE, CONTINUES, IDLE
from tritspike.runtime.network.sequences import Sequences
from tritspike.runtime.network.terms import linear, onto, same, sparse, summed


@dataclass(frozen=True)
class Kind:
    """What is drawn. idle: steps a token beyond those with input, at least as many as the network is deep; 0: T' = T.

    window: how many earlier tokens are heard; gate: whether through a gate. biases: of either sign, or none that fires by itself.
    answer: what is read: counts, a readout of sequences ("sum") or of tokens ("each"). mask: its weight is 127 << mask; 5 outweighs all there is.
    pairs: whether layers have keys and values whose pairs leave traces, which queries bring back.
    """

    seed: int
    layers: int
    steps: int
    slot: int
    idle: bool
    window: int
    gate: bool
    biases: str
    answer: str
    mask: int = 5
    pairs: bool = False


def kind(seed: int, **fixed) -> Kind:
    """The kind that a seed draws, but for what is fixed."""
    rng = np.random.default_rng([5, seed])
    drawn = Kind(
        seed=seed,
        layers=int(rng.integers(1, 3)),
        steps=int(rng.integers(1, 5)),
        slot=int(rng.choice([0, 0, 4, 6])),
        idle=bool(rng.random() < 0.6),
        window=int(rng.choice([0, 1, 2, 2])),
        gate=False,
        biases=str(rng.choice(["negative", "both"])),
        answer=str(rng.choice(["count", "sum", "each"])),
    )
    drawn = replace(drawn, gate=bool(drawn.slot) or bool(rng.random() < 0.3), pairs=bool(rng.random() < 0.4))
    return replace(drawn, **fixed)


@cache
def drawn(seed: int, **fixed) -> Scheduled:
    """A scheduled network of the seed's kind, whose ranges are proved."""
    of = kind(seed, **fixed)
    for attempt in range(30):
        made = _Maker(np.random.default_rng([7, seed, attempt]), of)
        try:
            program = made.program()
            require_ranges(program)
        except (RangeError, CompileError):
            continue
        return program
    raise AssertionError(f"seed {seed}: no network in 30 attempts")


def sequences(program: Scheduled, seed: int, count: int | None = None, longest: int = 9) -> Sequences:
    """Random spikes of some sequences: one of a stream without end, unless more are asked for."""
    rng, timing = np.random.default_rng([11, seed]), program.timing
    many = count or (int(rng.integers(1, 4)) if timing.slot else 1)
    lengths = rng.integers(1, (timing.slot or longest) + 1, many)
    rate, words = rng.choice([0.1, 0.3, 0.7]), {}
    for port in program.network.ports:
        if port.plays not in (IDLE, ACTIVE, CONTINUES):
            width = grids.size(program.network.by_name[port.population].grid)
            words[port.plays] = bits.pack(rng.random((int(lengths.sum()), timing.steps, width)) < rate)
    return Sequences(words, lengths, timing.slot)


class _Maker:
    """Layer after layer."""

    def __init__(self, rng, of: Kind) -> None:
        self.rng, self.of, self.net = rng, of, Net()
        self.wide, self.hidden = int(rng.integers(8, 25)), int(rng.integers(8, 33))
        self.groups = int(rng.integers(2, 5))
        self.traces = (Axis("group", self.groups), Axis("trace", int(rng.integers(8, 17)) // self.groups))
        self.low = -1 if rng.random() < 0.7 else 1  # ternary, or binary

    def program(self) -> Scheduled:
        net = self.net
        x = net.input("x", features=self.wide)
        self.idle, self.active = net.input("idle", plays=IDLE), net.input("active", plays=ACTIVE)
        self.continues = net.input("continues", plays=CONTINUES) if self.of.gate else None
        for n in range(self.of.layers):
            x = self.layer(f"layer.{n}", x)
        self.answer(x)
        depth = max(order.latencies(net.network()).values())
        period = self.of.steps + (depth + int(self.rng.integers(0, 3)) if self.of.idle else 0)
        return schedule(net.network(), Stream(self.of.steps, period, self.of.slot))

    def layer(self, name: str, x):
        event = self.fires(f"{name}.event", [self.dense(x, self.traces, self.gain(self.traces))], vth=30)
        trace = self.trace(f"{name}.trace", event)
        wide, gain = (Axis("hidden", self.hidden),), self.gain((Axis("hidden", self.hidden),))
        past = [self.dense(h, wide, gain, delay=d) for h, d in self.past(f"{name}", x)]
        found = [self.dense(self.recalled(name, x), wide, gain)] if self.of.pairs else []
        hidden = self.fires(f"{name}.hidden", [self.dense(x, wide, gain), *past, *found, self.dense(trace, wide, gain)], vth=60)
        gain = self.gain(x.grid)
        heard = [self.dense(hidden, x.grid, gain), self.dense(trace, x.grid, gain), same(x, int(self.rng.integers(1, 127)))]
        return self.fires(f"{name}.z", heard, vth=60)

    def recalled(self, name: str, x):
        """What a query that meets pairs of keys and values of earlier tokens brings back of these."""
        key, value = Axis("group", self.groups), Axis("value", int(self.rng.integers(2, 7)))
        sides = [self.fires(f"{name}.{side}", [self.dense(x, (a,), self.gain((a,)))], vth=20) for side, a in zip("qkv", (key, key, value))]
        met = self.met(f"{name}.met", sides[1], sides[2])
        found = self.met(f"{name}.found", sides[0], self.trace(f"{name}.state", met))
        return self.fires(f"{name}.recalled", [summed(found, ("group",)).weighing(int(self.rng.integers(10, 90)))], vth=60)

    def met(self, name: str, left, right):
        """A neuron for each pair."""
        grid = (*left.grid, *(axis for axis in right.grid if axis not in left.grid))
        return self.net.population(name, onto(left, grid) + onto(right, grid), RELAY)

    def past(self, name: str, x):
        """(population, tokens ago), through gates where there are any."""
        if not self.of.gate:
            return [(x, n + 1) for n in range(self.of.window)]
        found, delay = [], 0
        for n in range(self.of.window):
            gate = self.net.population(f"{name}.gate.{n}", onto(self.continues, x.grid), RELAY)
            self.net.join(gate, same(x, delay=delay))
            x, delay = gate, 1
            found.append((gate, 1))
        return found

    def dense(self, source, grid, gain, delay: int = 0):
        codes = self.rng.integers(0, 2, (grids.size(grid), grids.size(source.grid))) * 2 - 1
        if self.low < 0:
            codes = self.rng.integers(-1, 2, codes.shape)
        return linear(source, codes, gain, over=grids.names(source.grid), into=grid, delay=delay)

    def gain(self, grid):
        return self.rng.integers(1, 20, grids.size(grid))

    def fires(self, name: str, heard, vth: int):
        """Neurons that are reset with each token, and silent where the mask spikes."""
        grid = heard[0].grid
        bias = self.rng.integers(-600, 600 if self.of.biases == "both" else 1, grids.shape(grid)) * 8
        total = sum(heard[1:], heard[0] + onto(self.idle, heard[0].grid, -(127 >> max(-self.of.mask, 0))).scaled(max(self.of.mask, 0)))
        return self.net.lif(name, total, keep=3072, vth=int(self.rng.integers(vth // 2, vth * 2)), bias=bias)

    def trace(self, name: str, event):
        rng, size = self.rng, grids.size(event.grid)
        own, mean = rng.integers(20, 128, size) * rng.choice([-1, 1, 1], size), rng.integers(-20, 21, size)
        keep_u = np.sort(rng.integers(1500, 4081, self.groups))
        vth = rng.integers(3, 60, self.groups) * (4096 // (4096 - keep_u))
        heard = sparse(event, np.arange(size), np.arange(size), own, event.grid)
        heard = heard + sparse(self.active, np.arange(size), np.zeros(size, np.int64), mean, event.grid)
        along = [Values(("group",), some.astype(np.int64)) for some in (keep_u, np.minimum(vth, (1 << 17) - 1))]
        return self.net.lif(name, heard, keep=3072, keep_u=along[0], vth=along[1], resets=Resets.SEQUENCE)

    def answer(self, z) -> None:
        codes = self.rng.integers(-3, 4, (3, self.wide))
        if self.of.answer != "each" or self.rng.random() < 0.5:
            self.net.count(z, "often")
        if self.of.answer == "sum" and self.of.slot:
            self.net.readout("class", linear(z, codes), resets=Resets.SEQUENCE)
        if self.of.answer == "each":
            self.net.readout("token", linear(z, codes))
