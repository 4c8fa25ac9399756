"""Where to cut one population: of all even cuts along its coordinates, those whose slices fit a core and need the fewest cores, then messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.settings import Settings
from tritspike.compiler.mapping.storage import Projection, Stored, bound
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.mapping import Form
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling, even
from tritspike.runtime.network.grid import Grid, Index
from tritspike.runtime.network.network import Population, Scheduled
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.wiring import Wiring
from tritspike.runtime.network.wiring.reach import Extents

_MOST_CANDIDATES = 500_000  # beyond this, every other length along the coordinate with the most is left out: a bound on memory
_MOST_ALIKE = 32  # cuts that are no worse than the best: a bound on time
_CROWDED = 0.25  # of a core's configurations: a slice that holds more leaves the rest of its core to few others
_TIE = 0.5  # found on the shipped widths at 14 to 715 tokens: at 0.2 14 tokens take 20 cores, from 0.5 on 16


@dataclass(frozen=True)
class Grain:
    """How fine to cut. `slack`: how many more cores than the fewest may be spent on fewer messages, as a share of them.

    `per_core`: as many slices of one population may share a core; more would fill cores better, but every slice hears its sources anew.
    """

    slack: float
    per_core: int


@dataclass(frozen=True, eq=False)
class Fan:
    """A projection that leaves a population: `slots` at each neuron that it leaves from, at most."""

    wiring: Wiring
    target: Grid
    slots: int

    def used(self, extents: Extents) -> Index:
        """(slices,) slots of slices of these extents."""
        most = self.wiring.most_senders(self.target, extents)
        return self.slots * np.prod(list(most.values()), axis=0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Choice:
    """A population's cuts and the format of each projection into it, by synapse name."""

    tiling: Tiling
    forms: dict[str, Form]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Ways to cut a grid evenly, each (candidates,) by coordinate: pieces, and extents of the largest slice."""

    grid: Grid
    pieces: Extents
    extents: Extents

    @property
    def slices(self) -> Index:
        """(candidates,)."""
        return _product(self.pieces)

    @property
    def sizes(self) -> Index:
        """(candidates,) neurons of a slice, at most."""
        return _product(self.extents)

    def tiling(self, number: int) -> Tiling:
        """One of them."""
        return even(self.grid, [int(n[number]) for n in self.pieces.values()])


def candidates(grid: Grid) -> Candidates:
    """Every length that an even cut has, along each coordinate."""
    sizes = grids.extents(grid)
    options = {name: np.unique(-(-n // np.arange(1, n + 1))) for name, n in sizes.items()}
    while np.prod([len(o) for o in options.values()]) > _MOST_CANDIDATES:
        longest = max(options, key=lambda name: len(options[name]))
        options[longest] = np.append(options[longest][:-1:2], options[longest][-1])
    lengths = [g.ravel() for g in np.meshgrid(*options.values(), indexing="ij")]
    return Candidates(grid, {name: -(-size // n) for (name, size), n in zip(sizes.items(), lengths)}, dict(zip(sizes, lengths)))


def choose(
    program: Scheduled,
    population: Population,
    inputs: Sequence[Projection],
    fans: Sequence[Fan],
    settings: Settings,
    profile: HardwareProfile,
    grain: Grain,
) -> list[Choice]:
    """The best cuts, all that are alike in what is known here.

    Raises `DoesNotFit` where even a single neuron is too much for a core.
    """
    tried = candidates(population.grid)
    spare = _spare(population, len(inputs), tried, profile)
    found = [_cheapest(program, p, tried, spare, profile) for p in inputs]
    uses = _uses(population, inputs, found, fans, settings, profile, tried)
    share = resources.shares(uses, profile).max(1)
    if not (share <= 1).any():
        refuse(population, profile, uses, int(np.argmin(share)))
    share = _uncrowded(tried.slices, share, uses, profile)
    burden = sum((f.burden for f in found), np.zeros(len(share)))
    best = _best(tried.slices, share, burden, sum((f.reached for f in found), np.zeros_like(tried.slices)), grain)
    return [Choice(tried.tiling(n), {p.synapse.name: p.forms[f.form[n]] for p, f in zip(inputs, found)}) for n in best]


def slices_heard(p: Projection, pieces: Extents) -> Index:
    """(candidates,) slices that one source neuron reaches, at most."""
    found = _product({name: pieces[name] for name in p.reached} or {"": np.ones(1, np.int64)})
    if p.ties.alike or not p.source:
        return found
    most = int(numbers(p.synapse.wiring.fan_out(p.source, p.target)).max(initial=0))
    return np.minimum(found, most)


def refuse(population: Population, profile: HardwareProfile, uses: resources.Uses, number: int) -> None:
    """The resource that even this slice has too little of."""
    of = resources.used(uses, number, profile)
    what = resources.scarcest(of)
    message = f"{profile.name}: {population.name}: its smallest slice needs {of[what].used} {what}, a core has {of[what].limit}"
    raise DoesNotFit(message, resources.WAY_OUT[what])


@dataclass(frozen=True, eq=False)
class _Cheapest:
    """Each candidate's best format, by its number, and its costs, all (candidates,)."""

    form: Index
    bits: Index
    axons: Index
    slots: Index
    reached: Index
    burden: NDArray[np.float64]


