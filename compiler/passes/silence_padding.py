"""Keep padded positions silent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from compiler.ir.graph import AnyEdge, Edge, Graph, Lif, Op, Source
from compiler.passes.base import Pass
from hw_profiles.profile import HardwareProfile
from runtime import arith
from runtime.wiring import Along


@dataclass(frozen=True)
class SilencePadding(Pass):
    """Inhibit biased populations at padded positions from a mask that the host plays.

    At a padded position every other input is silent, by induction from the host's silent x. What is left is bias, and inhibition of at
    least the largest bias keeps v <= 0 at every step, whatever the leak; 0 never exceeds a threshold.
    """

    name: ClassVar[str] = "silence-padding"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Add the mask and its synapses; nothing where no bias is positive or the mask is there already."""
        if any(op.name == "pad" for op in graph.ops) or not any(_inhibition(op) for op in graph.ops):
            return graph
        ops: list[Op] = [Source(name="pad", axes="i")]
        return graph.with_ops(ops + [replace(op, inputs=(*op.inputs, *_edges(op))) for op in graph.ops])


def _inhibition(op: Op) -> int:
    """Synaptic units that outweigh the largest positive bias; 0 if there is none."""
    if not isinstance(op, Lif) or op.bias is None:
        return 0
    return -(-max(int(op.bias.values().max()), 0) // arith.ONE)


def _edges(op: Op) -> tuple[AnyEdge, ...]:
    need = _inhibition(op)
    if not need:
        return ()
    exponent = next(e for e in range(arith.EXPONENT_LIMIT + 1) if need <= arith.WEIGHT_LIMIT << e)
    mantissa = -(need >> exponent) - bool(need & ((1 << exponent) - 1))  # rounded away from zero: never too little
    return (Edge(source="pad", wiring=Along("i", mantissa), exponent=exponent),)
