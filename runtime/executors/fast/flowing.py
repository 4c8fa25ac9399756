"""What is known of a stream's populations as their rules are asked: whose spikes of which token each has, and who is silent without input.

Rows are tokens. A token's steps with input come first; populations that are reset with each token are computed in these alone, since they are
proved silent in the others, and those whose state lasts in all. What a population hears of `n` tokens ago is a row n before its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tritspike.runtime import arith, bits
from tritspike.runtime.executors import reference
from tritspike.runtime.executors.fast.rows import Ints, Place
from tritspike.runtime.executors.fast.stages import Linear, Reader
from tritspike.runtime.executors.fast.traces import Beside, Meet, Tap, Traces
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.network import Network, Population, Scheduled, Stream, Synapse
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.outcome import Bools
from tritspike.runtime.network.rows import IDLE
from tritspike.runtime.network.sequences import TIMED

Stage = Beside | Linear | Meet | Traces


@dataclass(frozen=True)
class Line:
    """Spikes of `origin`, `ago` tokens earlier, none before a sequence's first token.

    gated: but for the last token of a slot. early: and before the first token what `origin` fired before its own.
    """

    origin: str
    ago: int = 0
    gated: bool = False
    early: bool = False


@dataclass(eq=False)
class Flowing:
    """What is known of the populations seen so far.

    loud: those that may spike without input, since their state lasts; moving: others that may spike in tokens of padding.
    """

    program: Scheduled
    lines: dict[str, Line] = field(default_factory=dict)
    timed: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    loud: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    stages: list[Stage] = field(default_factory=list)
    readers: dict[str, Reader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert isinstance(self.program.timing, Stream)
        self.timing = self.program.timing
        self.before = before(self.program)

    @property
    def network(self) -> Network:
        """Of the program."""
        return self.program.network

    def ago(self, s: Synapse) -> int:
        """Whole tokens by which the source's own time is behind the target's."""
        return (1 - self.program.latency[s.target] + self.program.latency[s.source]) // self.timing.period

    def steps(self, line: Line) -> int:
        """That are kept of a token: all of what may spike in each of them."""
        return self.timing.period if line.origin in self.loud else self.timing.steps

    def begin(self, name: str) -> Line:
        """Of a population that has spikes of its own."""
        return Line(name, early=name in self.before)

    def heard(self, s: Synapse) -> Line | str:
        """Whose spikes reach the target, or why that is not said in tokens."""
        line, n = self.lines.get(s.source), self.ago(s)
        if line is None:
            return f"{s.source} has no rows"
        if not self.timing.slot:
            return replace(line, ago=line.ago + n, gated=False)
        if n > 1 or (n and not line.gated):
            return "it hears the sequence before"
        return replace(line, ago=line.ago + n, gated=line.gated and not n)

    def tap(self, line: Line) -> Tap:
        """With what its population fired before its first token."""
        place = self.places[line.origin]
        if not line.early or not line.ago:
            return Tap(place, line.ago, None)
        return Tap(place, line.ago, bits.pack(self._tokens_before(line)[:, : self.timing.steps]))

    def _tokens_before(self, line: Line) -> Bools:
        """(ago, period, neurons)."""
        spikes, period = self.before[line.origin], self.timing.period
        out = np.zeros((max(line.ago * period, len(spikes)), spikes.shape[1]), np.bool_)
        out[len(out) - len(spikes) :] = spikes
        return out[len(out) - line.ago * period :].reshape(line.ago, period, -1)

    def early_idle(self, line: Line) -> Bools:
        """(neurons,) that are heard in a step without input of one of the first tokens."""
        if not line.early or not line.ago:
            return np.zeros(self.places[line.origin].width, np.bool_)
        found: Bools = self._tokens_before(line)[:, self.timing.steps :].any((0, 1))
        return found

    def parted(self, p: Population) -> tuple[dict[str, list[Synapse]], list[Synapse]]:
        """(synapses from what the timing plays, by what; the others)."""
        timed: dict[str, list[Synapse]] = {plays: [] for plays in TIMED}
        others = []
        for s in self.network.inputs(p.name):
            if s.source in self.timed and not self.ago(s):
                timed[self.timed[s.source]].append(s)
            else:
                others.append(s)
        return timed, others


def each(network: Network, some: list[Synapse]) -> Ints:
    """(target neurons,) what all sources' spikes together bring, in synaptic units."""
    return sum((_weights(network, s).sum(1) for s in some), np.zeros(1, np.int64))


def brought(network: Network, s: Synapse, spikes: Bools) -> Ints:
    """(target neurons,) the most that some of these source neurons can bring, in synaptic units."""
    return np.maximum(_weights(network, s)[:, spikes], 0).sum(1)


def _weights(network: Network, s: Synapse) -> Ints:
    return s.wiring.csr(*network.grids(s)).toarray().astype(np.int64) << s.exponent


def silent_without_input(b: Flowing, p: Population, heard: list[tuple[Synapse, Line]]) -> bool:
    """Whether no drive is positive in steps without input: a membrane below its threshold then stays there. Notes whether in padding too.

    Against it: bias, populations that are loud, and what others fired before their first tokens. In padding also what earlier tokens sent.
    """
    network, drive = b.network, _rest(b, p)
    padding = drive.copy()
    for s, line in heard:
        width = b.places[line.origin].width
        loud = line.origin in b.loud
        drive = drive + brought(network, s, np.full(width, True) if loud else b.early_idle(line)) * arith.ONE
        moving = loud or line.ago > 0 or line.origin in b.moving
        padding = padding + brought(network, s, np.full(width, moving)) * arith.ONE
    if b.timing.slot and (padding > 0).any():
        b.moving.add(p.name)
    return b.timing.period == b.timing.steps or bool((drive <= 0).all())


def _rest(b: Flowing, p: Population) -> Ints:
    """(neurons,) bias and mask, in membrane units."""
    assert p.neuron is not None
    bias = np.zeros(p.size, np.int64) if p.neuron.bias is None else np.broadcast_to(p.neuron.bias.each(p.grid), p.size)
    return bias + each(b.network, b.parted(p)[0][IDLE]) * arith.ONE


def before(program: Scheduled) -> dict[str, Bools]:
    """(latency, neurons) spikes before the first token, of populations that fire there: whatever is played, nobody hears it yet."""
    network = program.network
    if not any(p.neuron is not None and p.neuron.bias is not None and (numbers(p.neuron.bias.mantissa) > 0).any() for p in network.populations):
        return {}
    found = {p.name: np.zeros((program.latency[p.name], p.size), np.bool_) for p in network.populations}
    ports = {port.plays: np.zeros((1, program.timing.steps, grids.size(network.by_name[port.population].grid)), np.bool_) for port in network.ports}
    chip = reference.Stepped(program, Spikes({name: some for name, some in ports.items() if name not in TIMED}))
    for step in range(1, program.depth + 1):
        chip.advance(step)
        for name, spikes in chip.spikes.items():
            if step <= program.latency[name]:
                found[name][step - 1] = spikes
    return {name: spikes for name, spikes in found.items() if spikes.any()}
