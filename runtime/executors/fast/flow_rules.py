"""Which stage of a stream a population becomes: an ordered table of rules, each of which takes it by what is proved, or says why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.flow_linear import SharedLinear, straight
from tritspike.runtime.executors.fast.flowing import Flowing, Line, each
from tritspike.runtime.executors.fast.rows import Place
from tritspike.runtime.executors.fast.stages import Counts
from tritspike.runtime.executors.fast.traces import Meet, Running, Side, Traces, lanes
from tritspike.runtime.network.network import Population, Probe, Reads, Synapse
from tritspike.runtime.network.neuron import Neuron, Resets
from tritspike.runtime.network.neuron import each as register
from tritspike.runtime.network.rows import ACTIVE, CONTINUES, IDLE
from tritspike.runtime.network.sequences import TIMED
from tritspike.runtime.network.wiring import Dense


class Rule(Protocol):
    """take: None where the population is taken, else why it is not."""

    @property
    def name(self) -> str:
        """As `inspect --plan` shows it."""

    def take(self, b: Flowing, p: Population) -> str | None:
        """Add what `p` needs."""


@dataclass(frozen=True)
class PlayPort:
    """The host's spikes lie in their own buffer; what follows from the timing lies nowhere."""

    name: str = "play-port"

    def take(self, b: Flowing, p: Population) -> str | None:
        """By its port."""
        if p.neuron is not None:
            return "it fires by itself"
        plays = next(port.plays for port in b.network.ports if port.population == p.name)
        if plays in TIMED:
            b.timed[p.name] = plays
        else:
            b.lines[p.name], b.places[p.name] = Line(p.name), Place(p.name, 0, p.size)
        return None


@dataclass(frozen=True)
class SkipRepeater:
    """What repeats its source is its source, of the same token or of an earlier one."""

    name: str = "skip-repeater"

    def take(self, b: Flowing, p: Population) -> str | None:
        """By `facts.repeats`."""
        source = facts.repeats(b.network, p)
        if source is None:
            return "not proved to repeat a source"
        (s,) = b.network.inputs(p.name)
        if source in b.timed:
            if b.ago(s):
                return "it repeats of an earlier token what the timing plays"
            b.timed[p.name] = b.timed[source]
            return None
        line = b.heard(s)
        if isinstance(line, str):
            return line
        return _alias(b, p, line)


@dataclass(frozen=True)
class GateSequence:
    """What fires where a population does, but in the last token of a sequence."""

    name: str = "gate-sequence"

    def take(self, b: Flowing, p: Population) -> str | None:
        """By `facts.coincides`, with what spikes in every token but the last, in steps with input."""
        timed, others = b.parted(p)
        if len(timed[CONTINUES]) != 1 or len(others) != 1 or not facts.coincides(b.network, p):
            return "not proved to fire where another does and a sequence continues"
        line = b.heard(others[0])
        if isinstance(line, str) or not facts.is_identity(b.network, others[0]):
            return "it is not the gate of one population"
        if line.origin in b.loud:
            return "its source may spike in steps without input"
        gated = replace(line, gated=bool(b.timing.slot))
        return _alias(b, p, gated if line.ago and line.early else replace(gated, early=False))


def _alias(b: Flowing, p: Population, line: Line) -> str | None:
    if line.ago and line.early:
        return "it has what fired before the first token"
    b.lines[p.name] = line
    return None


@dataclass(frozen=True)
class MeetRows:
    """Pairs that fire where two neurons of two populations do, of the same token."""

    name: str = "meet-rows"

    def take(self, b: Flowing, p: Population) -> str | None:
        """By `facts.coincides`; one side at least is silent in steps without input."""
        heard = b.network.inputs(p.name)
        if p.neuron is None or not facts.coincides(b.network, p):
            return "not proved to fire where two others do"
        lines = [line for s in heard if not isinstance(line := b.heard(s), str)]
        if len(lines) < len(heard) or any(line.ago or line.gated for line in lines):
            return "what it hears has no rows, or is not of its own token"
        origins = {line.origin for line in lines}
        if origins <= b.loud:
            return "both that it hears may spike in steps without input"
        if origins <= b.loud | b.moving:
            b.moving.add(p.name)
        picks = [s.wiring.csr(*b.network.grids(s)).indices.astype(np.int64) for s in heard]
        first, second = (Side(b.places[line.origin], pick) for line, pick in zip(lines, picks))
        b.stages.append(Meet(sides=(first, second), steps=b.timing.steps, buffer=p.name))
        b.lines[p.name], b.places[p.name] = b.begin(p.name), Place(p.name, 0, p.size)
        return None


