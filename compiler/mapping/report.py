"""All figures of one mapping as JSON values: what `--map` prints, and what is kept in the .map file for `inspect --map`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tritspike.compiler.mapping import place
from tritspike.compiler.mapping.cost import energy, events, static, timing
from tritspike.compiler.mapping.counts import neurobench
from tritspike.compiler.mapping.fit import Mapped
from tritspike.compiler.mapping.slicing import RESOURCES, limits
from tritspike.compiler.mapping.workload import Workload
from tritspike.runtime.operations import TEACHER, FloatModel, float_operations, operations, same_size
from tritspike.runtime.program import Program

_RANDOM = 10  # random placements whose mean the optimiser is compared with


def report(mapped: Mapped, workload: Workload) -> dict[str, Any]:
    """Utilisation, traffic, energy, time and counts; see `runtime/map_report.py` for how they are read."""
    partition, profile, program = mapped.partition, mapped.partition.profile, mapped.partition.program
    found, seconds = events(mapped, workload.rates), timing(mapped, workload.rates)
    return {
        "profile": profile.name,
        "length": program.dims.positions,
        "slices": len(partition),
        "cores": [len(mapped.core), profile.cores],
        "chips": [len(np.unique(mapped.core // profile.cores_per_chip)), profile.chips],
        "resources": _resources(mapped),
        "workload": workload.source,
        "tokens": float(np.mean(workload.tokens)),
        "traffic": _traffic(mapped),
        "events": {name: float(value) for name, value in vars(found).items()},
        "energy pJ": energy(found, profile),
        "static": static(seconds, profile),
        "seconds": seconds,
        "45 nm": {
            "this program": operations(found.synaptic, found.active_updates + found.idle_updates, found.leaky_updates),
            **{m.name: float_operations(m, workload.tokens) for m in _rivals(program)},
        },
        "host": {name: size * float(np.mean(workload.tokens)) for name, size in _on_host(program).items()},
        "NeuroBench": neurobench(partition, found, workload.rates),
        "sample reset": "on the chip" if profile.sample_reset else "by host code, which is not part of this project",
    }


def _rivals(program: Program) -> list[FloatModel]:
    """Float models of what is on the chip: a head that the host has is left out. The teacher is an encoder's."""
    student = same_size(program)
    chip = student if program.host.head is None else replace(student, vocabulary=0)
    return [chip] if program.each else [chip, TEACHER]


def _on_host(program: Program) -> dict[str, int]:
    """Multiplies of 8-bit numbers a token."""
    head = program.host.head
    return {"front end, 8-bit multiplies": program.host.front.projection.size} | ({} if head is None else {"head, 8-bit multiplies": head.size})


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
