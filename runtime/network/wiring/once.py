"""Questions to a wiring that are answered once for each pair of grids: its arrays are not written to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from tritspike.runtime.network.grid import Grid

Answer = TypeVar("Answer")


def once(method: Callable[[Any, Grid, Grid], Answer]) -> Callable[[Any, Grid, Grid], Answer]:
    """Keep what a method says of (source, target) with the wiring, which may be frozen."""

    @wraps(method)
    def asked(wiring: Any, source: Grid, target: Grid) -> Answer:
        known: dict[tuple[Grid, Grid], Answer] = vars(wiring).setdefault(f"_{method.__name__}", {})
        if (source, target) not in known:
            known[source, target] = method(wiring, source, target)
        return known[source, target]

    return asked
