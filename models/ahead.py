"""Batches made while the device computes: the next step's by a thread, on a CPU none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

Make = Callable[[str, int], Any]  # of a phase and a step; the same for the same


class Ahead:
    """What `make` gives. threads: whether the step that follows the one that is asked for is made meanwhile."""

    def __init__(self, make: Make, threads: bool = False) -> None:
        self.make, self.pool = make, ThreadPoolExecutor(1) if threads else None
        self.coming: tuple[tuple[str, int], Future[Any]] | None = None

    def at(self, name: str, step: int) -> Any:
        """Of one step; raises what `make` raises."""
        if self.pool is None:
            return self.make(name, step)
        key, future = self.coming or ((name, step), self.pool.submit(self.make, name, step))
        if key != (name, step):
            future = self.pool.submit(self.make, name, step)
        self.coming = (name, step + 1), self.pool.submit(self.make, name, step + 1)
        return future.result()
