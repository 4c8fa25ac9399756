"""Whether the board has room."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import ClassVar

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.ir.bounds import input_bounds
from tritspike.compiler.ir.graph import Edge, Graph, Lif, Op, Readout, Relay, Source
from tritspike.compiler.passes.base import Pass
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.wiring import Dims, Matrix


@dataclass(frozen=True)
class CheckCapacity(Pass):
    """Refuse a program that needs more neurons, synapses or bits than the profile has in all."""

    name: ClassVar[str] = "check-capacity"

    def apply(self, graph: Graph, profile: HardwareProfile) -> Graph:
        """Return the graph unchanged or raise `DoesNotFit` naming resource, need and supply."""
        _enough(graph, profile)
        for op in graph.ops:
            _widths(graph, profile, op)
        return graph


def _enough(graph: Graph, profile: HardwareProfile) -> None:
    for what, needed, available in _needs(graph, profile, graph.dims.positions):
        if needed > available:
            raise DoesNotFit(f"{profile.name}: {needed} {what} needed, {available} available", _way_out(graph, profile))


def _needs(graph: Graph, profile: HardwareProfile, positions: int) -> list[tuple[str, int, int]]:
    """(resource, needed, available) at a length."""
    dims = graph.dims.at_length(positions)
    return [("neurons", _neurons(graph, dims), profile.neurons), ("synapses", _synapses(graph, dims), profile.synapses)]


def _way_out(graph: Graph, profile: HardwareProfile) -> str:
    """The largest length that fits (every need grows with length, so halving finds it), and the smallest known board with enough in all."""
    lengths = range(1, graph.dims.positions)
    fitting = bisect_left(lengths, True, key=lambda n: any(needed > available for _, needed, available in _needs(graph, profile, n)))
    larger = next((f"--profile {b.name}" for b in boards() if _suffices(graph, b)), "a larger profile")
    return f"--length {fitting} fits, or {larger}" if fitting else f"a smaller model or {larger}"


def _suffices(graph: Graph, board: HardwareProfile) -> bool:
    return all(needed <= available for _, needed, available in _needs(graph, board, graph.dims.positions))


def _neurons(graph: Graph, dims: Dims) -> int:
    return sum(dims.size(op.axes) * (op.stages if isinstance(op, Relay) else 1) for op in graph.ops if not isinstance(op, Source))


def _synapses(graph: Graph, dims: Dims) -> int:
    return sum(e.wiring.count(graph.op(e.source).axes, op.axes, dims) for op in graph.ops for e in op.inputs if isinstance(e, Edge))


def _widths(graph: Graph, profile: HardwareProfile, op: Op) -> None:
    for what, value, limit in _checks(graph, profile, op):
        if value > limit:
            raise DoesNotFit(f"{profile.name}: {op.name}: {what} is {value}, the chip holds up to {limit}")


def _checks(graph: Graph, profile: HardwareProfile, op: Op) -> list[tuple[str, int, int]]:
    """(what, value, limit) of every register that differs between populations."""
    vth_limit = (1 << profile.vth_bits) - 1
    if isinstance(op, Readout):
        weights = [(f"weight from {e.source}", _mantissa(e), (1 << (profile.weight_bits - 1)) - 1) for e in op.inputs if isinstance(e, Edge)]
        return [("vth that no input reaches", input_bounds(graph, op)[0] * graph.steps, vth_limit), *weights]
    if not isinstance(op, Lif):
        return []
    checks = [("vth", op.vth, vth_limit), ("keep", op.keep, 1 << profile.decay_bits)]
    if op.bias is not None:
        checks += [
            ("bias mantissa", int(abs(op.bias.mantissa).max()), (1 << profile.bias_mantissa_bits) - 1),
            ("bias exponent", op.bias.exponent, profile.bias_exponent_max),
        ]
    for edge in op.inputs:
        if isinstance(edge, Edge):
            checks += [
                (f"weight from {edge.source}", _mantissa(edge), (1 << (profile.weight_bits - 1)) - 1),
                (f"weight exponent from {edge.source}", edge.exponent, profile.weight_exponent_max),
            ]
    return checks


def _mantissa(edge: Edge) -> int:
    """The largest weight mantissa of a projection, without its sign."""
    return int(abs(edge.wiring.weights()).max()) if isinstance(edge.wiring, Matrix) else abs(getattr(edge.wiring, "mantissa", 1))
