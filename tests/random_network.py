"""Random networks over everything that a network may have: axes, terms, registers, resets, loops with delays, streams and windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tritspike.compiler.errors import CompileError
from tritspike.compiler.schedule import schedule
from tritspike.runtime.errors import InputError, RangeError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.network import Reads, Scheduled, Stream, Windows
from tritspike.runtime.network.neuron import Bias, Resets, Values
from tritspike.runtime.network.order import components
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.terms import Handle, conv2d, linear, onto, same, sparse, summed


@dataclass
class Played:
    """Random spikes for every port, the same whenever they are asked for."""

    windows: int
    steps: int
    seed: int
    rate: float = 0.3

    def __len__(self) -> int:
        return self.windows

    def played(self, plays: str, grid) -> np.ndarray:
        rng = np.random.default_rng([self.seed, *plays.encode()])
        return rng.random((self.windows, self.steps, grids.size(grid))) < self.rate


@cache
def drawn(seed: int) -> tuple[Scheduled, Played]:
    """`draw(seed)`, once."""
    return draw(seed)


@cache
def expected(seed: int) -> literal.Outcome:
    """What the literal simulator makes of it, once."""
    return literal.run(*drawn(seed), record=True)


def require_same(a: literal.Outcome, b: literal.Outcome) -> None:
    """Every spike of every population, and every probe's reading."""
    assert a.read.keys() == b.read.keys() and a.spikes.keys() == b.spikes.keys()
    for name, spikes in a.spikes.items():
        where = np.argwhere(spikes != b.spikes[name])
        assert spikes.shape == b.spikes[name].shape and not len(where), f"{name}: window, step, neuron {where[0]}"
    for name, read in a.read.items():
        assert read.shape == b.read[name].shape and (read == b.read[name]).all(), name


def draw(seed: int, largest: int = 6) -> tuple[Scheduled, Played]:
    """A scheduled network whose ranges are proved, and inputs for it."""
    for attempt in range(50):
        rng = np.random.default_rng([seed, attempt])
        timing = _timing(rng)
        try:
            net = _Maker(rng, timing, int(rng.integers(1, largest + 1))).net()
            program = schedule(net.network(), timing)
            require_ranges(program)
        except (CompileError, InputError, RangeError):
            continue
        return program, Played(int(rng.integers(1, 5)), timing.steps, seed, float(rng.choice([0.1, 0.4, 0.9])))
    raise AssertionError(f"seed {seed}: no network in 50 attempts")


def _timing(rng):
    steps = int(rng.choice([1, 2, 3, 4, 7, 32], p=[0.15, 0.2, 0.2, 0.25, 0.15, 0.05]))
    if rng.random() < 0.5:
        return Windows(steps)
    return Stream(steps, steps + int(rng.choice([0, 5, 24])), int(rng.choice([0, 2, 3])))


