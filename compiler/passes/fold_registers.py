"""Checkpoint integers into the chip's registers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tritspike.compiler.errors import RangeViolation
from tritspike.compiler.ir.graph import AnyEdge, Edge, Graph, Lif, Op, ProductEdge
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.program import Bias
from tritspike.runtime.wiring import Along


@dataclass(frozen=True)
class FoldRegisters(Pass):
    """Write shared weights and biases as the chip's mantissas and exponents, exactly.

    A gain or skip becomes m << e with |m| <= 127; biases of a population share the smallest e that brings all under 4096. Whatever
    would need rounding is refused: exactness begins at the checkpoint.
    """

    name: ClassVar[str] = "fold-registers"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Fold every op."""
        folded = graph.map_edges(_fold_edge)
        return folded.with_ops([replace(op, bias=_fold_bias(op)) if isinstance(op, Lif) and op.bias else op for op in folded.ops])


def _fold_edge(op: Op, edge: AnyEdge) -> AnyEdge:
    if isinstance(edge, ProductEdge):
        mantissa, exponent = _split(op.name, "gain", edge.weight.mantissa << edge.exponent)
        return replace(edge, weight=replace(edge.weight, mantissa=mantissa), exponent=exponent)
    if isinstance(edge, Edge) and isinstance(edge.wiring, Along):
        mantissa, exponent = _split(op.name, f"weight from {edge.source}", edge.wiring.mantissa << edge.exponent)
        return replace(edge, wiring=replace(edge.wiring, mantissa=mantissa), exponent=exponent)
    return edge


def _split(where: str, what: str, value: int) -> tuple[int, int]:
    mantissa, exponent = arith.mantissa_exponent(value)
    if mantissa << exponent != value:
        raise RangeViolation(f"{where}: {what} {value} is not m << e with |m| <= {arith.WEIGHT_LIMIT}", f"{mantissa << exponent} is")
    return mantissa, exponent


def _fold_bias(op: Lif) -> Bias | None:
    """Biases of zero need no register."""
    assert op.bias is not None
    values = op.bias.values()
    most = int(np.abs(values).max(initial=0))
    if not most:
        return None
    if (exponent := arith.bias_exponent(values)) is not None:
        return Bias(values >> exponent, exponent)
    raise RangeViolation(
        f"{op.name}: biases up to {most} are not multiples of one power of two with mantissas up to {arith.BIAS_MANTISSA_LIMIT}",
        "round them to a coarser grid in the checkpoint",
    )
