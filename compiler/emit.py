"""The lowered graph as a program."""

from __future__ import annotations

from collections import Counter

from tritspike.compiler.errors import VerifyError
from tritspike.compiler.ir.graph import Coincidence, Edge, Graph, Lif, Op, Readout, Relay, Source, self_edge
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.program import COINCIDENCE, LIF, READOUT, RELAY, SOURCE, Population, Program, Synapse
from tritspike.runtime.validation import require_sound
from tritspike.runtime.wiring import Shift

_MEMORYLESS = {"keep": 1, "vth": 1}
_REGISTERS: dict[type[Op], dict[str, object]] = {
    Source: {"role": SOURCE},
    Coincidence: {"role": COINCIDENCE, **_MEMORYLESS},
    Relay: {"role": RELAY, **_MEMORYLESS},
    Readout: {"role": READOUT, "keep": arith.KEEP_ALL, "resets": True},
}


def emit(graph: Graph, profile: HardwareProfile) -> Program:
    """One population an op, one synapse an edge. Raises `VerifyError` where the graph has not been through every pass that makes it sound."""
    program = Program(
        dims=graph.dims,
        steps=graph.steps,
        host=graph.host,
        profile=profile.name,
        populations=tuple(_population(op, profile) for op in graph.ops),
        synapses=tuple(s for op in graph.ops for s in _synapses(op)),
    )
    require_sound(program, "after the last pass", VerifyError)
    return program


def _population(op: Op, profile: HardwareProfile) -> Population:
    if op.latency is None:
        raise VerifyError(f"{op.name}: has no latency; assign-latencies was left out")
    fields: dict[str, object] = dict(_REGISTERS.get(type(op), {}))
    if isinstance(op, Lif):
        fields = {"role": LIF, "keep": op.keep, "vth": op.vth, "bias": op.bias, "resets": True}
    if isinstance(op, Relay):
        fields["stages"] = op.stages
    if isinstance(op, Readout):
        fields["vth"] = min(arith.VTH_LIMIT, (1 << profile.vth_bits) - 1)
    return Population(name=op.name, axes=op.axes, latency=op.latency, **fields)  # type: ignore[arg-type]


def _synapses(op: Op) -> list[Synapse]:
    names: Counter[str] = Counter()
    out = []
    for edge in op.inputs:
        if not isinstance(edge, Edge):
            raise VerifyError(f"{op.name}: still has a product; expand-products was left out")
        name = f"{op.name}<{'shift' if self_edge(op, edge) else edge.source}"
        names[name] += 1
        unique = name if names[name] == 1 else f"{name}#{names[name]}"
        wiring = edge.wiring
        out.append(
            Synapse(
                name=unique,
                source=edge.source,
                target=op.name,
                wiring=wiring,
                exponent=edge.exponent,
                source_stage=0 if isinstance(wiring, Shift) else edge.stage,
            )
        )
    return out
