"""One population in the graph: what its neurons hear, when they are cleared, and the LIF; nothing is kept of what forgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.executors.onnx.functions import fraction, row
from tritspike.runtime.executors.onnx.heard import Heard, Sources, Term, axes, by_factor
from tritspike.runtime.executors.onnx.nodes import Nodes
from tritspike.runtime.network.network import Population, Probe, Reads, Scheduled, Stream, Timing
from tritspike.runtime.network.neuron import Neuron, Resets, numbers
from tritspike.runtime.network.ranges import forgets


@dataclass(eq=False)
class Clock:
    """When neurons are cleared: by the number of steps before this one, (streams, 1), as `state.begins` says."""

    nodes: Nodes
    timing: Timing
    step: str
    _made: dict[tuple[int, int], str] = field(default_factory=dict)

    def clears(self, resets: Resets, latency: int) -> str | None:
        """Whether u and v of a population of this latency are cleared before this step; None where they never are."""
        timing = self.timing
        if resets is Resets.NEVER:
            return None
        if resets is Resets.SEQUENCE and isinstance(timing, Stream):
            return self._begins(latency, timing.period * timing.slot)
        return self._begins(latency, timing.period)

    def _begins(self, latency: int, every: int) -> str:
        """Whether this is a step latency + n * every; every 0: the step `latency`."""
        key = (latency % every if every else latency, every)
        if key not in self._made:
            name, constants = f"clock/{key[0]} of {every}" if every else f"clock/{key[0]}", self.nodes.constants
            at = self.nodes.op(f"{name}/phase", "Mod", self.step, constants.number(every, np.int64)) if every else self.step
            self._made[key] = self.nodes.op(name, "Equal", at, constants.number(key[0], np.int64))
        return self._made[key]


@dataclass(frozen=True, eq=False)
class Firing:
    """A population that fires by itself. sources: the last step's spikes."""

    program: Scheduled
    population: Population
    sources: Sources
    clock: Clock

    @property
    def nodes(self) -> Nodes:
        """Of the body."""
        return self.sources.nodes

    @property
    def name(self) -> str:
        """Of its group."""
        return self.population.name

    @cached_property
    def neuron(self) -> Neuron:
        """Its rule."""
        assert self.population.neuron is not None
        return self.population.neuron

    @cached_property
    def threshold(self) -> np.ndarray:
        """In 1/64 synaptic units."""
        return row(self.neuron.vth, self.population.grid) << arith.INPUT_SHIFT

    def fire(self, kept: dict[str, str]) -> dict[str, str]:
        """Names of its spikes and, where these last, of u and v after this step; `kept` has those before it."""
        if not kept:
            return {"spikes": self._at_once()}
        current, found = self._current(), {}
        if "u" in kept:
            parts, arithmetic = fraction(self.nodes, f"{self.name}/keep_u", self.neuron.keep_u, self.population.grid)
            (current,) = self.nodes.call(f"{self.name}/current", "Current", [self._begun(kept, "u"), current, *parts], ["u"], arithmetic=arithmetic)
            found["u"] = current
        parts, arithmetic = fraction(self.nodes, f"{self.name}/keep", self.neuron.keep, self.population.grid)
        given = [self._begun(kept, "v"), self._biased(current), *parts, self._constant("threshold", self.threshold)]
        v, spikes = self.nodes.call(f"{self.name}/lif", "LIF", given, ["v", "spikes"], arithmetic=arithmetic)
        return found | {"v": v, "spikes": spikes}

    def _begun(self, kept: dict[str, str], register: str) -> str:
        """u or v, cleared where it is time."""
        clears = self.clock.clears(self.neuron.resets, self.program.latency[self.name])
        if clears is None:
            return kept[register]
        return self.nodes.op(f"{self.name}/begun.{register}", "Where", clears, self.nodes.constants.number(0), kept[register])

    def _at_once(self) -> str:
        """Spikes of neurons of which nothing is left in the next step: where input of one weight is all there is, it is what is compared."""
        terms = by_factor(self._terms())
        if len(terms) == 1 and self.neuron.bias is None and min(terms) > 0:
            ((factor, some),) = terms.items()
            return self._compared(self._sum(some), self.threshold // factor)
        return self._compared(self._biased(self._current()), self.threshold)

    def _compared(self, tensor: str, threshold: np.ndarray) -> str:
        return self.nodes.op(f"{self.name}/spikes", "Greater", tensor, self._constant("threshold", threshold))

    def _terms(self) -> list[Term]:
        found = (Heard(self.sources, s).term() for s in self.program.network.inputs(self.name))
        return [term for term in found if term is not None]

    def _current(self) -> str:
        """(streams, neurons) int32, in 1/64 synaptic units."""
        weighed = list[Term]()
        for factor, some in by_factor(self._terms()).items():
            counts = self.nodes.added(f"{self.name}/counts.{factor}", [term.tensor for term in some])
            times = self.nodes.op(f"{self.name}/times.{factor}", "Mul", counts, self.nodes.constants.number(factor))
            weighed.append(Term(times, _joint(some), 1))
        return self._sum(weighed) if weighed else self._silence()

    def _silence(self) -> str:
        """Of those that hear nothing."""
        own = self.nodes.wide(f"{self.name}/own", self.sources.spikes[self.name])
        return self.nodes.op(f"{self.name}/nothing", "Mul", own, self.nodes.constants.number(0))

    def _sum(self, some: list[Term]) -> str:
        """(streams, neurons) of terms, broadcast to all of them."""
        shape, found = axes(self.population.grid), self.nodes.added(f"{self.name}/heard", [term.tensor for term in some])
        if _joint(some) != shape:
            found = self.nodes.op(f"{self.name}/everywhere", "Expand", found, self.nodes.constants.shape(1, *shape))
        return found if len(shape) == 1 else self.nodes.reshaped(f"{self.name}/flat", found, self.population.size)

    def _biased(self, current: str) -> str:
        if self.neuron.bias is None:
            return current
        bias = row(self.neuron.bias.mantissa, self.population.grid) << self.neuron.bias.exponent
        return self.nodes.op(f"{self.name}/biased", "Add", current, self._constant("bias", bias))

    def _constant(self, what: str, values: np.ndarray) -> str:
        return self.nodes.constants.of(f"{self.name}/{what}", values.astype(np.int32))


def _joint(terms: list[Term]) -> tuple[int, ...]:
    """The shape that they have together."""
    return np.broadcast_shapes(*(term.shape for term in terms))


def lasting(program: Scheduled, population: Population) -> Iterator[str]:
    """Registers that are left in the next step, or read: u, v, or none of them."""
    neuron = population.neuron
    if neuron is None:
        return
    read = any(probe.population == population.name and probe.reads is Reads.MEMBRANE for probe in program.network.probes)
    if numbers(neuron.keep_u).any():
        yield "u"
    if read or not forgets(program, population):
        yield "v"


def counted(program: Scheduled) -> list[Probe]:
    """Probes that count, whose counts so far are state too."""
    return [probe for probe in program.network.probes if probe.reads is Reads.COUNT]
