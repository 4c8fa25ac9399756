"""What a pass is: a frozen record with a name, one sentence (its docstring's first line), and `apply`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tritspike.compiler.ir.graph import Graph
from tritspike.hw_profiles.profile import HardwareProfile


@dataclass(frozen=True)
class Pass:
    """Fields are its options; it keeps no state and prints nothing."""

    name: ClassVar[str] = "pass"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """The rewritten graph, or the same one where the pass only checks."""
        raise NotImplementedError

    def sentence(self) -> str:
        """The first line of the pass's docstring."""
        return (type(self).__doc__ or "").strip().splitlines()[0]
