"""Which stage of a stream a population becomes: an ordered table of rules, each of which takes it by what is proved, or says why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith, bits
from tritspike.runtime.bits import PLANES
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.flowing import Flowing, Line, each, silent_without_input
from tritspike.runtime.executors.fast.rows import Place
from tritspike.runtime.executors.fast.stages import OWN, Counts, Linear
from tritspike.runtime.executors.fast.traces import Beside, Running, Tap, Traces, lanes
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Population, Probe, Reads, Synapse
from tritspike.runtime.network.neuron import Neuron, Resets
from tritspike.runtime.network.neuron import each as register
from tritspike.runtime.network.ranges import bounded
from tritspike.runtime.network.rows import ACTIVE, CONTINUES, IDLE
from tritspike.runtime.network.sequences import TIMED
from tritspike.runtime.network.wiring import Dense
from tritspike.runtime.simulator import weights

_INPUTS = (1 << PLANES) - 1  # a neuron may count a row an input, and the counter has so many planes


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
        if isinstance(line, str) or line.ago or line.gated or not sums or not _straight(b, heard[0]) or not isinstance(wiring, Dense):
            return "it does not keep all of what it hears of a population of its own token"
        codes = wiring.weights.astype(np.int64) << heard[0].exponent
        counts = Counts(source=b.places[line.origin], weights=np.ascontiguousarray(codes.T, np.float32))
        b.readers[probes[0].name] = counts if n.resets is Resets.WINDOW else Running(counts=counts)
        return None


@dataclass(frozen=True)
class SharedLinear:
    """Matrices of -1, 0 and 1 from several populations and tokens, alike but for row and codes, and at most one identity."""

    name: str = "shared-linear"

    def take(self, b: Flowing, p: Population) -> str | None:
        """One stage, and one more before it that lays what it hears side by side."""
        why = self._membranes(b, p)
        if why is not None or p.neuron is None:
            return why
        timed, others = b.parted(p)
        heard = [(s, line) for s in others if not isinstance(line := b.heard(s), str)]
        why = "it hears what has no rows" if len(heard) < len(others) or timed[CONTINUES] else self._unlike(b, heard)
        if why is not None:
            return why
        if not silent_without_input(b, p, heard):
            return "it may fire in steps without input: its mask does not outweigh bias and all that may spike there"
        self._add(b, p, p.neuron, heard, timed[ACTIVE])
        b.lines[p.name], b.places[p.name] = b.begin(p.name), Place(p.name, 0, p.size)
        return None

    @staticmethod
    def _membranes(b: Flowing, p: Population) -> str | None:
        neuron = p.neuron
        if neuron is None or facts.is_read(b.network, p) or not all(isinstance(axis, Axis) for axis in p.grid):
            return "it is not laid out in rows"
        if not facts.window_local(neuron):
            return "it is not reset with each token"
        if not facts.memoryless_current(neuron):
            return "its current has a memory"
        return "its neurons differ in leak or threshold" if facts.shared(neuron) is None else None

    @staticmethod
    def _unlike(b: Flowing, heard: list[tuple[Synapse, Line]]) -> str | None:
        matrices = [s for s, _ in heard if isinstance(s.wiring, Dense)]
        rest = [(s, line) for s, line in heard if s not in matrices]
        if not matrices or not all(_straight(b, s) for s in matrices) or any(line.gated for _, line in heard):
            return "it does not hear matrices of whole populations"
        if len(rest) > 1 or not all(facts.is_identity(b.network, s) and not line.ago and b.steps(line) == b.timing.steps for s, line in rest):
            return "beside its matrices it hears more than one identity of its own token"
        wirings = [s.wiring for s in matrices if isinstance(s.wiring, Dense)]
        gains = [w.gain << s.exponent for w, s in zip(wirings, matrices)]
        if not all(np.array_equal(gain, gains[0]) for gain in gains) or any(np.abs(w.codes).max(initial=0) > 1 for w in wirings):
            return "its codes are not -1, 0 and 1 times one gain a row"
        fan_in = sum(bits.words(w.codes.shape[1]) * bits.WORD for w in wirings)
        return f"a fan-in of {fan_in}, the kernel counts to {_INPUTS}" if fan_in > _INPUTS else None

    @staticmethod
    def _add(b: Flowing, p: Population, neuron: Neuron, heard: list[tuple[Synapse, Line]], active: list[Synapse]) -> None:
        matrices = [(s, s.wiring, b.tap(line)) for s, line in heard if isinstance(s.wiring, Dense)]
        skips = [(s, b.places[line.origin]) for s, line in heard if not isinstance(s.wiring, Dense)]
        source, codes = _source(b, p, [tap for *_, tap in matrices]), matrices[0][1].codes
        if source.buffer not in b.places:
            codes = np.concatenate([weights.whole_words(w.codes) for _, w, _ in matrices], 1)
        every = 1 if all(w.codes.all() for _, w, _ in matrices) else 2
        drive = each(b.network, active) << arith.INPUT_SHIFT
        keep, vth = facts.shared(neuron) or (0, 0)
        words = bits.words(p.size)
        stage = Linear(
            source=source,
            offsets=OWN,
            table=weights.table(codes, every),
            signs=weights.signs(codes, every),
            gain=lanes(matrices[0][1].gain << (matrices[0][0].exponent + arith.INPUT_SHIFT), p.size),
            bias=lanes(drive + (neuron.bias.each(p.grid) if neuron.bias else 0), p.size),
            keep=np.full(words, keep, np.int32),
            vth=np.full(words, vth << arith.INPUT_SHIFT, np.int32),
            skip=skips[0][1] if skips else source,
            skip_gain=facts.weight(skips[0][0]) if skips else 0,
            bounded=bounded(b.program, p),
            buffer=p.name,
        )
        b.stages.append(stage)


def _straight(b: Flowing, s: Synapse) -> bool:
    """Whether rows of codes are the target's neurons, and columns the source's."""
    source, target = b.network.grids(s)
    plain = all(isinstance(axis, Axis) for axis in (*source, *target))
    return plain and isinstance(s.wiring, Dense) and not s.wiring.read and s.wiring.row_names(target) == grids.names(target)


def _source(b: Flowing, p: Population, taps: list[Tap]) -> Place:
    """Where what it hears lies side by side: where it is, of one population in the steps that have input."""
    (tap, *more) = taps
    if not more and not tap.ago and tap.place.buffer not in b.loud:
        return tap.place
    name = f"{p.name}<"
    while name in b.network.by_name:
        name += "<"
    b.stages.append(Beside(taps=tuple(taps), steps=b.timing.steps, buffer=name))
    return Place(name, 0, sum(t.words for t in taps) * bits.WORD)


RULES: tuple[Rule, ...] = (PlayPort(), SkipRepeater(), GateSequence(), LastingTrace(), SumReadout(), SharedLinear())


def counted(b: Flowing, probe: Probe) -> Counts | None:
    """What a probe that counts spikes becomes; None where they are not those of a population's own tokens."""
    line = b.lines.get(probe.population)
    if line is None or line.ago or line.gated:
        return None
    return Counts(source=b.places[line.origin], weights=None)
