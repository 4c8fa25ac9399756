"""What a pass is: a frozen record with a name, one sentence (its docstring's first line), what it requires and ensures, and `apply`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tritspike.compiler.errors import VerifyError
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.network import Network, Scheduled, Timing

WHOLE = "all numbers are whole"
FOLDED = "registers hold every number"
SILENT = "padded positions are silent"
TIMED = "every population has a latency"
STEPS = "every synapse takes one step"
PROVED = "no input leaves a register"
FITS = "the profile has room"


@dataclass(frozen=True, eq=False, kw_only=True)
class Lowering:
    """A network on its way. latency: steps by population, empty until they are assigned.

    holds: what passes so far ensured. notes: what they have to say, for --explain.
    """

    network: Network
    timing: Timing
    latency: dict[str, int] = field(default_factory=dict)
    holds: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def scheduled(self) -> Scheduled:
        """As executors take it. Raises `VerifyError` where a pass that it needs was left out."""
        if STEPS not in self.holds:
            raise VerifyError(f"not a program yet: it is not so that {STEPS}", "insert-relays, which requires assign-latencies")
        return Scheduled(network=self.network, timing=self.timing, latency=self.latency)


@dataclass(frozen=True)
class Pass:
    """Fields are its options; it keeps no state and prints nothing. on_profile: it looks at the board. optional: it runs where it is asked for."""

    name: ClassVar[str] = "pass"
    requires: ClassVar[tuple[str, ...]] = ()
    ensures: ClassVar[tuple[str, ...]] = ()
    on_profile: ClassVar[bool] = False
    optional: ClassVar[bool] = False

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """Rewritten, or the same where the pass only checks. profile: None for a network of no board."""
        raise NotImplementedError

    def sentence(self) -> str:
        """The first line of the pass's docstring."""
        return (type(self).__doc__ or "").strip().splitlines()[0]
