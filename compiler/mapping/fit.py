"""Mapping from end to end: slices, cores, places; or a refusal that names what is short and which board would do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tritspike.compiler.errors import CompileError, DoesNotFit
from tritspike.compiler.mapping import place, resources
from tritspike.compiler.mapping.packing import packed
from tritspike.compiler.mapping.partition import HOST, Partition, partition
from tritspike.compiler.mapping.slicing import Grain
from tritspike.compiler.mapping.stacking import Stacked, stacked
from tritspike.compiler.mapping.storage import Projection, projections
from tritspike.compiler.mapping.traffic import Traffic, traffic
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.map_report import Report
from tritspike.runtime.mapping import Mapping, Stack
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.rates import Rates

# From few messages to few cores; the first that fits is taken. Found on the shipped program: 56 tokens on one Loihi 2 need the third.
GRAINS = (Grain(0.25, 2), Grain(0.1, 4), Grain(0.02, 4))
_HOPELESS = 1.1  # times the cores there are: then only the last grain is worth a try


@dataclass(frozen=True, eq=False)
class Packed:
    """A partition whose slices have groups, numbered in order of latency. A group is a core's slices."""

    partition: Partition
    group: Index

    @property
    def cores(self) -> int:
        """Groups."""
        return int(self.group.max()) + 1

    @property
    def fits(self) -> bool:
        """Whether the board has as many cores."""
        return self.cores <= self.partition.profile.cores

    @cached_property
    def uses(self) -> resources.Uses:
        """(groups,) of each resource."""
        sums = {name: np.bincount(self.group, self.partition.uses[name]).astype(np.int64) for name in resources.ADDED}
        held: list[set[int]] = [set() for _ in range(self.cores)]
        for group, some in zip(self.group.tolist(), self.partition.held):
            held[group] |= some
        return sums | {resources.CONFIGURATIONS: np.array([len(some) for some in held], np.int64)}


@dataclass(frozen=True, eq=False)
class Mapped(Packed):
    """Groups with cores of the board. core: (groups,)."""

    core: Index
    traffic: Traffic

    @property
    def slice_core(self) -> Index:
        """(slices,) core of each slice."""
        return self.core[self.group]

    def mapping(self, report: Report | None = None) -> Mapping:
        """The same for the runtime."""
        p, at = self.partition, self.slice_core
        stacks = tuple(Stack(p.stacked.members[name], tiling, at[p.offsets[name] :][: len(tiling)]) for name, tiling in p.tilings.items())
        forms = {name: p.forms[stack] for stack, some in p.stacked.synapses.items() for name in some}
        return Mapping(p.stacked.original, p.profile.name, stacks, forms, report)

    def used(self) -> dict[int, dict[str, resources.Used]]:
        """By core that is used, each resource's use and limit."""
        return {int(core): resources.used(self.uses, n, self.partition.profile) for n, core in enumerate(self.core)}


@dataclass(frozen=True, eq=False)
class Measured:
    """A network's stacks and projections, measured once for all boards."""

    stacks: Stacked
    projections: dict[str, Projection]

    @classmethod
    def of(cls, program: Scheduled) -> Measured:
        """Raises `CompileError` where a host plays all there is."""
        if not program.network.neurons():
            raise CompileError("no population is on the chip: a host plays all there is", "net.lif(...)")
        stacks = stacked(program)
        return cls(stacks, projections(stacks.program.network))

    def packed(self, profile: HardwareProfile) -> Packed:
        """Cut by the first grain that fits the board; where none does, by the one that takes the fewest cores.

        Raises `DoesNotFit` where a neuron fits no core.
        """
        refused: list[Packed] = []
        for grain in GRAINS:
            if refused and grain != GRAINS[-1] and refused[0].cores > _HOPELESS * profile.cores:
                continue
            found = pack(partition(self.stacks, profile, grain, self.projections))
            if found.fits:
                return found
            refused.append(found)
        return min(refused, key=lambda r: r.cores)

    def holds(self, board: HardwareProfile) -> bool:
        """Whether a board does, cut by the first grain."""
        if self.stacks.program.network.neurons() > board.neurons:
            return False
        try:
            return pack(partition(self.stacks, board, GRAINS[0], self.projections)).fits
        except DoesNotFit:
            return False


def fit(program: Scheduled, profile: HardwareProfile) -> Packed:
    """Slices, and the group of each. Raises `DoesNotFit`, and `CompileError` where a host plays all there is."""
    measured = Measured.of(program)
    found = measured.packed(profile)
    if not found.fits:
        raise DoesNotFit(*shortage(found, measured))
    return found


def map_network(program: Scheduled, profile: HardwareProfile, rates: Rates) -> Mapped:
    """Put `program` on `profile`. `rates` weigh the traffic. Raises `DoesNotFit`."""
    return placed(fit(program, profile), rates)


def placed(found: Packed, rates: Rates) -> Mapped:
    """On cores of its profile's board, so that messages go few hops."""
    messages = traffic(found.partition, found.group, rates)
    return Mapped(found.partition, found.group, place.optimised(messages), messages)


def pack(found: Partition) -> Packed:
    """Onto as few cores as may be."""
    group = packed(resources.shares(found.uses, found.profile, resources.ADDED), found.held, found.profile.configurations_per_core)
    return Packed(found, _in_order(group, _ranks(found)))


def _ranks(found: Partition) -> Index:
    """(slices,) of each in order of latency; of one stack's those side by side that the same slices hear, whatever axis they lie along."""
    edges, own = found.edges, np.arange(len(found))
    inside = edges.source != HOST
    sums, hearers = (np.bincount(edges.source[inside], weights, len(found)) for weights in (edges.target[inside], None))
    heard = sums / np.maximum(hearers, 1)
    stacks = np.repeat(np.arange(len(found.tilings)), [len(tiling) for tiling in found.tilings.values()])
    ranks = np.empty(len(found), np.int64)
    ranks[np.lexsort((own, heard, stacks))] = own
    return ranks


def _in_order(group: Index, ranks: Index) -> Index:
    """The same groups, numbered by the middle of their slices."""
    sums, sizes = np.bincount(group, ranks), np.bincount(group)
    number = np.empty(len(sizes), np.int64)
    number[np.argsort(sums / sizes, kind="stable")] = np.arange(len(sizes))
    return number[group]


def shortage(tried: Packed, measured: Measured) -> tuple[str, str]:
    """Cores needed against available, what fills them, and the smallest known board beyond that would do."""
    profile = tried.partition.profile
    filled = Counter(resources.scarcest(resources.used(tried.uses, n, profile)) for n in range(tried.cores))
    what = ", ".join(f"{name} on {number}" for name, number in filled.most_common())
    larger = next((board.name for board in boards() if board.neurons > profile.neurons and measured.holds(board)), None)
    message = f"{profile.name}: {tried.cores} cores needed, {profile.cores} available; what fills a core: {what}"
    smaller = "a shorter --length, or a smaller model" if _grows(measured.stacks.original) else "a smaller network"
    return message, f"--profile {larger}" if larger else f"{smaller}: no known board would do"


def _grows(program: Scheduled) -> bool:
    return any(grids.grows(p.grid) for p in program.network.populations)
