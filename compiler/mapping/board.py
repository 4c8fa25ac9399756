"""How far it is from one core to another, and in which order neighbours are near; `runtime/places.py` says where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index
from tritspike.runtime.places import Places


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
