"""Every population in slices, with what each slice takes from its core and which slices hear which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.mapping.slicing import Fan, Grain, choose
from tritspike.compiler.mapping.storage import SHARED, Projection, projection, stored
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.program import SOURCE, Population, Program
from tritspike.runtime.tiling import Index, Tiling, grid_axes, overlaps, preimage, read_axes

HOST = -1  # in place of a slice: the host, which plays the sources


@dataclass(frozen=True, eq=False)
class Edges:
    """Which slice hears which: `neurons` of slice (or HOST) `source` reach slice `target` through projection number `synapse`."""

    source: Index
    target: Index
    neurons: Index
    synapse: Index


@dataclass(frozen=True, eq=False)
class Partition:
    """Slices numbered through all populations on the chip, in order. uses: (slices, RESOURCES). forms: storage format by synapse name.

    `configuration` numbers each slice's neuron parameters: slices of one number share one configuration of their core.
    """

    program: Program
    profile: HardwareProfile
    tilings: tuple[Tiling, ...]
    forms: dict[str, str]
    uses: Index
    configuration: Index
    edges: Edges

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Number of each population's first slice."""
        ends = np.cumsum([len(t) for t in self.tilings])
        return {t.population.name: int(end) - len(t) for t, end in zip(self.tilings, ends)}

    @cached_property
    def population(self) -> Index:
        """(slices,) number of each slice's population, in the order of `tilings`."""
        return np.repeat(np.arange(len(self.tilings)), [len(t) for t in self.tilings])

    def __len__(self) -> int:
        return len(self.uses)


def measured(program: Program) -> dict[str, Projection]:
    """Every projection's weights measured, by synapse name: once for all attempts."""
    return {s.name: projection(s, program.dims.causal) for s in program.synapses}


def partition(program: Program, profile: HardwareProfile, grain: Grain, projections: dict[str, Projection] | None = None) -> Partition:
    """Cut `program` for cores of `profile`. Raises `DoesNotFit` naming the population that no cut helps."""
    projections = projections or measured(program)
    tilings: dict[str, Tiling] = {}
    forms: dict[str, str] = {}
    for p in reversed([p for p in program.populations if p.role != SOURCE]):  # targets first: their cuts say how far a source must fan out
        inputs = [projections[s.name] for s in program.inputs(p.name)]
        found = choose(program, p, inputs, _fans(program, p, tilings, forms, profile), profile, grain)
        tilings[p.name] = found.tiling
        forms |= found.forms
    ordered = tuple(tilings[p.name] for p in program.populations if p.role != SOURCE)
    return _measured(program, profile, ordered, forms, projections)


def _fans(program: Program, p: Population, tilings: dict[str, Tiling], forms: dict[str, str], profile: HardwareProfile) -> list[Fan]:
    """Output slots a neuron of `p`, for each projection that leaves it for another population."""
    out = []
    for s in program.synapses:
        if s.source == p.name and s.target != p.name:
            target, read = tilings[s.target], read_axes(s, p)
            slices = int(np.prod([n for n, a in zip(target.shape, target.axes) if a != "s" and a not in read]))
            stage = s.source_stage if p.stages > 1 else None
            out.append(Fan(stage, slices * (profile.population_axon_slots if forms[s.name] == SHARED else 1)))
    return out


def _measured(
    program: Program, profile: HardwareProfile, tilings: tuple[Tiling, ...], forms: dict[str, str], projections: dict[str, Projection]
) -> Partition:
    """Exact uses of every slice, and the edges."""
    starts = dict(zip((t.population.name for t in tilings), np.cumsum([0, *(len(t) for t in tilings)]).tolist()))
    synapse_bytes, axons, slots = (np.zeros(sum(map(len, tilings)), np.int64) for _ in range(3))
    edges = []
    for t in tilings:
        rows = slice(starts[t.population.name], starts[t.population.name] + len(t))
        for s in program.inputs(t.population.name):
            cost = stored(program, projections[s.name], t.boxes, forms[s.name], profile)
            synapse_bytes[rows] += cost.bits // 8
            axons[rows] += cost.axons
            edges.append(_edges(program, s.name, t, {u.population.name: u for u in tilings}, starts))
            np.add.at(slots, edges[-1].source, edges[-1].neurons * cost.slots * (edges[-1].source != HOST))
    uses = np.stack([*_neurons(tilings, profile), synapse_bytes, axons, slots], 1)
    uses[:, 1] += synapse_bytes
    return Partition(program, profile, tilings, forms, uses, _configurations(program, tilings), _joined(edges))


def _neurons(tilings: tuple[Tiling, ...], profile: HardwareProfile) -> tuple[Index, Index]:
    """(slices,) neurons and bytes of their state."""
    sizes = np.concatenate([t.sizes for t in tilings])
    each = [profile.state_bytes + profile.bias_bytes * (t.population.bias is not None) for t in tilings]
    return sizes, sizes * np.repeat(each, [len(t) for t in tilings])


def _edges(program: Program, name: str, target: Tiling, tilings: dict[str, Tiling], starts: dict[str, int]) -> Edges:
    """Edges of one projection, the host as one slice."""
    number = next(n for n, s in enumerate(program.synapses) if s.name == name)
    s = program.synapses[number]
    source = program.by_name[s.source]
    tiling = tilings.get(s.source) or whole(source, program)
    to, of, shared = overlaps(tiling, preimage(program, s, target.boxes))
    at = np.full_like(of, HOST) if source.role == SOURCE else of + starts[s.source]
    return Edges(at, to + starts[s.target], shared, np.full_like(to, number))


def whole(population: Population, program: Program) -> Tiling:
    """One slice of everything."""
    sizes = [population.stages, *(program.dims.axis(a) for a in grid_axes(population.axes)[1:])]
    return Tiling(population, program.dims, tuple((0, n) for n in sizes))


def _joined(edges: list[Edges]) -> Edges:
    return Edges(*(np.concatenate([getattr(e, name) for e in edges]) for name in ("source", "target", "neurons", "synapse")))


def _configurations(program: Program, tilings: tuple[Tiling, ...]) -> NDArray[np.int64]:
    """Numbers of distinct (decay, threshold, bias exponent, reset phase): what a core stores once for all neurons that share it."""
    keys = [configuration(program, t.population) for t in tilings]
    numbers = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return np.repeat([numbers[k] for k in keys], [len(t) for t in tilings])


def configuration(program: Program, p: Population) -> tuple[int, int, int | None, int | None]:
    """What neurons must share to share a configuration."""
    return p.keep, p.vth, p.bias.exponent if p.bias else None, p.latency % program.steps if p.resets else None
