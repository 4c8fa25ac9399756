"""Every population in slices, with what each slice takes from its core and which slices hear which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.settings import Numbered, Settings
from tritspike.compiler.mapping.slicing import Choice, Fan, Grain, choose, refuse, slices_heard
from tritspike.compiler.mapping.stacking import Stacked
from tritspike.compiler.mapping.storage import Projection, stored
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.mapping import Form
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, even
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.network import Population, Scheduled

HOST = -1  # in place of a slice: the host, which plays what ports hear
_ROUNDS = 4  # of cutting what hears itself by way of others, whose cuts are not known before


@dataclass(frozen=True, eq=False)
class Edges:
    """Which slice hears which: `neurons` of slice (or HOST) `source` reach slice `target` through projection number `synapse`."""

    source: Index
    target: Index
    neurons: Index
    synapse: Index


@dataclass(frozen=True, eq=False)
class Partition:
    """Slices numbered through all stacks on the chip, in order. tilings: by stack. forms: storage format by synapse. uses: by resource, of each
    slice. held: neuron configurations of each slice.
    """

    stacked: Stacked
    profile: HardwareProfile
    tilings: dict[str, Tiling]
    forms: dict[str, Form]
    uses: resources.Uses
    held: list[frozenset[int]]
    edges: Edges

    @property
    def program(self) -> Scheduled:
        """Over stacks."""
        return self.stacked.program

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Number of each stack's first slice."""
        return _offsets(self.tilings)

    @cached_property
    def owner(self) -> list[str]:
        """The stack of each slice."""
        return [name for name, tiling in self.tilings.items() for _ in range(len(tiling))]

    def __len__(self) -> int:
        return len(self.held)


def partition(stacked: Stacked, profile: HardwareProfile, grain: Grain, projections: dict[str, Projection]) -> Partition:
    """Cut for cores of `profile`. Raises `DoesNotFit` naming the population that no cut helps."""
    program, numbered = stacked.program, Numbered()
    ours = [p for p in program.network.populations if p.neuron is not None]
    settings = {p.name: numbered.settings(program, p) for p in ours}
    tilings: dict[str, Tiling] = {}
    forms: dict[str, Form] = {}
    again = {p.name for p in ours}
    alike: dict[str, list[Choice]] = {}
    for _ in range(_ROUNDS):
        for p in reversed([p for p in ours if p.name in again]):  # targets first: their cuts say how far a source must fan out
            inputs = [projections[s.name] for s in program.network.inputs(p.name)]
            fans = _fans(program, p, tilings, forms, projections, profile)
            alike[p.name] = choose(program, p, inputs, fans, settings[p.name], profile, grain)
            _take(alike[p.name][0], p, tilings, forms)
        for p in [p for p in ours if p.name in again and len(alike[p.name]) > 1]:
            _take(min(alike[p.name], key=lambda choice: _pairs(program, p, tilings | {p.name: choice.tiling})), p, tilings, forms)
        ordered = {p.name: tilings[p.name] for p in ours}
        out = _measured(stacked, profile, ordered, forms, projections, settings)
        over = resources.shares(out.uses, profile).max(1) > 1
        again = {out.owner[n] for n in np.flatnonzero(over)}
        if not again:
            return out
    worst = int(np.argmax(resources.shares(out.uses, profile).max(1)))
    refuse(program.network.by_name[out.owner[worst]], profile, out.uses, worst)
    raise AssertionError("refused above")


def _take(choice: Choice, p: Population, tilings: dict[str, Tiling], forms: dict[str, Form]) -> None:
    tilings[p.name] = choice.tiling
    forms |= choice.forms


def _pairs(program: Scheduled, p: Population, tilings: dict[str, Tiling]) -> int:
    """Pairs of slices of which one is of `p` and hears the other: with fewer, as many messages go between cores that may lie closer."""
    synapses = [s for s in program.network.synapses if p.name in (s.source, s.target) and s.source in tilings]
    return sum(len(s.wiring.between(tilings[s.source], tilings[s.target])[0]) for s in synapses)


