"""In which order cores are near; `runtime/places.py` says where they are."""

from __future__ import annotations

import numpy as np

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index


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