class _Maker:
    """Draws one population after another, each of what is there."""

    def __init__(self, rng, timing, populations: int) -> None:
        self.rng, self.timing, self.populations, self.made = rng, timing, populations, Net()
        self.streams = isinstance(timing, Stream)
        self.handles: list[Handle] = []
        self.position = Axis("position", int(rng.integers(1, 5)), grows=True)

    def net(self) -> Net:
        for n in range(int(self.rng.integers(1, 3))):
            self.handles.append(self.made.input(f"x{n}", *self._axes()))
        for n in range(self.populations):
            self.handles.append(self._population(f"p{n}"))
        if self.streams:
            self._loops()
        last = self.handles[-1]
        self.made.count(last, "counted")
        if self.rng.random() < 0.7:
            self.made.readout("out", linear(last, self._codes(2, last), pool=self._growing(last)))
        return self.made

    def _axes(self):
        kinds = [
            (Axis("features", int(self.rng.integers(1, 6))),),
            (self.position, Axis("features", 4)),
            (Axis("y", 4), Axis("x", 5), Axis("features", 2)),
        ]
        return kinds[int(self.rng.integers(len(kinds)))]

    def _growing(self, handle: Handle):
        return [name for axis in handle.grid for name in axis.names if isinstance(axis, Pairs) or axis.grows]

    def _codes(self, rows: int, handle: Handle):
        sizes = grids.extents(handle.grid)
        columns = int(np.prod([sizes[n] for n in grids.names(handle.grid) if n not in self._growing(handle)], dtype=int))
        kind = int(self.rng.integers(3))
        if kind == 2:
            return self.rng.integers(-127, 128, (rows, columns))
        return self.rng.integers(-1, 2, (rows, columns)) if kind else 2 * self.rng.integers(0, 2, (rows, columns)) - 1

    def _population(self, name: str) -> Handle:
        source = self.handles[int(self.rng.integers(len(self.handles)))]
        if self.rng.random() < 0.15 and not any(isinstance(a, Pairs) for a in source.grid):
            return self._product(name, source)
        return self.made.lif(name, self._heard(source), **self._registers())

    def _product(self, name: str, source: Handle) -> Handle:
        if any(a.name == "position" for a in source.grid):
            return self.made.coincide(name, source, source, causal=bool(self.rng.integers(2)))
        return self.made.both(name, source, source)

    def _heard(self, source: Handle):
        term = self._term(source)
        for other in self.handles:
            if other.grid == term.grid and self.rng.random() < 0.5:
                term = term + same(other, int(self.rng.integers(-8, 9)), delay=self._delay())
        return term

    def _term(self, source: Handle):
        rng, plain = self.rng, all(isinstance(a, Axis) for a in source.grid)
        kind = int(rng.integers(6))
        if kind == 0 and len(source.grid) == 3 and plain:
            codes = rng.integers(-1, 2, (3, source.grid[2].size, 3, 2))
            return conv2d(source, codes, int(rng.integers(1, 20)), stride=int(rng.integers(1, 3)), padding=int(rng.integers(2)))
        if kind == 1 and not any(isinstance(a, Axis) and a.grows for a in source.grid) and plain:
            target = (Axis("any", int(rng.integers(1, 9))),)
            count = int(rng.integers(0, 30))
            at = [rng.integers(0, grids.size(g), count) for g in (target, source.grid)]
            return sparse(source, *at, rng.integers(-9, 10, count), target, delay=self._delay())
        if kind == 2 and len(source.grid) > 1:
            names = grids.names(source.grid)
            return summed(source, [names[int(rng.integers(len(names)))]], int(rng.integers(-9, 10)), delay=self._delay())
        if kind == 3:
            return onto(source, (*source.grid, Axis(f"more{len(self.handles)}", 2)), int(rng.integers(-9, 10)), delay=self._delay())
        rows = int(rng.integers(1, 6))
        shift = {"position": int(rng.integers(-2, 3))} if "position" in grids.names(source.grid) and rng.random() < 0.6 else None
        keeps = [a.name for a in source.grid if isinstance(a, Axis) and a.grows]
        pool = keeps if keeps and shift is None and rng.random() < 0.3 else ()
        if any(isinstance(a, Pairs) for a in source.grid):
            return summed(source, ["key"], int(rng.integers(-9, 10)))
        return linear(source, self._codes(rows, source), rng.integers(0, 30, rows), pool=pool, shift=shift, delay=self._delay()).scaled(
            int(rng.integers(0, 3))
        )

    def _delay(self) -> int:
        return int(self.rng.integers(1, 3)) if self.streams and self.rng.random() < 0.2 else 0

    def _registers(self) -> dict:
        rng = self.rng
        resets = Resets(str(rng.choice([r.value for r in Resets])))
        keep_u = int(rng.choice([0, 0, 0, 2048, 3900, 4000]))
        bias = [None, int(rng.integers(-3000, 3000)) & ~7][int(rng.integers(2))]
        return dict(
            keep=int(rng.choice([0, 1, 3072, 4095, 4096])),
            vth=int(rng.integers(0, int(rng.choice([5, 40, 300])))),
            keep_u=keep_u,
            bias=bias,
            resets=resets,
        )

    def _loops(self) -> None:
        """Populations that hear themselves or earlier ones, a token ago."""
        for handle in [h for h in self.handles if not h.name.startswith("x") and self.rng.random() < 0.4]:
            later = [h for h in self.handles if h.grid == handle.grid and not h.name.startswith("x")]
            source = later[int(self.rng.integers(len(later)))]
            self.made.join(handle, same(source, int(self.rng.integers(-20, 21)), delay=int(self.rng.integers(1, 3))))


def varied(program: Scheduled, seed: int) -> Scheduled:
    """The same with registers that differ from neuron to neuron, but where membranes are read; the ranges stay proved."""
    rng = np.random.default_rng(seed)
    read = {probe.population for probe in program.network.probes if probe.reads is Reads.MEMBRANE}
    populations = tuple(p if p.neuron is None or p.name in read else _varied(p, rng) for p in program.network.populations)
    return replace(program, network=replace(program.network, populations=populations))


def _varied(p, rng):
    def some(values):
        last = tuple(a for a in p.grid if isinstance(a, Axis) and not a.grows)[-1:]
        if not last:
            return int(rng.choice(values))
        return Values(tuple(a.name for a in last), rng.choice(values, [a.size for a in last]).astype(np.int64))

    most = int(rng.choice([0, 500, 4095]))
    neuron = replace(
        p.neuron,
        keep=some([1, 2048, 4096]),
        vth=some([1, 7, 100]),
        keep_u=some([0, p.neuron.keep_u]),
        bias=Bias(some([-most, 0, most // 2, most]), int(rng.integers(3))),
    )
    return replace(p, neuron=neuron)


def groups(program: Scheduled) -> list[tuple[str, ...]]:
    """Populations that hear each other."""
    return components(program.network)
