"""When each population sees a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.ir.graph import Edge, Graph, Op, self_edge
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile


@dataclass(frozen=True)
class AssignLatencies(Pass):
    """Give every op its longest path from the input in synapses, since each synapse takes one step."""

    name: ClassVar[str] = "assign-latencies"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Set `latency` on every op."""
        at: dict[str, int] = {}
        ops: list[Op] = []
        for op in graph.ops:
            heard = [at[e.source] + e.stage for e in op.inputs if isinstance(e, Edge) and not self_edge(op, e)]
            at[op.name] = 1 + max(heard) if heard else 0
            ops.append(replace(op, latency=at[op.name]))
        return graph.with_ops(ops)