@dataclass(frozen=True)
class LastingTrace:
    """State that lasts from token to token, of neurons that hear one population one to one."""

    name: str = "lasting-trace"

    def take(self, b: Flowing, p: Population) -> str | None:
        """Cleared as sequences begin; of any registers."""
        neuron, (timed, others) = p.neuron, b.parted(p)
        if neuron is None or neuron.resets is not Resets.SEQUENCE or facts.is_read(b.network, p):
            return "no state that lasts over a sequence and is not read"
        if timed[IDLE] or timed[CONTINUES] or len({s.source for s in others}) != 1:
            return "it hears more than one population and steps with input"
        line, matrices = b.heard(others[0]), [s.wiring.csr(*b.network.grids(s)) for s in others]
        if isinstance(line, str) or line.ago or line.gated or line.origin in b.loud:
            return "what it hears is not of its own token alone, or may spike in steps without input"
        if not all(m.shape[0] == m.shape[1] and (m.nonzero()[0] == m.nonzero()[1]).all() for m in matrices):
            return "it does not hear one to one"
        b.stages.append(self._stage(b, p, neuron, b.places[line.origin], np.array([m.diagonal() for m in matrices]), others, timed[ACTIVE]))
        b.lines[p.name], b.places[p.name] = b.begin(p.name), Place(p.name, 0, p.size)
        b.loud.add(p.name)
        return None

    @staticmethod
    def _stage(b: Flowing, p: Population, n: Neuron, source: Place, own: NDArray, heard: list[Synapse], active: list[Synapse]) -> Traces:
        weight = sum((row.astype(np.int64) << (s.exponent + arith.INPUT_SHIFT) for row, s in zip(own, heard)), np.zeros(p.size, np.int64))
        return Traces(
            source=source,
            weight=lanes(weight, p.size),
            active=lanes(each(b.network, active) << arith.INPUT_SHIFT, p.size),
            keep_u=lanes(register(n.keep_u, p.grid), p.size),
            keep=lanes(register(n.keep, p.grid), p.size),
            bias=lanes(n.bias.each(p.grid) if n.bias else 0, p.size),
            vth=lanes(register(n.vth, p.grid) << arith.INPUT_SHIFT, p.size),
            steps=b.timing.period,
            buffer=p.name,
        )


@dataclass(frozen=True)
class SumReadout:
    """Membranes that keep all of a token, or of a sequence, and never fire: sums of spikes by a matrix."""

    name: str = "sum-readout"

    def take(self, b: Flowing, p: Population) -> str | None:
        """By the probe that reads it; nothing else may hear it."""
        probes, heard, n = [probe for probe in b.network.probes if probe.population == p.name], b.network.inputs(p.name), p.neuron
        if (
            n is None
            or [probe.reads for probe in probes] != [Reads.MEMBRANE]
            or len(heard) != 1
            or any(s.source == p.name for s in b.network.synapses)
        ):
            return "no membranes of one matrix are read of it"
        line, wiring = b.heard(heard[0]), heard[0].wiring
        sums = n.keep == arith.KEEP_ALL and n.resets is not Resets.NEVER and facts.unbiased(n) and facts.memoryless_current(n)
        if isinstance(line, str) or line.ago or line.gated or not sums or not straight(b, heard[0]) or not isinstance(wiring, Dense):
            return "it does not keep all of what it hears of a population of its own token"
        codes = wiring.weights.astype(np.int64) << heard[0].exponent
        counts = Counts(source=b.places[line.origin], weights=np.ascontiguousarray(codes.T, np.float32))
        b.readers[probes[0].name] = counts if n.resets is Resets.WINDOW else Running(counts=counts)
        return None


RULES: tuple[Rule, ...] = (PlayPort(), SkipRepeater(), GateSequence(), MeetRows(), LastingTrace(), SumReadout(), SharedLinear())


def counted(b: Flowing, probe: Probe) -> Counts | None:
    """What a probe that counts spikes becomes; None where they are not those of a population's own tokens."""
    line = b.lines.get(probe.population)
    if line is None or line.ago or line.gated:
        return None
    return Counts(source=b.places[line.origin], weights=None)
