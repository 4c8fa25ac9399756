"""What a host plays, checked where it meets a network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.network import given
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.network import Inputs, Port, Scheduled, Stream
from tritspike.runtime.network.rows import CONTINUES, Rows
from tritspike.runtime.network.sequences import TIMED, Sequences, timed


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes by what a port plays: (windows, steps, ...) of truth values, its neurons in the order of its grid."""

    arrays: Mapping[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, arrays: Mapping[str, ArrayLike]) -> Spikes:
        """Raises `InputError` where one is no spikes, or they are not of equally many windows."""
        if not isinstance(arrays, Mapping):
            raise InputError(f"spikes are {type(arrays).__name__}", 'by port, as {"x": spikes}')
        found = {str(name): given.array(array, str(name)) for name, array in arrays.items()}
        for name, array in found.items():
            if array.ndim < 2 or not (array.dtype == np.bool_ or np.isin(array, (0, 1)).all()):
                raise InputError(f"{name}: {given.told(array)}", "(windows, steps, ...) of 0 and 1")
        if len({len(array) for array in found.values()}) != 1:
            raise InputError(f"{', '.join(f'{len(a)} windows of {n}' for n, a in found.items()) or 'no spikes'}", "as many of each port")
        if not len(next(iter(found.values()))):
            raise InputError("no windows to play", "(windows, steps, ...) with at least one window")
        return cls({name: array.astype(np.bool_).reshape(*array.shape[:2], math.prod(array.shape[2:])) for name, array in found.items()})

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def played(self, plays: str, grid: Grid) -> NDArray[np.bool_]:
        """(windows, steps, neurons)."""
        if plays not in self.arrays:
            raise InputError(f"no spikes for {plays!r}", f"they are given for {', '.join(self.arrays)}")
        return self.arrays[plays]


def played(program: Scheduled, inputs: Inputs, port: Port) -> NDArray[np.bool_]:
    """(windows, period, neurons) of a port, silent after the steps that have input. Raises `InputError` for another shape.

    What follows from a stream's timing and its sequences' lengths is made here; CONTINUES alone a host may give.
    """
    grid, windows, timing = program.network.by_name[port.population].grid, len(inputs), program.timing
    if isinstance(inputs, Rows | Sequences):
        inputs.require(program)
    if isinstance(timing, Stream) and port.plays in TIMED and not _gives(inputs, port.plays):
        found = timed(port.plays, timing, windows, inputs.real if isinstance(inputs, Sequences) else None)
        return np.repeat(found[..., None], grids.size(grid), 2)
    found = inputs.played(port.plays, grid)
    allowed = (windows, timing.steps, grids.size(grid))
    if found.shape != allowed or found.dtype != np.bool_:
        raise InputError(f"{port.name}: {found.dtype} of shape {found.shape}", f"bool of shape {allowed}")
    out = np.zeros((windows, timing.period, allowed[2]), np.bool_)
    out[:, : timing.steps] = found
    return out


def _gives(inputs: Inputs, plays: str) -> bool:
    """Raises `InputError` for what a host cannot know better."""
    given_too = isinstance(inputs, Spikes) and plays in inputs.arrays
    if given_too and plays != CONTINUES:
        raise InputError(f"spikes for {plays!r}, which follow from the timing", "leave them out")
    return given_too
