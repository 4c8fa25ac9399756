"""The steps that are run at once, and what one population hears in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.network import Timing
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.state import begins
from tritspike.runtime.network.wiring import Wiring


@dataclass(frozen=True)
class Clock:
    """`windows` windows, and `before` steps before the first."""

    timing: Timing
    before: int
    windows: int

    @property
    def period(self) -> int:
        """Steps of a window."""
        return self.timing.period

    @property
    def steps(self) -> int:
        """All of them."""
        return self.before + self.windows * self.period

    @cached_property
    def _cleared(self) -> dict[Resets, NDArray[np.bool_]]:
        return {}

    def clears(self, resets: Resets) -> NDArray[np.bool_]:
        """(steps,) whether u and v are cleared before each."""
        if resets not in self._cleared:
            first = -(self.before // self.period)
            found = np.zeros(self.steps, np.bool_)
            found[self.before % self.period :: self.period] = [begins(self.timing, resets, w, 0) for w in range(first, self.windows)]
            self._cleared[resets] = found
        return self._cleared[resets]


@dataclass(frozen=True, eq=False)
class Heard:
    """One synapse. line: its source's spikes, as the engine keeps them; back: steps by which the source's time is behind the target's."""

    wiring: Wiring
    source: Grid
    target: Grid
    exponent: int
    line: Any
    back: int
