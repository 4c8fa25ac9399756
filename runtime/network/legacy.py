"""Programs of version 2, whose grids were letters and whose relays were one population with stages, as networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Port, Probe, Reads, Scheduled, Synapse, Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Resets, Values
from tritspike.runtime.network.wiring import Dense, Join, Wiring
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map, Rule
from tritspike.runtime.program import SOURCE, Program
from tritspike.runtime.program import Population as Old
from tritspike.runtime.program import Synapse as OldSynapse
from tritspike.runtime.wiring import Along, Dims, Matrix, Pool, Shift

_NAMES = {"i": "position", "j": "key", "h": "head", "d": "channel", "e": "hidden", "f": "ffn", "c": "class"}
_CHANNELS = "hdefc"  # what a bias differs along


def converted(program: Program) -> Scheduled:
    """The same neurons and synapses; a relay of n stages becomes n populations, `NAME.0` and on."""
    grids = {p.name: grid(p.axes, program.dims) for p in program.populations}
    populations = [q for p in program.populations for q in _populations(p, grids[p.name])]
    synapses = [t for s in program.synapses for t in _synapses(program, s)]
    ports = tuple(Port(name=p.name, population=p.name, plays=p.name) for p in program.populations if p.role == SOURCE)
    answering = program.answering
    probe = Probe(name="answer", population=answering.name, reads=Reads.COUNT if program.readout is None else Reads.MEMBRANE)
    network = Network(populations=tuple(populations), synapses=tuple(synapses), ports=ports, probes=(probe,))
    latency = {stage(p, k): p.latency + k for p in program.populations for k in range(p.stages)}
    return Scheduled(network=network, timing=Windows(program.steps), latency=latency)


def stage(population: Old, number: int) -> str:
    """The name of one stage of a relay; of a population with one, its own."""
    return population.name if population.stages == 1 else f"{population.name}.{number}"


def grid(axes: str, dims: Dims) -> Grid:
    """Of letters."""
    return tuple(axis(letter, dims) for letter in axes)


def axis(letter: str, dims: Dims) -> Axis | Pairs:
    """Of a letter."""
    if letter == "p":
        return Pairs(_axis("i", dims), _axis("j", dims), dims.causal)
    return _axis(letter, dims)


def _axis(letter: str, dims: Dims) -> Axis:
    return Axis(_NAMES[letter], dims.axis(letter), grows=letter in "ij")


def _populations(p: Old, over: Grid) -> list[Population]:
    if p.role == SOURCE:
        return [Population(name=p.name, grid=over)]
    resets = Resets.WINDOW if p.resets else Resets.NEVER
    neuron = Neuron(keep=p.keep, vth=p.vth, bias=_bias(p, over), resets=resets)
    return [Population(name=stage(p, k), grid=over, neuron=neuron) for k in range(p.stages)]


def _bias(p: Old, over: Grid) -> Bias | None:
    if p.bias is None:
        return None
    along = tuple(_NAMES[letter] for letter in p.axes if letter in _CHANNELS)
    sizes = [a.cells for a in over if set(a.names) <= set(along)]
    return Bias(Values(along, p.bias.mantissa.astype(np.int64).reshape(sizes)), p.bias.exponent)


def _synapses(program: Program, s: OldSynapse) -> list[Synapse]:
    source, target = program.by_name[s.source], program.by_name[s.target]
    if isinstance(s.wiring, Shift):
        same: Map = {name: Follow(name) for a in grid(source.axes, program.dims) for name in a.names}
        join = Join(s.wiring.mantissa, same)
        chain = [(stage(source, k), stage(source, k + 1)) for k in range(source.stages - 1)]
        return [Synapse(name=f"{s.name}.{k}", source=a, target=b, wiring=join, exponent=s.exponent) for k, (a, b) in enumerate(chain)]
    wiring = _wiring(s, source.axes, target.axes)
    one = Synapse(name=s.name, source=stage(source, s.source_stage), target=stage(target, 0), wiring=wiring, exponent=s.exponent)
    return [replace(one)]


def _wiring(s: OldSynapse, source: str, target: str) -> Wiring:
    w = s.wiring
    if isinstance(w, Matrix):
        return Dense(w.codes, w.gain, {_NAMES["i"]: Follow(_NAMES["i"], 1, w.offset)})
    if isinstance(w, Pool):
        return Dense(w.codes, np.ones(len(w.codes), np.int64), {_NAMES["i"]: At(0) if w.first else SUM})
    assert isinstance(w, Along)
    expanded, read = source.replace("p", "ij"), w.source.replace("p", "ij")
    there = target.replace("p", "ij")
    rules: dict[str, Rule] = {_NAMES[own]: Follow(_NAMES[name]) if name in there else SUM for own, name in zip(expanded, read)}
    return Join(w.mantissa, rules)
