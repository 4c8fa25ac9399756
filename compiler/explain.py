"""Which limit bound each population's scale: how much further every weight, bias and threshold could grow together."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from tritspike.compiler.ir.bounds import input_bounds
from tritspike.compiler.ir.graph import Edge, Graph, Lif
from tritspike.runtime import arith
from tritspike.runtime.wiring import Matrix


def headroom(graph: Graph, op: Lif) -> dict[str, float]:
    """By limit: limit / value, so 1.0 is at the limit. The smallest is what bound the scale that the checkpoint chose."""
    room = {"threshold": arith.VTH_LIMIT / max(op.vth, 1), "accumulator": (arith.A_LIMIT - 1) / max(*map(abs, input_bounds(graph, op)), 1)}
    if op.bias is not None:
        room["bias"] = (arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT) / max(int(np.abs(op.bias.values()).max()), 1)
    for edge in op.inputs:
        if isinstance(edge, Edge) and isinstance(edge.wiring, Matrix):
            room["row gain"] = arith.WEIGHT_LIMIT / max(int(np.abs(edge.wiring.gain).max()), 1)
        elif isinstance(edge, Edge):
            weight = abs(getattr(edge.wiring, "mantissa", 1)) << edge.exponent
            room[f"weight from {edge.source}"] = (arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT) / max(weight, 1)
    return room


def table(graph: Graph) -> Table:
    """One row a LIF population: scale (its threshold), worst-case input, and the limit nearest to binding."""
    out = Table(title="what bound each population's scale (1.00 = at the limit)")
    for column in ("population", "vth", "input from", "to", "bound by", "room", "next"):
        out.add_column(column, justify="left" if column in ("population", "bound by", "next") else "right")
    for op in graph.ops:
        if isinstance(op, Lif):
            (first, room), (second, more), *_ = sorted(headroom(graph, op).items(), key=lambda item: item[1])
            high, low = input_bounds(graph, op)
            out.add_row(op.name, str(op.vth), str(low), str(high), first, f"{room:.2f}", f"{second} {more:.2f}")
    return out
