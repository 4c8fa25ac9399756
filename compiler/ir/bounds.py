"""Worst cases over every possible input."""

from __future__ import annotations

from tritspike.compiler.ir.graph import Edge, Graph, Op


def input_bounds(graph: Graph, op: Op) -> tuple[int, int]:
    """(largest, smallest) synaptic input that any spikes can cause in one neuron of `op`: sums of positive, of negative weights."""
    high = low = 0
    for edge in op.inputs:
        if isinstance(edge, Edge):
            most, least = edge.wiring.bounds(graph.op(edge.source).axes, op.axes, graph.dims)
            high, low = high + (most << edge.exponent), low + (least << edge.exponent)
    return high, low
