"""Where to cut one population: of all even cuts along its axes, those whose slices fit a core and need the fewest cores, then messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping.storage import FORMATS, Projection, Stored, stored
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.program import SOURCE, Population, Program
from tritspike.runtime.tiling import Boxes, Index, Tiling, even_cuts, extent, grid_axes
from tritspike.runtime.wiring import Shift

_MOST_CANDIDATES = 500_000  # beyond this, every other length along the axis with the most is left out: a bound on memory
RESOURCES = ("neurons", "bytes of memory", "bytes of synapses", "input axons", "output axons")
_WAY_OUT = {
    "neurons": "a profile with larger cores",
    "bytes of memory": "a narrower layer, or a profile with larger cores",
    "bytes of synapses": "a narrower layer, or a profile with larger cores",
    "input axons": "a shorter --length, or a profile with more axons",
    "output axons": "a shorter --length, or a profile with more axons",
}


def limits(profile: HardwareProfile) -> Index:
    """What a core has of each of `RESOURCES`."""
    p = profile
    return np.array([p.neurons_per_core, p.core_memory_bytes, p.synapse_memory_bytes, p.input_axons_per_core, p.output_axons_per_core])


@dataclass(frozen=True)
class Grain:
    """How fine to cut. `slack`: how many more cores than the fewest may be spent on fewer messages, as a share of them.

    `per_core`: as many slices of one population may share a core; more would fill cores better, but every slice hears its sources anew.
    """

    slack: float
    per_core: int


@dataclass(frozen=True)
class Fan:
    """Output slots that each source neuron of one stage (None: of every stage) takes at most for one projection."""

    stage: int | None
    slots: int


@dataclass(frozen=True, eq=False)
class Choice:
    """A population's cuts and the format of each projection into it, by synapse name."""

    tiling: Tiling
    forms: dict[str, str]


def choose(
    program: Program, population: Population, inputs: Sequence[Projection], fans: Sequence[Fan], profile: HardwareProfile, grain: Grain
) -> Choice:
    """The best cuts.

    Raises `DoesNotFit` where even a single neuron is too much for a core.
    """
    pieces, boxes = _candidates(program, population)
    slices = pieces.prod(1)
    found = [_cheapest(program, p, _variants(population, boxes), slices, profile) for p in inputs]
    uses, forms = _uses(population, inputs, found, fans, profile, boxes), [f.form for f in found]
    share = (uses / limits(profile)).max(1)
    if not (share <= 1).any():
        _refuse(population, profile, uses[np.argmin(share)])
    burden = sum((f.burden for f in found), np.zeros(len(slices)))
    best = _best(slices, share, burden, sum((f.reached for f in found), np.zeros_like(slices)), grain)
    cuts = tuple(even_cuts(extent(a, population, program.dims), int(n)) for a, n in zip(grid_axes(population.axes), pieces[best]))
    return Choice(Tiling(population, program.dims, cuts), {p.synapse.name: FORMATS[f[best]] for p, f in zip(inputs, forms)})


