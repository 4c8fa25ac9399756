"""Delay lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.ir.graph import AnyEdge, Edge, Graph, Op, Relay, self_edge
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.wiring import Along, Shift

_WEIGHT = 2  # against vth=1: the parameters of a coincidence neuron, so that one process or core profile serves both


@dataclass(frozen=True)
class InsertRelays(Pass):
    """Make every edge span one step: one shift register a source, as long as its longest wait, tapped where needed."""

    name: ClassVar[str] = "insert-relays"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Put each relay right below its source and lead long edges through it."""
        waits = _waits(graph)
        ops: list[Op] = []
        for op in graph.ops:
            ops.append(replace(op, inputs=tuple(_tap(graph, op, e) for e in op.inputs)))
            if waits.get(op.name):
                ops.append(_relay(op, waits[op.name]))
        return graph.with_ops(ops)


def _gap(graph: Graph, op: Op, edge: Edge) -> int:
    source = graph.op(edge.source)
    assert op.latency is not None and source.latency is not None
    return op.latency - source.latency - edge.stage - 1


def _waits(graph: Graph) -> dict[str, int]:
    waits: dict[str, int] = {}
    for op in graph.ops:
        for edge in op.inputs:
            if isinstance(edge, Edge) and not self_edge(op, edge):
                waits[edge.source] = max(waits.get(edge.source, 0), _gap(graph, op, edge))
    return waits


def _relay(op: Op, stages: int) -> Relay:
    name = f"{op.name}.relay"
    edges = [Edge(source=op.name, wiring=Along(op.axes, _WEIGHT))]
    if stages > 1:
        edges.append(Edge(source=name, wiring=Shift(stages, _WEIGHT)))
    assert op.latency is not None
    return Relay(name=name, axes=op.axes, inputs=tuple(edges), latency=op.latency + 1, stages=stages)


def _tap(graph: Graph, op: Op, edge: AnyEdge) -> AnyEdge:
    if not isinstance(edge, Edge) or self_edge(op, edge) or not _gap(graph, op, edge):
        return edge
    return replace(edge, source=f"{edge.source}.relay", stage=_gap(graph, op, edge) - 1)
