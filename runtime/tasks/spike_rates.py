"""How often a program's neurons spike on real text, as papers report it: at positions that hold a token, padding left out.

A rate is the share of (neuron, step) cells that spike; a score is counted where both of its positions hold a token, causal or not. The
mean is over populations, each counted once whatever its size; coincidence neurons and relays, which no spiking model has off the chip,
are not in it. Which populations those are is proved (`fast/facts.py`). `models/fold.py` counts the same in torch. Of what flows through, neurons
whose state lasts fire on behind a text's end, in its slot, and in steps without input: their cells are all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.executors.fast import facts
from tritspike.runtime.host.program import Program
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Reads, Stream
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.network.sequences import TIMED

_SAID = {PADDING, *TIMED}  # what ports play that says something of the input and is none


@dataclass(frozen=True)
class Count:
    """Spikes in so many (neuron, step) cells."""

    spikes: int
    cells: int

    @property
    def rate(self) -> float:
        """Share of cells that spike."""
        return self.spikes / max(self.cells, 1)

    def __add__(self, other: Count) -> Count:
        return Count(self.spikes + other.spikes, self.cells + other.cells)


Counts = dict[str, Count]


def spike_counts(program: Program, activity: Activity, lengths: NDArray[np.int64]) -> tuple[Counts, Counts]:
    """(of what the host plays and of populations with a rule of their own, of coincidence neurons and relays) by name, in the network's order.

    All relays of one population are counted together, as `NAME.relay`. What says where the padding is, or which step it is, and membranes that
    are read, are in neither. lengths: tokens of each text.
    """
    network = program.network
    own: Counts = {}
    apart: Counts = {}
    quiet = {port.population for port in network.ports if port.plays in _SAID} | {p.population for p in network.probes if p.reads is Reads.MEMBRANE}
    for p in network.populations:
        origin = repeated(network, p)
        if origin not in quiet:
            name = p.name if origin == p.name else f"{origin}.relay"
            counts = apart if origin != p.name or facts.coincides(network, p) else own
            counts[name] = counts.get(name, Count(0, 0)) + Count(activity.spikes[p.name], _cells(program, p, activity, lengths))
    return own, apart


def repeated(network: Network, p: Population) -> str:
    """The population that this one repeats, through others maybe; itself where it repeats none."""
    while (name := facts.repeats(network, p)) is not None:
        p = network.by_name[name]
    return p.name


def _cells(program: Program, p: Population, activity: Activity, lengths: NDArray[np.int64]) -> int:
    timing = program.scheduled.timing
    if isinstance(timing, Stream):
        lasts = p.neuron is not None and p.neuron.resets is not Resets.WINDOW
        return p.size * (activity.samples * timing.period if lasts else int(lengths.sum()) * timing.steps)
    every = _not_causal(p.grid)
    sizes = {n: grids.size(grids.at_length(every, n)) for n in set(lengths.tolist())}
    return sum(sizes[n] for n in lengths.tolist()) * program.steps


def _not_causal(grid: Grid) -> Grid:
    return tuple(replace(axis, causal=False) if isinstance(axis, Pairs) else axis for axis in grid)


def mean(counts: Mapping[str, Count]) -> float | None:
    """Mean rate over populations; None where there are none."""
    return sum(c.rate for c in counts.values()) / len(counts) if counts else None
