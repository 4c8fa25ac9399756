"""All figures of one mapped network as JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.compiler.mapping import place
from tritspike.compiler.mapping.cost import energy
from tritspike.compiler.mapping.rates import Rates
from tritspike.compiler.networks.mapping import resources
from tritspike.compiler.networks.mapping.cost import events, timing
from tritspike.compiler.networks.mapping.fit import Mapped

_RANDOM = 10  # random placements whose mean the optimiser is compared with


def report(mapped: Mapped, rates: Rates) -> dict[str, Any]:
    """Utilisation, traffic, energy and time of a window."""
    profile, found = mapped.partition.profile, events(mapped, rates)
    return {
        "profile": profile.name,
        "slices": len(mapped.partition),
        "cores": [mapped.cores, profile.cores],
        "chips": [len(np.unique(mapped.core // profile.cores_per_chip)), profile.chips],
        "resources": {name: _resource(mapped.uses[name], limit, profile.cores) for name, limit in resources.limits(profile).items()},
        "traffic": _traffic(mapped),
        "events": {name: float(value) for name, value in vars(found).items()},
        "energy pJ": energy(found, profile),
        "seconds": timing(mapped, rates),
    }


def _resource(column: np.ndarray, limit: int, cores: int) -> dict[str, Any]:
    """Used on the board and allowed, and of the cores in use the least, median and most, and the limit of one."""
    core = [int(column.min()), float(np.median(column)), int(column.max()), limit]
    return {"used": int(column.sum()), "allowed": limit * cores, "core": core}


def _traffic(mapped: Mapped) -> dict[str, float]:
    """Messages a window; and messages times weighed hops as placed, in order of latency, and at random."""
    t = mapped.traffic
    return {
        "messages": t.messages,
        "optimised": t.weighed(mapped.core),
        "program order": t.weighed(place.in_order(t)),
        "random": float(np.mean([t.weighed(place.random(t, seed)) for seed in range(_RANDOM)])),
    }
