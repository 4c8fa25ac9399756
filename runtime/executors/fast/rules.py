"""Which stage a population becomes: an ordered table of rules, each of which takes it by what is proved, or says why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tritspike.runtime import arith, bits
from tritspike.runtime.bits import PLANES
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.attention import KeepProduct, SpikingAttention
from tritspike.runtime.executors.fast.building import Building, membranes
from tritspike.runtime.executors.fast.rows import Place, channels
from tritspike.runtime.executors.fast.stages import OWN, Counts, Linear, Pooled, Reader
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.network import Population, Probe, Reads, Synapse
from tritspike.runtime.network.neuron import Neuron
from tritspike.runtime.network.ranges import bounded
from tritspike.runtime.network.wiring import Dense
from tritspike.runtime.network.wiring.maps import SUM, At, Follow
from tritspike.runtime.simulator import weights

_INPUTS = (1 << PLANES) - 1  # a neuron may count a row an input, and the counter has so many planes


class Rule(Protocol):
    """take: None where the population is taken, else why it is not."""

    @property
    def name(self) -> str:
        """As `inspect --plan` shows it."""

    def take(self, b: Building, p: Population) -> str | None:
        """Add what `p` needs."""


@dataclass(frozen=True)
class PlayPort:
    """The host's spikes lie in their own buffer; those that say where padding is are never looked at."""

    name: str = "play-port"

    def take(self, b: Building, p: Population) -> str | None:
        """By its port."""
        if p.neuron is not None:
            return "it fires by itself"
        if p.name not in b.padding:
            inner = b.channels(p)
            if inner is None:
                return "it is not laid out in rows"
            b.places[p.name] = Place(p.name, 0, grids.size(inner))
        return None


@dataclass(frozen=True)
class SkipRepeater:
    """What repeats its source is its source."""

    name: str = "skip-repeater"

    def take(self, b: Building, p: Population) -> str | None:
        """By `facts.repeats`."""
        source = facts.repeats(b.network, p)
        if source is None:
            return "not proved to repeat a source"
        b.repeats[p.name] = b.origin(source)
        return None


