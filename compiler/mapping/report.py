"""All figures of one mapping as JSON values: what `--map` prints, and what is kept in the .map file for `inspect --map`."""

from __future__ import annotations

from typing import Any

import numpy as np

from compiler.mapping import place
from compiler.mapping.cost import energy, events, timing
from compiler.mapping.counts import neurobench
from compiler.mapping.fit import Mapped
from compiler.mapping.slicing import RESOURCES, limits
from compiler.mapping.workload import Workload
from runtime.operations import TEACHER, float_operations, operations, same_size

_RANDOM = 10  # random placements whose mean the optimiser is compared with


def report(mapped: Mapped, workload: Workload) -> dict[str, Any]:
    """Utilisation, traffic, energy, time and counts; see `runtime/map_report.py` for how they are read."""
    partition, profile = mapped.partition, mapped.partition.profile
    found = events(mapped, workload.rates)
    student = same_size(partition.program)
    return {
        "profile": profile.name,
        "length": partition.program.dims.positions,
        "slices": len(partition),
        "cores": [len(mapped.core), profile.cores],
        "chips": [len(np.unique(mapped.core // profile.cores_per_chip)), profile.chips],
        "resources": _resources(mapped),
        "workload": workload.source,
        "tokens": float(np.mean(workload.tokens)),
        "traffic": _traffic(mapped),
        "events": {name: float(value) for name, value in vars(found).items()},
        "energy pJ": energy(found, profile),
        "seconds": timing(mapped, workload.rates),
        "45 nm": {
            "this program": operations(found.synaptic, found.active_updates + found.idle_updates, found.leaky_updates),
            **{m.name: float_operations(m, workload.tokens) for m in (student, TEACHER)},
        },
        "host": {"front end, 8-bit multiplies": float(partition.program.host.front.projection.size * np.mean(workload.tokens))},
        "NeuroBench": neurobench(partition, found, workload.rates),
        "sample reset": "on the chip" if profile.sample_reset else "by host code, which is not part of this project",
    }


def _resources(mapped: Mapped) -> dict[str, dict[str, Any]]:
    """By resource: used on the board and allowed, and of the cores in use the least, median and most, and the limit of one."""
    used, profile = mapped.used(), mapped.partition.profile
    return {
        name: {
            "used": int(column.sum()),
            "allowed": int(limit * profile.cores),
            "core": [int(column.min()), float(np.median(column)), int(column.max()), int(limit)],
        }
        for name, column, limit in zip(RESOURCES, used.T, limits(profile))
    }


def _traffic(mapped: Mapped) -> dict[str, float]:
    """Messages a sentence; and messages times weighed hops as placed, in program order, and at random."""
    t = mapped.traffic
    return {
        "messages": t.messages,
        "optimised": t.weighed(mapped.core),
        "program order": t.weighed(place.in_order(t)),
        "random": float(np.mean([t.weighed(place.random(t, seed)) for seed in range(_RANDOM)])),
    }
