"""Where cores are: chips on a mesh, tiles on each chip, cores in each tile; and how far it is from one to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index


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

    def weighed(self, profile: HardwareProfile) -> np.ndarray:
        """One number: tile hops, and `chip_hop_weight` more for each link between chips."""
        return np.asarray(self.x + self.y + profile.chip_hop_weight * self.chips)


def hops(a: Places, b: Places) -> Hops:
    """Between cores, elementwise or broadcast: first along x, then along y."""
    return Hops(abs(a.x - b.x), abs(a.y - b.y), abs(a.chip_x - b.chip_x) + abs(a.chip_y - b.chip_y))


def along_curve(profile: HardwareProfile, wanted: int) -> Index:
    """`wanted` cores in an order in which neighbours are near: chip by chip, on each the tiles, both in snakes over their meshes."""
    chips = _snake(profile.chips_x, profile.chips_y)[: -(-wanted // profile.cores_per_chip)]
    tiles = _snake(profile.tiles_x, profile.tiles_y)
    cores = (tiles[:, None] * profile.cores_per_tile + np.arange(profile.cores_per_tile)).ravel()
    cores = cores[cores < profile.cores_per_chip]
    return (chips[:, None] * profile.cores_per_chip + cores).ravel()


def _snake(width: int, height: int) -> Index:
    grid = np.arange(width * height).reshape(height, width)
    grid[1::2] = grid[1::2, ::-1]
    return grid.ravel()
