"""Spikes and synaptic events, counted from recorded spikes: each neuron's spikes times the synapses on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tritspike.runtime.network.network import Scheduled, Synapse
from tritspike.runtime.network.neuron import each
from tritspike.runtime.network.outcome import Activity, Bools, Ints


def counted(program: Scheduled, spikes: Mapping[str, Bools]) -> Activity:
    """Of windows in which every population was recorded, (windows, steps, neurons)."""
    totals = {name: found.sum((0, 1), dtype=np.int64) for name, found in spikes.items()}
    return Activity(
        samples=len(next(iter(spikes.values()))),
        spikes={name: int(total.sum()) for name, total in totals.items()},
        events={s.name: _events(program, s, totals[s.source]) for s in program.network.synapses},
    )


def _events(program: Scheduled, s: Synapse, total: Ints) -> int:
    source, target = program.network.grids(s)
    return int((total * each(s.wiring.fan_out(source, target), source)).sum())
