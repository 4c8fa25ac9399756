"""Chains of relays as one population with a first axis of stages: cut and packed together, they fill cores as nothing else does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tritspike.runtime.network.grid import Axis, Grid
from tritspike.runtime.network.network import Network, Population, Scheduled, Stream, Synapse
from tritspike.runtime.network.neuron import Neuron, Register, Resets, Values
from tritspike.runtime.network.stacks import stage_axis
from tritspike.runtime.network.wiring.reach import Stage

Phase = tuple[Resets, int]


@dataclass(frozen=True, eq=False)
class Stacked:
    """program: `original` over stacks, each named as its first population, behind a first axis `axis` of its stages.

    members: by stack, its populations. synapses: by synapse, those of the original that it stands for; sources: whose spikes it carries.
    """

    original: Scheduled
    program: Scheduled
    axis: str
    members: dict[str, tuple[str, ...]]
    synapses: dict[str, tuple[str, ...]]
    sources: dict[str, tuple[str, ...]]


def stacked(program: Scheduled) -> Stacked:
    """Every population in a stack, in order of latency; of stacks that are not chains there is one stage."""
    network, axis = program.network, stage_axis(program.network)
    onward = _onward(program)
    members = {chain[0]: chain for chain in _chains(program, onward)}
    stages = {first: len(chain) for first, chain in members.items()}
    where = {name: (first, k) for first, chain in members.items() for k, name in enumerate(chain)}
    names = sorted(members, key=lambda name: program.latency[name])
    populations = tuple(_stack(network.by_name[name], axis, stages[name]) for name in names)
    inside = {chain[0]: [onward[name] for name in chain[:-1]] for chain in members.values()}
    led = {s.name for some in inside.values() for s in some}
    chained = [_chained(some[0], members[name], network.by_name[name].grid, axis) for name, some in inside.items() if some]
    staged = [_staged(network, s, where, stages, axis) for s in network.synapses if s.name not in led]
    stands_for = {s.name: (s.name,) for s in staged} | {some[0].name: tuple(s.name for s in some) for some in inside.values() if some}
    sources = {s.name: (s.source,) for s in network.synapses} | {s.name: members[s.source][:-1] for s in chained}
    ports = tuple(replace(p, population=where[p.population][0]) for p in network.ports)
    whole = Network(populations=populations, synapses=(*staged, *chained), ports=ports, probes=())
    latency = {name: program.latency[name] for name in names}
    over_stacks = Scheduled(network=whole, timing=program.timing, latency=latency)
    return Stacked(program, over_stacks, axis, members, stands_for, sources)


def phase(program: Scheduled, p: Population) -> Phase | None:
    """When its neurons are cleared: those of one core that share a configuration are cleared at once."""
    if p.neuron is None or p.neuron.resets is Resets.NEVER:
        return None
    timing, latency = program.timing, program.latency[p.name]
    tokens = timing.slot if isinstance(timing, Stream) and p.neuron.resets is Resets.SEQUENCE else 1
    return p.neuron.resets, latency % (timing.period * tokens) if tokens else latency  # without an end they are cleared once


def _onward(program: Scheduled) -> dict[str, Synapse]:
    """By population, the synapse by which another one repeats it and does nothing else."""
    network, found = program.network, {}
    for q in network.populations:
        inputs = network.inputs(q.name)
        if len(inputs) == 1 and inputs[0].source not in found and _repeats(program, inputs[0], network.by_name[inputs[0].source], q):
            found[inputs[0].source] = inputs[0]
    return found


def _repeats(program: Scheduled, s: Synapse, p: Population, q: Population) -> bool:
    ours, theirs = (_shared(population.neuron) for population in (p, q))
    alike = ours is not None and ours == theirs and phase(program, p) == phase(program, q)
    return alike and p.name != q.name and s.wiring.onward("", p.grid, q.grid) is not None


def _shared(neuron: Neuron | None) -> tuple[Register, ...] | None:
    """The registers of a population whose neurons all have the same, and no bias."""
    if neuron is None or neuron.bias is not None:
        return None
    found = neuron.keep, neuron.keep_u, neuron.vth
    return None if any(isinstance(register, Values) for register in found) else found


def _chains(program: Scheduled, onward: dict[str, Synapse]) -> list[tuple[str, ...]]:
    """Populations one behind another as long as the synapses between them are alike; the first of each is heard by no rule of a chain."""
    inside = {s.target for s in onward.values()}
    seen: set[str] = set()
    out = []
    for head in sorted((p.name for p in program.network.populations), key=inside.__contains__):  # a ring has no head, and begins anywhere
        chain: list[str] = []
        name: str | None = head
        while name is not None and name not in seen:
            chain.append(name)
            seen.add(name)
            name = onward[name].target if name in onward and _alike(onward, chain) else None
        out += [tuple(chain)] if chain else []
    return out


def _alike(onward: dict[str, Synapse], chain: list[str]) -> bool:
    first, last = onward[chain[0]], onward[chain[-1]]
    return (first.wiring, first.exponent) == (last.wiring, last.exponent)


def _stack(p: Population, axis: str, stages: int) -> Population:
    return replace(p, grid=(Axis(axis, stages), *p.grid))


def _chained(first: Synapse, chain: tuple[str, ...], grid: Grid, axis: str) -> Synapse:
    """All synapses from a stage of a chain to the next."""
    wiring = first.wiring.onward(axis, grid, grid)
    assert wiring is not None, "a chain repeats its neurons"
    return replace(first, source=chain[0], target=chain[0], wiring=wiring)


def _staged(network: Network, s: Synapse, where: dict[str, tuple[str, int]], stages: dict[str, int], axis: str) -> Synapse:
    """From its stage of a stack to the first of another."""
    (source, tap), (target, _) = where[s.source], where[s.target]
    stage = Stage(axis, tap, stages[source], stages[target])
    return replace(s, source=source, target=target, wiring=s.wiring.staged(stage, *network.grids(s)))
