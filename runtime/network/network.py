"""Populations, synapses, and the ports and probes by which a host plays and reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.neuron import Neuron
from tritspike.runtime.network.wiring import Wiring


@dataclass(frozen=True, eq=False, kw_only=True)
class Population:
    """Neurons of one rule over a grid. neuron: None for what a host plays through a port."""

    name: str
    grid: Grid
    neuron: Neuron | None = None

    @property
    def size(self) -> int:
        """Neurons."""
        return grids.size(self.grid)


@dataclass(frozen=True, eq=False, kw_only=True)
class Synapse:
    """a[t] += (W s[t-1]) << exponent, from `source` into `target`. delay: whole windows (or tokens) that it waits beyond; a loop needs one."""

    name: str
    source: str
    target: str
    wiring: Wiring
    exponent: int = 0
    delay: int = 0


@dataclass(frozen=True, kw_only=True)
class Port:
    """A population that the host plays. plays: which of the host's inputs."""

    name: str
    population: str
    plays: str


class Reads(Enum):
    """What a probe takes of each window: membranes after its last step, or how often each neuron spiked."""

    MEMBRANE = "membrane"
    COUNT = "count"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A population that the host reads, whose neurons must not fire where it is their membrane that is read."""

    name: str
    population: str
    reads: Reads


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """In any order; `runtime/network/order.py` finds one to run them in."""

    populations: tuple[Population, ...]
    synapses: tuple[Synapse, ...]
    ports: tuple[Port, ...]
    probes: tuple[Probe, ...]

    @cached_property
    def by_name(self) -> dict[str, Population]:
        """Populations by name."""
        return {p.name: p for p in self.populations}

    @cached_property
    def _inputs(self) -> dict[str, tuple[Synapse, ...]]:
        found: dict[str, list[Synapse]] = {p.name: [] for p in self.populations}
        for s in self.synapses:
            found[s.target].append(s)
        return {name: tuple(some) for name, some in found.items()}

    def inputs(self, target: str) -> tuple[Synapse, ...]:
        """Synapses into a population."""
        return self._inputs[target]

    def heard_for(self, probe: Probe) -> Population:
        """Whose spikes make what a probe reads: those that it counts, or that the membranes hear, of several populations the first."""
        name = probe.population if probe.reads is Reads.COUNT else self.inputs(probe.population)[0].source
        return self.by_name[name]

    def neurons(self) -> int:
        """On the chip; what a host plays does not count."""
        return sum(p.size for p in self.populations if p.neuron is not None)

    def grids(self, synapse: Synapse) -> tuple[Grid, Grid]:
        """Of its source and its target."""
        return self.by_name[synapse.source].grid, self.by_name[synapse.target].grid

    def input_bounds(self, target: str) -> tuple[int, int]:
        """(largest, smallest) synaptic input that any spikes can cause in one neuron."""
        found = [(s, s.wiring.bounds(*self.grids(s))) for s in self.inputs(target)]
        return sum(high << s.exponent for s, (high, _) in found), sum(low << s.exponent for s, (_, low) in found)

    def at_length(self, length: int) -> Network:
        """For texts of `length` tokens: growing axes are cut, wirings stay."""
        return replace(self, populations=tuple(replace(p, grid=grids.at_length(p.grid, length)) for p in self.populations))


@dataclass(frozen=True)
class Windows:
    """A sample every `steps` steps; its window in a population of latency l begins at step n * steps + 1 + l."""

    steps: int

    def __post_init__(self) -> None:
        _count_plainly(self)

    @property
    def period(self) -> int:
        """Steps from a window's begin to the next."""
        return self.steps


@dataclass(frozen=True)
class Stream:
    """A token every `period` steps, with input in the first `steps` of them; state lives on. slot: tokens of a sequence, 0 for one without end."""

    steps: int
    period: int
    slot: int = 0

    def __post_init__(self) -> None:
        _count_plainly(self)


def _count_plainly(timing: Windows | Stream) -> None:
    """numpy's whole numbers become Python's, as files hold them."""
    for name, number in vars(timing).items():
        if isinstance(number, np.integer):
            object.__setattr__(timing, name, int(number))


Timing = Windows | Stream


class Inputs(Protocol):
    """What a host plays: `len` windows."""

    def __len__(self) -> int: ...

    def played(self, plays: str, grid: Grid) -> NDArray[np.bool_]:
        """(windows, steps, neurons)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scheduled:
    """A network of which every synapse takes one step, and when each population sees a window. latency: steps, by population; 0 for ports."""

    network: Network
    timing: Timing
    latency: dict[str, int]

    @property
    def depth(self) -> int:
        """Steps from a window's first input to where the last population sees it."""
        return max(self.latency.values())

    def __repr__(self) -> str:
        return f"<Scheduled: {self.network.neurons():,} neurons in {len(self.network.populations)} populations, {self.timing}>"

    def __str__(self) -> str:
        lines = [f"{p.name}: {p.size:,} neurons, latency {self.latency[p.name]}" for p in self.network.populations]
        return "\n".join([repr(self), *lines])