def _candidates(program: Program, population: Population) -> tuple[Index, Boxes]:
    """(candidates, axes) pieces along each axis, and the largest box of each candidate, at the origin."""
    sizes = [extent(a, population, program.dims) for a in grid_axes(population.axes)]
    options = [np.unique(-(-n // np.arange(1, n + 1))) for n in sizes]
    while np.prod([len(o) for o in options]) > _MOST_CANDIDATES:
        longest = int(np.argmax([len(o) for o in options]))
        options[longest] = np.append(options[longest][:-1:2], options[longest][-1])
    lengths = np.stack([g.ravel() for g in np.meshgrid(*options, indexing="ij")], 1)
    return -(-np.array(sizes) // lengths), np.stack([np.zeros_like(lengths), lengths], 2)


def _variants(population: Population, boxes: Boxes) -> tuple[Boxes, ...]:
    """A relay's first stage has other synapses than the later ones, so a slice of either is costed."""
    later = boxes.copy()
    later[:, 0] += 1
    return (boxes, later) if population.stages > 1 else (boxes,)


def _uses(
    population: Population, inputs: Sequence[Projection], found: Sequence[_Cheapest], fans: Sequence[Fan], profile: HardwareProfile, boxes: Boxes
) -> Index:
    """(candidates, RESOURCES) at most."""
    size = boxes[:, :, 1].prod(1)
    state = size * (profile.state_bytes + profile.bias_bytes * (population.bias is not None))
    stored_bytes, axons = (sum((part for part in parts), np.zeros_like(size)) for parts in ([f.bits for f in found], [f.axons for f in found]))
    stored_bytes //= 8
    slots = sum((f.slots * (size if f.stage is None else size // boxes[:, 0, 1]) for f in fans), np.zeros_like(size))
    slots = slots + sum((f.slots * size for f, p in zip(found, inputs) if isinstance(p.synapse.wiring, Shift)), np.zeros_like(size))
    return np.stack([size, state + stored_bytes, stored_bytes, axons, slots], 1)


@dataclass(frozen=True, eq=False)
class _Cheapest:
    """Each candidate's best format and its costs, all (candidates,)."""

    form: Index
    bits: Index
    axons: Index
    reached: Index
    slots: Index
    burden: NDArray[np.float64]


def _cheapest(program: Program, p: Projection, variants: Sequence[Boxes], slices: Index, profile: HardwareProfile) -> _Cheapest:
    """The format that takes the fewest cores' worth: of memory or input axons in the slices, and of output slots at the source."""
    square = replace(program, dims=replace(program.dims, causal=False))  # below the diagonal a slice is a full rectangle
    costs = [_most([stored(square, p, boxes, form, profile, exact=False) for boxes in variants]) for form in FORMATS]
    here = [np.maximum(c.bits / 8 / profile.synapse_memory_bytes, c.axons / profile.input_axons_per_core) for c in costs]
    there = [_burden(program, p, c, slices, profile) for c in costs]
    form = np.argmin([np.where(a <= 1, a * slices + b, np.inf) for a, b in zip(here, there)], 0)
    bits, axons, burden = (np.choose(form, parts) for parts in ([c.bits for c in costs], [c.axons for c in costs], there))
    return _Cheapest(form, bits, axons, costs[0].reached, np.array([c.slots for c in costs])[form], burden)


def _most(costs: Sequence[Stored]) -> Stored:
    bits, axons, reached = (np.max([getattr(c, name) for c in costs], axis=0) for name in ("bits", "axons", "reached"))
    return Stored(bits, axons, reached, costs[0].slots)


def _burden(program: Program, p: Projection, found: Stored, slices: Index, profile: HardwareProfile) -> NDArray[np.float64]:
    """Cores' worth of output slots that the source needs beyond its even share, since it must reach every slice that hears it."""
    source = program.by_name[p.synapse.source]
    if source.role == SOURCE or isinstance(p.synapse.wiring, Shift):
        return np.zeros(len(slices))
    size, leaving = program.dims.size(source.axes), sum(s.source == source.name for s in program.synapses)
    fan = found.slots * np.maximum(slices * found.reached / size, 1)
    even = profile.output_axons_per_core / profile.neurons_per_core / leaving
    return np.asarray(np.maximum(fan - even, 0) * size / profile.output_axons_per_core)


def _best(slices: Index, share: NDArray[np.float64], burden: NDArray[np.float64], reached: Index, grain: Grain) -> int:
    """The fewest cores, here and at the sources; within the slack of that, the fewest messages; then the fewest slices."""
    together = np.clip(np.floor(1 / np.maximum(share, 1e-9)), 1, grain.per_core)
    cores = np.where(share <= 1, slices / together + burden, np.inf)
    near = np.flatnonzero(cores <= cores.min() * (1 + grain.slack) + 1e-9)
    order = np.lexsort((share[near], slices[near], (slices * reached)[near]))
    return int(near[order[0]])


def _refuse(population: Population, profile: HardwareProfile, uses: Index) -> None:
    """The resource that even the smallest slice has too little of."""
    over = int(np.argmax(uses / limits(profile)))
    what = RESOURCES[over]
    raise DoesNotFit(
        f"{profile.name}: {population.name}: its smallest slice needs {uses[over]} {what}, a core has {limits(profile)[over]}", _WAY_OUT[what]
    )
