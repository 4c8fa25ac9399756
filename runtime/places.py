"""Where cores are: chips on a mesh, tiles on each chip, cores in each tile; how far it is between them, and what passes the links."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index

HOST_CORE = np.zeros(1, np.int64)  # where the host's spikes enter the board: assumed at the first core of the first chip


@dataclass(frozen=True, eq=False)
class Places:
    """Mesh coordinates of cores, each (cores,): tiles counted across the whole board, and chips."""

    x: Index
    y: Index
    chip_x: Index
    chip_y: Index

    def at(self, which: Index) -> Places:
        """Those of some cores."""
        return Places(self.x[which], self.y[which], self.chip_x[which], self.chip_y[which])


def places(profile: HardwareProfile, cores: Index) -> Places:
    """Core n is number n % cores_per_chip of chip n // cores_per_chip; both fill their meshes row by row."""
    chip, core = np.divmod(cores, profile.cores_per_chip)
    tile = core // profile.cores_per_tile
    chip_y, chip_x = np.divmod(chip, profile.chips_x)
    y, x = np.divmod(tile, profile.tiles_x)
    return Places(chip_x * profile.tiles_x + x, chip_y * profile.tiles_y + y, chip_x, chip_y)


@dataclass(frozen=True, eq=False)
class Hops:
    """What a message passes between two cores: tile hops east-west and north-south, and links between chips."""

    x: Index
    y: Index
    chips: Index

    def weighed(self, profile: HardwareProfile) -> NDArray[np.float64]:
        """One number: tile hops, and `chip_hop_weight` more for each link between chips."""
        return np.asarray(self.x + self.y + profile.chip_hop_weight * self.chips)


def hops(a: Places, b: Places) -> Hops:
    """Between cores, elementwise or broadcast: first along x, then along y."""
    return Hops(abs(a.x - b.x), abs(a.y - b.y), abs(a.chip_x - b.chip_x) + abs(a.chip_y - b.chip_y))


def link_loads(profile: HardwareProfile, start: Index, end: Index, load: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of `load` messages each from core to core, those on each link: ([y, x] to the tile on its right, [y, x] to the one below).

    A message goes along x, then along y.
    """
    a, b = places(profile, start), places(profile, end)
    shape = (profile.chips_y * profile.tiles_y, profile.chips_x * profile.tiles_x)
    horizontal = _spans(a.x, b.x, a.y, load, shape)
    vertical = _spans(a.y, b.y, b.x, load, shape[::-1]).T
    return horizontal, vertical


def _spans(start: Index, end: Index, line: Index, load: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Loads of the links along lines: each message loads those between `start` and `end`, by differences at both ends."""
    change = np.zeros(shape)
    np.add.at(change, (line, np.minimum(start, end)), load)
    np.add.at(change, (line, np.maximum(start, end)), -load)
    found = change.cumsum(1)
    return np.where(found > 1e-9 * max(load.max(initial=0), 1), found, 0.0)
