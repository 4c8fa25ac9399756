"""How often a program's neurons spike on real text, as papers report it: at positions that hold a token, padding left out.

A rate is the share of (neuron, step) cells that spike; a score is counted where both of its positions hold a token, causal or not. The
mean is over populations, each counted once whatever its size; coincidence neurons and relays, which no spiking model has off the chip,
are not in it. `models/fold.py` counts the same in torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.host.program import Program
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.program import COINCIDENCE, LIF, RELAY, Population

MASK = "i"  # a population over positions alone says where the padding is


@dataclass(frozen=True)
class Count:
    """Spikes in so many (neuron, step) cells."""

    spikes: int
    cells: int

    @property
    def rate(self) -> float:
        """Share of cells that spike."""
        return self.spikes / max(self.cells, 1)


Counts = dict[str, Count]


def spike_counts(program: Program, activity: Activity, lengths: NDArray[np.int64]) -> tuple[Counts, Counts]:
    """(of x and the LIF populations, of coincidence neurons and relays) by name, in program order; `lengths`: tokens of each text."""
    cells = {p.name: _cells(program, p, lengths) for p in program.populations if p.axes != MASK}
    found = {name: Count(activity.spikes[name], count) for name, count in cells.items()}
    roles = {p.name: p.role for p in program.populations}
    own = {name: count for name, count in found.items() if roles[name] == LIF or name == "x"}
    return own, {name: count for name, count in found.items() if roles[name] in (COINCIDENCE, RELAY)}


def _cells(program: Program, population: Population, lengths: NDArray[np.int64]) -> int:
    every = replace(program.dims, causal=False)
    sizes = {n: every.at_length(n).size(population.axes) for n in set(lengths.tolist())}
    return sum(sizes[n] for n in lengths.tolist()) * population.stages * program.steps


def mean(counts: Mapping[str, Count]) -> float | None:
    """Mean rate over populations; None where there are none."""
    return sum(c.rate for c in counts.values()) / len(counts) if counts else None
