"""The rules that every graph keeps, before and after every pass: small functions in a tuple that yield findings, all of which are shown."""

from __future__ import annotations

from collections.abc import Iterator

from tritspike.compiler.errors import VerifyError
from tritspike.compiler.ir.graph import Coincidence, Edge, Graph, Lif, Op, Readout, Relay, Source, Stream, self_edge
from tritspike.runtime.wiring import Along, Matrix, Pool


def verify(graph: Graph, when: str) -> None:
    """Raise `VerifyError` with every broken rule, and which pass broke it."""
    findings = [finding for rule in _RULES for finding in rule(graph)]
    if findings:
        raise VerifyError(f"{when}: {'; '.join(findings)}")


def _names_are_defined_once_and_before_use(graph: Graph) -> Iterator[str]:
    seen: set[str] = set()
    for op in graph.ops:
        own = {op.name} if any(self_edge(op, e) for e in op.inputs) else set()
        yield from (f"{op.name}: reads %{s}, which nothing above it defines" for s in op.sources() if s not in seen | own)
        if op.name in seen:
            yield f"{op.name}: defined twice"
        seen.add(op.name)


def _kinds_have_their_inputs(graph: Graph) -> Iterator[str]:
    for op in graph.ops:
        if isinstance(op, Source) and op.inputs:
            yield f"{op.name}: a source has no inputs, this one {len(op.inputs)}"
        if isinstance(op, Lif | Readout | Relay) and not op.inputs:
            yield f"{op.name}: a {op.mnemonic} needs an input"
        if isinstance(op, Coincidence) and len(op.inputs) != 2:
            yield f"{op.name}: a coincidence has two inputs, this one {len(op.inputs)}"
    if sum(isinstance(op, Readout) for op in graph.ops) != (graph.host.head is None):
        yield "a graph has exactly one readout" if graph.host.head is None else "a graph whose host has a head has no readout"


def _shapes_agree(graph: Graph) -> Iterator[str]:
    sizes = {op.name: (op.axes, graph.dims.size(op.axes)) for op in graph.ops}
    for op in graph.ops:
        for edge in op.inputs:
            if isinstance(edge, Edge) and edge.source in sizes:
                yield from _shape_faults(graph, op, edge, *sizes[edge.source])


def _shape_faults(graph: Graph, op: Op, edge: Edge, source_axes: str, source_size: int) -> Iterator[str]:
    at, positions = f"{op.name} <- {edge.source}", graph.dims.positions
    if isinstance(edge.wiring, Along) and graph.dims.size(edge.wiring.source) != source_size:
        yield f"{at}: reads [{edge.wiring.source}], the source has [{source_axes}]"
    if isinstance(edge.wiring, Matrix | Pool):
        rows, columns = edge.wiring.codes.shape
        wanted = graph.dims.size(op.axes) // (positions if isinstance(edge.wiring, Matrix) else 1)
        if (rows, columns) != (wanted, source_size // positions):
            yield f"{at}: a {rows}x{columns} matrix between {source_size // positions} and {wanted} channels"


def _latencies_grow_by_one(graph: Graph) -> Iterator[str]:
    """Once relays are in, every edge spans exactly one step; before, at least one."""
    at = {op.name: op for op in graph.ops}
    relayed = any(isinstance(op, Relay) for op in graph.ops)
    for op in graph.ops:
        for edge in op.inputs:
            if op.latency is None or self_edge(op, edge) or not isinstance(edge, Edge) or edge.source not in at:
                continue
            source = at[edge.source].latency
            gap = op.latency - (-1 if source is None else source) - edge.stage
            if source is None or gap < 1 or (relayed and gap != 1):
                yield f"{op.name} <- {edge.source}: spans {gap} steps, a synapse takes 1"


def _integer_streams_are_reserved(graph: Graph) -> Iterator[str]:
    for op in graph.ops:
        integers = (e for e in op.inputs if isinstance(e, Edge) and e.stream is not Stream.SPIKE)
        yield from (f"{op.name} <- {e.source}: no op takes integer streams yet" for e in integers)


_RULES = (
    _names_are_defined_once_and_before_use,
    _kinds_have_their_inputs,
    _shapes_agree,
    _latencies_grow_by_one,
    _integer_streams_are_reserved,
)
