"""What is asked of an executor, and what it found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ask:
    """Beside what probes read. record: every population's spikes, or those of the populations named. count: spikes and synaptic events."""

    record: bool | Collection[str] = False
    count: bool = False

    def wants(self, name: str) -> bool:
        """Whether a population's spikes are recorded."""
        return self.record if isinstance(self.record, bool) else name in self.record


ANSWERS = Ask()  # what probes read, and nothing more


@dataclass(frozen=True)
class Activity:
    """What a chip would have had to do for some windows: spikes by population, synaptic events by synapse.

    An event is a spike at a synapse whose weight is not zero; relays, coincidence neurons and what a host plays count.
    """

    samples: int
    spikes: dict[str, int]
    events: dict[str, int]

    def __add__(self, other: Activity) -> Activity:
        """Both samples' activity."""
        return Activity(self.samples + other.samples, _sum(self.spikes, other.spikes), _sum(self.events, other.events))


def _sum(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {name: a.get(name, 0) + b.get(name, 0) for name in a | b}


@dataclass(frozen=True, eq=False)
class Outcome:
    """read: by probe, (windows, neurons); of inputs that are rows also (rows, neurons a row), as `Rows.each_row` tells apart.

    spikes: by population, (windows, steps, neurons), where they were asked for. activity: counts, where they were.
    """

    read: dict[str, Ints]
    spikes: dict[str, Bools] | None = None
    activity: Activity | None = None
