"""What no input can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tritspike.compiler.errors import RangeViolation
from tritspike.compiler.passes.base import PROVED, STEPS, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.ranges import require_ranges

_WAY_OUT = "smaller weights; for texts also a shorter --length, an answer from the first position alone, or a language model's head on the host"


@dataclass(frozen=True)
class ProveRanges(Pass):
    """Prove for every possible input that no current wraps and no membrane that is read fires, and that every register holds its number."""

    name: ClassVar[str] = "prove-ranges"
    requires: ClassVar[tuple[str, ...]] = (STEPS,)  # behind silence-padding too: inhibition counts against the accumulator
    ensures: ClassVar[tuple[str, ...]] = (PROVED,)

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """The same, or `RangeViolation` with everything that was found."""
        require_ranges(given.scheduled(), RangeViolation, _WAY_OUT)
        return given