def _fans(
    program: Scheduled,
    p: Population,
    tilings: dict[str, Tiling],
    forms: dict[str, Form],
    projections: dict[str, Projection],
    profile: HardwareProfile,
) -> list[Fan]:
    """Projections that leave `p` for another population that is cut already."""
    out = []
    for s in program.network.synapses:
        if s.source == p.name and s.target != p.name and s.target in tilings:
            tiling, q = tilings[s.target], projections[s.name]
            pieces = {name: np.array([n]) for name, n in zip(grids.names(tiling.grid), tiling.shape)}
            out.append(Fan(s.wiring, tiling.grid, int(slices_heard(q, pieces)[0]) * forms[s.name].slots(profile)))
    return out


def _measured(
    stacked: Stacked,
    profile: HardwareProfile,
    tilings: dict[str, Tiling],
    forms: dict[str, Form],
    projections: dict[str, Projection],
    settings: dict[str, Settings],
) -> Partition:
    """Uses of every slice, and the edges."""
    network, starts = stacked.program.network, _offsets(tilings)
    synapse_bytes, axons, slots = (np.zeros(sum(map(len, tilings.values())), np.int64) for _ in range(3))
    edges = []
    for number, s in enumerate(network.synapses):
        hearers = tilings[s.target]
        rows = slice(starts[s.target], starts[s.target] + len(hearers))
        (cost,) = stored(projections[s.name], hearers, [forms[s.name]], profile)
        synapse_bytes[rows] += cost.bits // 8
        axons[rows] += cost.axons
        edges.append(_edges(network.by_name[s.source], projections[s.name], number, tilings, starts))
        ours = edges[-1].source != HOST
        np.add.at(slots, edges[-1].source[ours], edges[-1].neurons[ours] * forms[s.name].slots(profile))
    held = [held for name, tiling in tilings.items() for held in settings[name].held(tiling)]
    neurons = np.concatenate([t.sizes for t in tilings.values()])
    uses = {
        resources.NEURONS: neurons,
        resources.MEMORY: neurons * _state_bytes(network.by_name, tilings, profile) + synapse_bytes,
        resources.SYNAPSES: synapse_bytes,
        resources.INPUT_AXONS: axons,
        resources.OUTPUT_AXONS: slots,
        resources.CONFIGURATIONS: np.array([len(some) for some in held], np.int64),
    }
    return Partition(stacked, profile, tilings, dict(forms), uses, held, _joined(edges))


def _state_bytes(by_name: dict[str, Population], tilings: dict[str, Tiling], profile: HardwareProfile) -> Index:
    """(slices,) of one neuron of each."""
    neurons = [by_name[name].neuron for name in tilings]
    each = [profile.state_bytes + profile.bias_bytes * (neuron is not None and neuron.bias is not None) for neuron in neurons]
    return np.repeat(np.array(each, np.int64), [len(t) for t in tilings.values()])


def _edges(source: Population, p: Projection, number: int, tilings: dict[str, Tiling], starts: dict[str, int]) -> Edges:
    """Edges of one projection, the host as one slice."""
    senders = tilings.get(source.name) or even(source.grid, [1] * len(grids.names(source.grid)))
    to, of, shared = p.synapse.wiring.between(senders, tilings[p.synapse.target])
    at = np.full_like(of, HOST) if source.neuron is None else of + starts[source.name]
    return Edges(at, to + starts[p.synapse.target], shared, np.full_like(to, number))


def _offsets(tilings: dict[str, Tiling]) -> dict[str, int]:
    ends = np.cumsum([len(t) for t in tilings.values()])
    return {name: int(end) - len(t) for (name, t), end in zip(tilings.items(), ends)}


def _joined(edges: list[Edges]) -> Edges:
    none = np.zeros(0, np.int64)  # of a network whose populations hear nothing
    return Edges(*(np.concatenate([none, *(getattr(e, name) for e in edges)]) for name in ("source", "target", "neurons", "synapse")))
