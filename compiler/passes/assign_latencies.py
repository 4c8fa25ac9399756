"""When populations see a window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler import schedule
from tritspike.compiler.passes.base import TIMED, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile


@dataclass(frozen=True)
class AssignLatencies(Pass):
    """Give every population the longest way to it from an input, in steps; of a stream late enough for what it hears of earlier tokens."""

    name: ClassVar[str] = "assign-latencies"
    ensures: ClassVar[tuple[str, ...]] = (TIMED,)

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """Raises `CompileError` for a loop without delay, and for delays where windows are of different texts."""
        schedule.require_schedulable(given.network, given.timing)
        return replace(given, latency=schedule.latencies(given.network, given.timing))
