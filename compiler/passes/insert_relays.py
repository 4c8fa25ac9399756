"""Shorter ways, and delays, made as long as they should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler import schedule
from tritspike.compiler.passes.base import STEPS, TIMED, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile


@dataclass(frozen=True)
class InsertRelays(Pass):
    """Lead every synapse that spans more than one step through relays, one a step, which all that hear the same share."""

    name: ClassVar[str] = "insert-relays"
    requires: ClassVar[tuple[str, ...]] = (TIMED,)
    ensures: ClassVar[tuple[str, ...]] = (STEPS,)

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """Raises `CompileError` for a delay that is shorter than the way that it closes."""
        network, latency = schedule.relayed(given.network, given.timing, given.latency)
        return replace(given, network=network, latency=latency)
