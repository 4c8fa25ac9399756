"""A network as executors take it: sound, timed, proved."""

from __future__ import annotations

from tritspike.compiler.errors import CompileError, RangeViolation
from tritspike.compiler.networks.schedule import schedule
from tritspike.runtime.network.network import Network, Scheduled, Stream, Timing, Windows
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.soundness import require_sound


def lower(network: Network, timing: Timing) -> Scheduled:
    """Raises `CompileError` for what is not sound or cannot be timed, `RangeViolation` for what some input could push out of a register."""
    if not isinstance(timing, Windows | Stream) or not all(type(n) is int and n >= 0 for n in vars(timing).values()) or not timing.steps:
        raise CompileError(f"timing is {timing!r}", "Windows(steps) or Stream(steps, period), of whole numbers")
    found = schedule(network, timing)
    require_sound(found, CompileError)
    require_ranges(found, RangeViolation)
    return found