@dataclass(frozen=True)
class SharedLinear:
    """Matrices of -1, 0 and 1 from one source, alike but for row and codes, and at most one identity."""

    name: str = "shared-linear"

    def take(self, b: Building, p: Population) -> str | None:
        """One more stage, or more columns for the last one where both hear the same and have no identity."""
        if p.neuron is None or b.channels(p) is None:
            return "it is not laid out in rows"
        _, heard = b.masks(p)
        why = self._unlike(b, p, heard) or membranes(b, p)
        if why is not None:
            return why
        stage, last, first = self._stage(b, p, p.neuron, heard), b.stages[-1] if b.stages else None, 0
        if isinstance(last, Linear) and last.alike(stage):
            first, b.stages[-1] = len(last.keep), last.beside(stage)
        else:
            b.stages.append(stage)
        b.places[p.name] = Place(b.stages[-1].buffer, first, grids.size(b.channels(p) or ()))
        return None

    def _unlike(self, b: Building, p: Population, heard: list[Synapse]) -> str | None:
        matrices = [s for s in heard if isinstance(s.wiring, Dense)]
        rest = [s for s in heard if s not in matrices]
        if not matrices or len({s.source for s in matrices}) > 1 or not all(b.origin(s.source) in b.places for s in heard):
            return "it does not hear matrices from one source in rows"
        if len(rest) > 1 or not all(facts.is_identity(b.network, s) for s in rest):
            return "beside its matrices it hears more than one identity"
        gains = [s.wiring.gain << s.exponent for s in matrices if isinstance(s.wiring, Dense)]
        if not all(np.array_equal(gain, gains[0]) for gain in gains) or any(np.abs(s.wiring.codes).max(initial=0) > 1 for s in matrices):  # type: ignore[union-attr]
            return "its codes are not -1, 0 and 1 times one gain a row"
        if not all(self._by_row(b, s) for s in matrices):
            return "its matrices are not the same at every row"
        fan_in = sum(s.wiring.codes.shape[1] for s in matrices if isinstance(s.wiring, Dense))
        return f"a fan-in of {fan_in}, the kernel counts to {_INPUTS}" if fan_in > _INPUTS else None

    @staticmethod
    def _by_row(b: Building, s: Synapse) -> bool:
        """Whether rows of codes are the target's channels, columns the source's, at some offset of rows."""
        assert isinstance(s.wiring, Dense)
        _, target = b.network.grids(s)
        inner = channels(target, b.along)
        straight = inner is not None and s.wiring.row_names(target) == grids.names(inner)
        if b.along is None:
            return straight and not s.wiring.read
        rule = s.wiring.read.get(b.along)
        return straight and set(s.wiring.read) == {b.along} and isinstance(rule, Follow) and (rule.target, rule.stride) == (b.along, 1)

    @staticmethod
    def _stage(b: Building, p: Population, neuron: Neuron, heard: list[Synapse]) -> Linear:
        matrices = [s for s in heard if isinstance(s.wiring, Dense)]
        wirings = [s.wiring for s in matrices if isinstance(s.wiring, Dense)]
        skips = [s for s in heard if s not in matrices]
        rules = [w.read.get(b.along or "") for w in wirings]
        offsets = tuple(r.offset if isinstance(r, Follow) else 0 for r in rules)
        codes = wirings[0].codes if offsets == OWN else np.concatenate([weights.whole_words(w.codes) for w in wirings], 1)
        each = 1 if all(w.codes.all() for w in wirings) else 2
        full, source = bits.words(len(codes)) * bits.WORD, b.places[b.origin(matrices[0].source)]
        gain, bias = np.zeros(full, np.int32), np.zeros(full, np.int32)
        gain[: len(codes)] = wirings[0].gain << (matrices[0].exponent + arith.INPUT_SHIFT)
        if neuron.bias is not None:
            bias[: len(codes)] = np.broadcast_to(neuron.bias.each(b.channels(p) or ()), len(codes))
        keep, vth = facts.shared(neuron) or (0, 0)
        return Linear(
            source=source,
            offsets=offsets,
            table=weights.table(codes, each),
            signs=weights.signs(codes, each),
            gain=gain,
            bias=bias,
            keep=np.full(full // bits.WORD, keep, np.int32),
            vth=np.full(full // bits.WORD, vth << arith.INPUT_SHIFT, np.int32),
            skip=b.places[b.origin(skips[0].source)] if skips else source,
            skip_gain=facts.weight(skips[0]) if skips else 0,
            bounded=bounded(b.program, p),
            buffer=p.name,
        )


@dataclass(frozen=True)
class SumReadout:
    """Membranes that keep all of a window and never fire: sums of spikes by a matrix."""

    name: str = "sum-readout"

    def take(self, b: Building, p: Population) -> str | None:
        """By the probe that reads it; nothing else may hear it."""
        probes = [probe for probe in b.network.probes if probe.population == p.name]
        heard = b.network.inputs(p.name)
        if [probe.reads for probe in probes] != [Reads.MEMBRANE] or len(heard) != 1 or not isinstance(heard[0].wiring, Dense):
            return "no membranes of one matrix are read of it"
        assert p.neuron is not None
        sums = p.neuron.keep == arith.KEEP_ALL and facts.window_local(p.neuron) and facts.unbiased(p.neuron) and facts.memoryless_current(p.neuron)
        if not sums or b.origin(heard[0].source) not in b.places:
            return "it does not keep all of what it hears of a population in rows"
        reader = self._reader(b, p, heard[0], heard[0].wiring)
        if isinstance(reader, str):
            return reader
        b.readers[probes[0].name] = reader
        return None

    @staticmethod
    def _reader(b: Building, p: Population, s: Synapse, wiring: Dense) -> Reader | str:
        source, codes = b.places[b.origin(s.source)], wiring.weights.astype(np.int64) << s.exponent
        if wiring.row_names(p.grid) != grids.names(channels(p.grid, b.along) or p.grid):
            return "its rows of codes are not its neurons"
        rule = wiring.read.get(b.along or "")
        if SharedLinear._by_row(b, s) and rule in (None, Follow(b.along or "")):
            return Counts(source=source, weights=np.ascontiguousarray(codes.T, np.float32))
        whole = set(wiring.read) == {b.along} and wiring.row_names(p.grid) == grids.names(p.grid)  # of a window: its neurons lie in no rows
        if not whole or not (rule is SUM or rule == At(0)) or np.abs(codes).max(initial=0) > 1:
            return "it neither sums rows with weights of -1, 0 and 1 nor reads each"
        return Pooled(source=source, positive=bits.pack(codes > 0), negative=bits.pack(codes < 0), only_first=rule == At(0))


# readouts before layers: one that lies in rows is a matrix like any other, but for its membranes being read
RULES: tuple[Rule, ...] = (PlayPort(), SkipRepeater(), KeepProduct(), SpikingAttention(), SumReadout(), SharedLinear())


def counted(b: Building, probe: Probe) -> Reader | None:
    """What a probe that counts spikes becomes; None where they do not lie in rows."""
    place = b.places.get(b.origin(probe.population))
    return None if place is None or place.buffer in b.scores else Counts(source=place, weights=None)
