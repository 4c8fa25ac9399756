"""What a sound network is, asked at every door: of what is read from a file, and of what is run. Yields all findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from tritspike.hw_profiles.errors import Finding, TritspikeError, listed
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import forms
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Pairs
from tritspike.runtime.network.network import Network, Population, Reads, Scheduled, Stream, Timing
from tritspike.runtime.network.neuron import Neuron, Register, Values
from tritspike.runtime.network.wiring import judged
from tritspike.runtime.network.wiring.judged import MOST_NEURONS, MOST_STEPS

MOST_PAIRS = 1 << 26  # of one axis: they are listed to be counted
MOST_LATENCY = 1 << 20


def require_sound(program: Scheduled, error: type[TritspikeError] = InputError, where: str = "") -> None:
    """Raises `error` with every finding."""
    found = tuple(findings(program))
    if found:
        raise error(f"{where}{': ' if where else ''}{listed(found)}")


def findings(program: Scheduled) -> Iterator[Finding]:
    """What is wrong. Later questions are asked only where earlier ones were answered."""
    found = list(network_findings(program.network))
    yield from found or _timing(program)


def network_findings(network: Network) -> Iterator[Finding]:
    """The same of a network that has no timing yet."""
    for rules in ((forms.findings,), (_names, _populations), (_synapses, _ends), (_wirings,)):
        found = [finding for rule in rules for finding in rule(network)]
        yield from found
        if found:
            return


def _names(network: Network) -> Iterator[Finding]:
    for what, some in (("population", network.populations), ("synapse", network.synapses), ("port", network.ports), ("probe", network.probes)):
        for name, count in Counter(x.name for x in some).items():
            if count > 1 or not name:
                yield Finding(name or what, f"{what}s of that name", count, "one, of a name that is not empty")


def _populations(network: Network) -> Iterator[Finding]:
    growing = {axis.size for p in network.populations for axis in grids.sides(p.grid) if axis.grows}
    if len(growing) > 1:
        yield Finding("network", "sizes of axes that grow", sorted(growing), "one")
    for p in network.populations:
        names = grids.names(p.grid)
        if len(set(names)) < len(names) or not all(names):
            yield Finding(p.name, "axes", ", ".join(names), "each of another name")
        elif min((axis.size for axis in grids.sides(p.grid)), default=1) < 1 or grids.size(p.grid) > MOST_NEURONS:
            yield Finding(p.name, "neurons", "x".join(str(axis.size) for axis in grids.sides(p.grid)), f"1..{MOST_NEURONS}")
        elif any(isinstance(axis, Pairs) and axis.cells > MOST_PAIRS for axis in p.grid):
            yield Finding(p.name, "pairs", max(axis.cells for axis in p.grid), f"up to {MOST_PAIRS}")
        elif any(isinstance(axis, Pairs) and axis.causal and axis.query.size != axis.key.size for axis in p.grid):
            yield Finding(p.name, "causal pairs", "of two sizes", "as many keys as queries")
        elif p.neuron is not None:
            yield from _registers(p, p.neuron)


def _registers(p: Population, neuron: Neuron) -> Iterator[Finding]:
    registers: dict[str, Register] = {"keep": neuron.keep, "vth": neuron.vth, "keep_u": neuron.keep_u}
    if neuron.bias is not None:
        registers["bias"] = neuron.bias.mantissa
    sizes, growing = grids.extents(p.grid), {axis.name for axis in grids.sides(p.grid) if axis.grows}
    for what, value in registers.items():
        if not isinstance(value, Values):
            continue
        wanted = tuple(sizes.get(name, -1) for name in value.along)
        if value.numbers.dtype != np.int64 or value.numbers.shape != wanted or len(set(value.along)) < len(wanted):
            yield Finding(p.name, what, f"{value.numbers.dtype} {value.numbers.shape} along {', '.join(value.along)}", f"int64 {wanted}")
        elif growing & set(value.along):
            yield Finding(p.name, what, f"along {', '.join(value.along)}", "axes that do not grow")


def _synapses(network: Network) -> Iterator[Finding]:
    for s in network.synapses:
        for name in (s.source, s.target):
            if name not in network.by_name:
                yield Finding(s.name, "an end", name, "a population of this network")
            elif name == s.target and network.by_name[name].neuron is None:
                yield Finding(s.name, "its target", name, "a population that fires by itself")


def _ends(network: Network) -> Iterator[Finding]:
    played = Counter(port.population for port in network.ports)
    for p in network.populations:
        if (p.neuron is None) != (played[p.name] == 1):
            yield Finding(p.name, "ports that play it", played[p.name], "one" if p.neuron is None else "none, since it fires by itself")
    for name, population in [*((p.name, p.population) for p in network.ports), *((p.name, p.population) for p in network.probes)]:
        if population not in network.by_name:
            yield Finding(name, "its population", population, "one of this network")
    for probe in network.probes:
        if probe.reads is Reads.MEMBRANE and played[probe.population]:
            yield Finding(probe.name, "membranes", f"of {probe.population}, which the host plays", "those of neurons")
    if not network.probes:
        yield Finding("network", "probes", 0, "at least one")


def _wirings(network: Network) -> Iterator[Finding]:
    for s in network.synapses:
        yield from judged.findings(s.name, s.wiring, *network.grids(s))


def timing_findings(timing: Timing) -> Iterator[Finding]:
    """What is wrong with it alone."""
    if (
        not all(type(number) is int for number in vars(timing).values())
        or not 1 <= timing.steps <= timing.period <= MOST_STEPS
        or (isinstance(timing, Stream) and timing.slot < 0)
    ):
        yield Finding("network", "timing", str(timing), f"1..{MOST_STEPS} steps, in a period of at least as many")


def _timing(program: Scheduled) -> Iterator[Finding]:
    timing, names = program.timing, {p.name for p in program.network.populations}
    if wrong := list(timing_findings(timing)):
        yield from wrong
        return
    if program.latency.keys() != names:
        yield Finding("network", "latencies", len(program.latency), f"one for each of {len(names)} populations")
        return
    for name, at in program.latency.items():
        if not 0 <= at <= MOST_LATENCY:
            yield Finding(name, "latency", at, f"0..{MOST_LATENCY}")
    for s in program.network.synapses:
        ahead = program.latency[s.source] + 1 - program.latency[s.target]
        if s.delay or ahead < 0 or ahead % timing.period or (ahead and not isinstance(timing, Stream)):
            yield Finding(s.name, "steps between its ends", 1 - ahead, "1, or in a stream whole periods less")
