"""What no input can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tritspike.compiler.errors import RangeViolation
from tritspike.compiler.ir.bounds import input_bounds
from tritspike.compiler.ir.graph import Edge, Graph, Lif, Op, Readout
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.wiring import Matrix


@dataclass(frozen=True)
class ProveRanges(Pass):
    """Prove for every possible input that no accumulator wraps and no readout fires, and that every register holds its number."""

    name: ClassVar[str] = "prove-ranges"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Return the graph unchanged or raise `RangeViolation` naming the population."""
        for op in graph.ops:
            _accumulator(graph, op)
            _registers(op)
            if isinstance(op, Readout):
                _readout(graph, op)
        return graph


def _accumulator(graph: Graph, op: Op) -> None:
    high, low = input_bounds(graph, op)
    worst = high if high >= -low else low
    if abs(worst) >= arith.A_LIMIT:
        raise RangeViolation(
            f"{op.name}: some input drives {worst} synaptic units into one neuron, allowed below {arith.A_LIMIT}",
            "lower its gains, or compile for a shorter --length",
        )


def _registers(op: Op) -> None:
    for edge in op.inputs:
        if isinstance(edge, Edge):
            _fits(op.name, f"weight mantissa from {edge.source}", _largest_mantissa(edge), arith.WEIGHT_LIMIT)
            _fits(op.name, f"weight exponent from {edge.source}", edge.exponent, arith.EXPONENT_LIMIT)
    if isinstance(op, Lif):
        _fits(op.name, "vth", op.vth, arith.VTH_LIMIT)
        _fits(op.name, "keep", op.keep, arith.KEEP_ALL)
        if op.bias is not None:
            _fits(op.name, "bias mantissa", int(np.abs(op.bias.mantissa).max()), arith.BIAS_MANTISSA_LIMIT)
            _fits(op.name, "bias exponent", op.bias.exponent, arith.BIAS_EXPONENT_LIMIT)


def _largest_mantissa(edge: Edge) -> int:
    if isinstance(edge.wiring, Matrix):
        return int(np.abs(edge.wiring.weights()).max())
    return abs(getattr(edge.wiring, "mantissa", 1))


def _fits(where: str, what: str, value: int, limit: int) -> None:
    if not 0 <= value <= limit:
        raise RangeViolation(f"{where}: {what} is {value}, its register holds 0..{limit}")


def _readout(graph: Graph, op: Op) -> None:
    """Over a window the membrane reaches at most steps * 64 * bound; it must neither exceed the threshold nor saturate below."""
    high, low = input_bounds(graph, op)
    for total, limit, what in ((high, arith.VTH_LIMIT, "fire"), (-low, arith.V_LIMIT // arith.ONE, "saturate")):
        if total * graph.steps > limit:
            way_out = "leave the head on the host" if "i" in op.axes else "compile for a shorter --length, or read the first position only"
            raise RangeViolation(
                f"{op.name}: some input makes the readout {what}: {total * graph.steps} synaptic units over {graph.steps} steps, allowed {limit}",
                way_out,
            )
