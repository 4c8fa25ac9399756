"""Mapping from end to end: slices, cores, places; or a refusal that names what is short and which board would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping import place
from tritspike.compiler.mapping.packing import pack
from tritspike.compiler.mapping.partition import Partition, measured, partition
from tritspike.compiler.mapping.rates import Rates
from tritspike.compiler.mapping.slicing import RESOURCES, Grain, limits
from tritspike.compiler.mapping.traffic import Traffic, traffic
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.mapping import Mapping
from tritspike.runtime.program import Program
from tritspike.runtime.tiling import Index

# From few messages to few cores; the first that fits is taken. Found on the shipped program: 56 tokens on one Loihi 2 need the third.
GRAINS = (Grain(0.25, 2), Grain(0.1, 4), Grain(0.02, 4))
_HOPELESS = 1.1  # times the cores there are: then only the last grain is worth a try; from the first to the second gains at most 10 %


@dataclass(frozen=True, eq=False)
class Mapped:
    """A partition whose slices have groups, numbered in program order, and whose groups have cores of the board."""

    partition: Partition
    group: Index
    core: Index
    traffic: Traffic

    @property
    def slice_core(self) -> Index:
        """(slices,) core of each slice."""
        return self.core[self.group]

    def used(self) -> Index:
        """(groups, RESOURCES) what each core that is used holds."""
        return _per_group(self.partition, self.group)

    def mapping(self, report: dict | None = None) -> Mapping:
        """The same for the runtime."""
        p, at = self.partition, self.slice_core
        cores = {t.population.name: at[p.offsets[t.population.name] :][: len(t)] for t in p.tilings}
        return Mapping(p.program, p.profile.name, p.tilings, cores, p.forms, report or {})


def fit(program: Program, profile: HardwareProfile) -> tuple[Partition, Index]:
    """Slices, and the group of each. Raises `DoesNotFit`."""
    refused: list[tuple[Partition, Index]] = []
    projections = measured(program)
    for grain in GRAINS:
        if refused and grain != GRAINS[-1] and int(refused[0][1].max()) > _HOPELESS * profile.cores:
            continue
        found = partition(program, profile, grain, projections)
        group = _in_program_order(pack(found))
        if int(group.max()) < profile.cores:
            return found, group
        refused.append((found, group))
    raise DoesNotFit(*_shortage(*min(refused, key=lambda r: int(r[1].max())), program))


def map_program(program: Program, profile: HardwareProfile, rates: Rates) -> Mapped:
    """Put `program` on `profile`. `rates` weigh the traffic. Raises `DoesNotFit`."""
    found, group = fit(program, profile)
    messages = traffic(found, group, rates)
    return Mapped(found, group, place.optimised(messages), messages)


def _in_program_order(group: Index) -> Index:
    """The same groups, numbered by the middle of their slices."""
    sums, sizes = np.bincount(group, np.arange(len(group))), np.bincount(group)
    number = np.empty(len(sizes), np.int64)
    number[np.argsort(sums / sizes, kind="stable")] = np.arange(len(sizes))
    return number[group]


def _shortage(tried: Partition, group: Index, program: Program) -> tuple[str, str]:
    """Cores needed against available, what fills them, and the smallest known board that would do."""
    profile = tried.profile
    fullest = np.argmax(_per_group(tried, group) / limits(profile), 1)
    filled = np.bincount(fullest, minlength=len(RESOURCES))
    what = ", ".join(f"{RESOURCES[n]} on {filled[n]}" for n in np.argsort(-filled, kind="stable") if filled[n])
    larger = _board_that_does(program, profile)
    message = f"{profile.name}: {len(fullest)} cores needed, {profile.cores} available; what fills a core: {what}"
    return message, f"--profile {larger}" if larger else "a shorter --length, or a smaller model: no known board would do"


def _per_group(found: Partition, group: Index) -> Index:
    """(groups, RESOURCES) sums over slices."""
    out = np.zeros((int(group.max()) + 1, len(RESOURCES)), np.int64)
    np.add.at(out, group, found.uses)
    return out


def _board_that_does(program: Program, profile: HardwareProfile) -> str | None:
    """The smallest real board beyond `profile` that holds the program."""
    for board in boards():
        if board.neurons > profile.neurons and _fits(program, board):
            return board.name
    return None


def _fits(program: Program, board: HardwareProfile) -> bool:
    if program.neurons() > board.neurons:
        return False
    try:
        found = partition(program, board, GRAINS[0])
    except DoesNotFit:
        return False
    return int(pack(found).max()) < board.cores
