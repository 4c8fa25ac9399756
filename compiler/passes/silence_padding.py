"""Keep padded positions silent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.ir.graph import AnyEdge, Edge, Graph, Lif, Op, Source
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.wiring import Along, Matrix


@dataclass(frozen=True)
class SilencePadding(Pass):
    """Inhibit populations at padded positions from a mask that the host plays, where a bias or real positions before them could excite them.

    Padding follows a text. At a padded position every other input is silent, by induction from the host's silent x. What is left is bias, and
    matrices that hear earlier positions; inhibition of at least the most of both keeps v <= 0 at every step, whatever the leak.
    """

    name: ClassVar[str] = "silence-padding"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Add the mask and its synapses; nothing where no bias is positive or the mask is there already."""
        if any(op.name == "pad" for op in graph.ops) or not any(_inhibition(op, graph) for op in graph.ops):
            return graph
        ops: list[Op] = [Source(name="pad", axes="i")]
        return graph.with_ops(ops + [replace(op, inputs=(*op.inputs, *_edges(op, graph))) for op in graph.ops])


def _inhibition(op: Op, graph: Graph) -> int:
    """Synaptic units that outweigh the largest positive bias and all that earlier positions can add; 0 if there is neither."""
    if not isinstance(op, Lif):
        return 0
    bias = 0 if op.bias is None else -(-max(int(op.bias.values().max()), 0) // arith.ONE)
    earlier = [e for e in op.inputs if isinstance(e, Edge) and isinstance(e.wiring, Matrix) and e.wiring.offset < 0]
    return bias + sum(e.wiring.bounds(graph.op(e.source).axes, op.axes, graph.dims)[0] << e.exponent for e in earlier)


def _edges(op: Op, graph: Graph) -> tuple[AnyEdge, ...]:
    """As many synapses as it takes: one weight holds 127 << 7."""
    need, most = _inhibition(op, graph), arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT
    return tuple(_edge(min(need - at, most)) for at in range(0, need, most))


def _edge(need: int) -> Edge:
    exponent = next(e for e in range(arith.EXPONENT_LIMIT + 1) if need <= arith.WEIGHT_LIMIT << e)
    mantissa = -(need >> exponent) - bool(need & ((1 << exponent) - 1))  # rounded away from zero: never too little
    return Edge(source="pad", wiring=Along("i", mantissa), exponent=exponent)