def _cheapest(program: Scheduled, p: Projection, tried: Candidates, spare: NDArray[np.float64], profile: HardwareProfile) -> _Cheapest:
    """The format that takes the fewest cores' worth: of memory or input axons in the slices, and of output slots at the source."""
    costs = bound(p, tried.pieces, tried.extents, p.forms, profile)
    reached = _product(p.synapse.wiring.most_sources(p.source, tried.extents))
    here = [_worth(c, profile) for c in costs]
    there = [_burden(program, p, form.slots(profile), tried.slices, reached, profile) for form in p.forms]
    form = np.argmin([np.where(a <= 1, _beyond(a, spare) * tried.slices + b, np.inf) for a, b in zip(here, there)], 0)
    of = np.arange(len(form))
    bits, axons, burden = (np.stack(parts)[form, of] for parts in ([c.bits for c in costs], [c.axons for c in costs], there))
    return _Cheapest(form, bits, axons, np.array([f.slots(profile) for f in p.forms])[form], reached, burden)


def _beyond(share: NDArray[np.float64], spare: NDArray[np.float64]) -> NDArray[np.float64]:
    """What of a share makes a core's slices smaller than its neurons do; half of the rest, so that of two that do not the smaller is taken."""
    return np.maximum(share - spare, 0) + _TIE * share


def _spare(population: Population, inputs: int, tried: Candidates, profile: HardwareProfile) -> NDArray[np.float64]:
    """(candidates,) share of a core's memory that its neurons leave to each input before they are what fills it."""
    state = profile.state_bytes + profile.bias_bytes * (population.neuron is not None and population.neuron.bias is not None)
    return np.maximum(tried.sizes / profile.neurons_per_core - tried.sizes * state / profile.core_memory_bytes, 0) / max(inputs, 1)


def _worth(c: Stored, profile: HardwareProfile) -> NDArray[np.float64]:
    return np.maximum(c.bits / 8 / profile.synapse_memory_bytes, c.axons / profile.input_axons_per_core)


def _burden(program: Scheduled, p: Projection, slots: int, slices: Index, reached: Index, profile: HardwareProfile) -> NDArray[np.float64]:
    """Cores' worth of output slots that the source needs beyond its even share, since it must reach every slice that hears it."""
    source = program.network.by_name[p.synapse.source]
    if source.neuron is None or source.name == p.synapse.target:
        return np.zeros(len(slices))
    leaving = sum(s.source == source.name for s in program.network.synapses)
    fan = slots * np.maximum(slices * reached / source.size, 1)
    even_share = profile.output_axons_per_core / profile.neurons_per_core / leaving
    return np.asarray(np.maximum(fan - even_share, 0) * source.size / profile.output_axons_per_core)


def _uses(
    population: Population,
    inputs: Sequence[Projection],
    found: Sequence[_Cheapest],
    fans: Sequence[Fan],
    settings: Settings,
    profile: HardwareProfile,
    tried: Candidates,
) -> resources.Uses:
    """(candidates,) at most."""
    assert population.neuron is not None, "a host plays it"
    size, none = tried.sizes, np.zeros_like(tried.sizes)
    state = size * (profile.state_bytes + profile.bias_bytes * (population.neuron.bias is not None))
    stored_bytes = sum((f.bits for f in found), none) // 8
    slots = sum((fan.used(tried.extents) for fan in fans), none)
    own = [(p, f) for p, f in zip(inputs, found) if p.synapse.source == population.name]
    slots = slots + sum((f.slots * slices_heard(p, tried.pieces) * size for p, f in own), none)
    return {
        resources.NEURONS: size,
        resources.MEMORY: state + stored_bytes,
        resources.SYNAPSES: stored_bytes,
        resources.INPUT_AXONS: sum((f.axons for f in found), none),
        resources.OUTPUT_AXONS: slots,
        resources.CONFIGURATIONS: _configurations(settings, tried),
    }


def _configurations(settings: Settings, tried: Candidates) -> Index:
    """(candidates,) of the slice that has most."""
    if settings.numbers.size == 1:
        return np.ones_like(tried.sizes)
    cuts, which = np.unique(np.stack([tried.pieces[name] for name in settings.along], 1), axis=0, return_inverse=True)
    return np.array([settings.most(cut) for cut in cuts.tolist()], np.int64)[which.ravel()]


def _uncrowded(slices: Index, share: NDArray[np.float64], uses: resources.Uses, profile: HardwareProfile) -> NDArray[np.float64]:
    """The shares where a population, all of which would not fill a core, may be cut so that other slices find configurations beside it:
    infinite for cuts that take those, and of what else there is for the others."""
    added = resources.shares(uses, profile, resources.ADDED).max(1)
    roomy = (uses[resources.CONFIGURATIONS] <= _CROWDED * profile.configurations_per_core) & (share <= 1) & (added * slices <= 1)
    return np.where(roomy, added, np.inf) if roomy.any() else share


def _best(slices: Index, share: NDArray[np.float64], burden: NDArray[np.float64], reached: Index, grain: Grain) -> list[int]:
    """The fewest cores, here and at the sources; within the slack of that, the fewest messages; then the fewest slices."""
    together = np.clip(np.floor(1 / np.maximum(share, 1e-9)), 1, grain.per_core)
    cores = np.where(share <= 1, slices / together + burden, np.inf)
    near = np.flatnonzero(cores <= cores.min() * (1 + grain.slack) + 1e-9)
    keys = np.stack([share[near], slices[near], (slices * reached)[near]])
    first = keys[:, [np.lexsort(keys)[0]]]
    found: list[int] = near[(keys == first).all(0)].tolist()
    return found[:_MOST_ALIKE]


def _product(extents: Extents) -> Index:
    return np.prod(list(extents.values()), axis=0, dtype=np.int64)
