"""Products of spike trains into coincidence neurons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.ir.graph import AnyEdge, Coincidence, Edge, Graph, Op, ProductEdge
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.wiring import Along


@dataclass(frozen=True)
class ExpandProducts(Pass):
    """Turn each product into a population of coincidence neurons, one for each pair of positions and channel, and a sum."""

    name: ClassVar[str] = "expand-products"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Put a coincidence op above every op that has a product."""
        ops: list[Op] = []
        for op in graph.ops:
            ops += [_coincidence(op, e) for e in op.inputs if isinstance(e, ProductEdge)]
            ops.append(replace(op, inputs=tuple(_sum(op, e) for e in op.inputs)))
        return graph.with_ops(ops)


def _name(op: Op) -> str:
    return f"{op.name}.and"


def _coincidence(op: Op, edge: ProductEdge) -> Coincidence:
    sides = tuple(Edge(source=name, wiring=Along(axes)) for name, axes in (edge.left, edge.right))
    return Coincidence(name=_name(op), axes=edge.axes, inputs=sides)


def _sum(op: Op, edge: AnyEdge) -> AnyEdge:
    if not isinstance(edge, ProductEdge):
        return edge
    return Edge(source=_name(op), wiring=edge.weight, exponent=edge.exponent)
