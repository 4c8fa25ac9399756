"""Printed graphs: one op a line with its edges below; big tensors print as shape and checksum."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.ir.graph import AnyEdge, Graph, Lif, Op, ProductEdge, Relay, Stream
from tritspike.runtime.program import Bias
from tritspike.runtime.wiring import Along, Matrix, Shift, Wiring


def show(graph: Graph) -> str:
    """The whole graph as text, the same for the same graph."""
    d = graph.dims
    head = (
        f"graph {graph.host.task} steps={graph.steps} positions={d.positions} heads={d.heads} head_dim={d.head_dim} "
        f"hidden={d.hidden} ffn={d.ffn} classes={d.classes}{' causal' if d.causal else ''}"
    )
    return "\n".join([head, *(line for op in graph.ops for line in _op(op)), ""])


def _op(op: Op) -> list[str]:
    return [
        f"%{op.name} = {op.mnemonic} [{op.axes}]{_registers(op)}{'' if op.latency is None else f' @{op.latency}'}",
        *(f"    <- {_edge(edge)}" for edge in op.inputs),
    ]


def _registers(op: Op) -> str:
    if isinstance(op, Relay):
        return f" stages={op.stages}"
    if not isinstance(op, Lif):
        return ""
    return f" keep={op.keep} vth={op.vth}" + (f" bias={_bias(op.bias)}" if op.bias else "")


def _bias(bias: Bias) -> str:
    return f"{_checksum(bias.mantissa)}<<{bias.exponent}"


def _edge(edge: AnyEdge) -> str:
    scale = f" <<{edge.exponent}" if edge.exponent else ""
    if isinstance(edge, ProductEdge):
        (left, left_axes), (right, right_axes) = edge.left, edge.right
        return f"{edge.weight.mantissa} * (%{left}[{left_axes}] AND %{right}[{right_axes}]) over [{edge.axes}]{scale}"
    stage = f".{edge.stage}" if edge.stage else ""
    stream = " integer" if edge.stream is Stream.INTEGER else ""
    return f"%{edge.source}{stage} {_wiring(edge.wiring)}{scale}{stream}"


def _wiring(wiring: Wiring) -> str:
    if isinstance(wiring, Along):
        return f"along [{wiring.source}] * {wiring.mantissa}"
    if isinstance(wiring, Shift):
        return f"shift {wiring.stages} * {wiring.mantissa}"
    rows, columns = wiring.codes.shape
    if isinstance(wiring, Matrix):
        at = f" at {wiring.offset:+d}" if wiring.offset else ""
        return f"matrix {rows}x{columns}{at} {_checksum(wiring.codes)} gain {wiring.gain.min()}..{wiring.gain.max()} {_checksum(wiring.gain)}"
    return f"pool {rows}x{columns} {_checksum(wiring.codes)}{' first' if wiring.first else ''}"


def _checksum(array: NDArray[Any]) -> str:
    return f"#{zlib.crc32(np.ascontiguousarray(array.astype(np.int64)).tobytes()):08x}"
