"""ONNX files with QONNX's quantisers, as plain records. No other file is opened, and nothing in it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.qonnx.ops import OPS, QUANTISERS
from tritspike.hw_profiles.errors import Finding, decoding, listed
from tritspike.hw_profiles.reading import open_regular
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import read_bytes

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
_START = b"\x08"  # of every ONNX file: the number of its first field, the version
_DOMAINS = ("", "ai.onnx", "qonnx.custom_ops.general", "onnx.brevitas")
_MOST_NODES = 10_000
_MOST_NUMBERS = 1 << 27
_MOST_INPUT = 1 << 24  # of a sample


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    """One node. attributes: numbers, texts and arrays."""

    name: str
    kind: str
    reads: tuple[str, ...]
    gives: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class OnnxGraph:
    """ops in the file's order. shape: of the input, its first axis the batch."""

    ops: tuple[Op, ...]
    constants: Mapping[str, Array]
    takes: str
    shape: tuple[int, ...]
    gives: str


def claims(path: Path) -> bool:
    """Whether a file may be ONNX, whatever its name."""
    try:
        with open_regular(path) as file:
            return file.read(1) == _START
    except OSError:
        return False


def read(path: Path) -> OnnxGraph:
    """Raises `FileError` for what is no ONNX, `CompileError` with everything in it that a chip cannot be."""
    content = read_bytes(path)
    import onnx
    from google.protobuf.message import DecodeError

    with decoding(path, "ONNX file", FileError):
        try:
            model = onnx.ModelProto.FromString(content)
        except DecodeError:
            raise FileError(f"{path}: not a whole ONNX file") from None
        found = tuple(_findings(model.graph))
        if found:
            raise CompileError(f"{path}: {listed(found)}")
        return _graph(model.graph)


def _findings(graph: onnx.GraphProto) -> Iterator[Finding]:
    if not graph.node or len(graph.node) > _MOST_NODES:
        yield Finding("the graph", "nodes", len(graph.node), f"1..{_MOST_NODES:,}")
    for n, node in enumerate(graph.node):
        if node.domain not in _DOMAINS or node.op_type not in OPS:
            where = node.name or node.op_type
            yield Finding(where, f"operator {n}", f"{node.domain}{'::' if node.domain else ''}{node.op_type}", f"one of {', '.join(OPS)}")
        elif len(node.output) != 1:
            yield Finding(node.name or node.op_type, "outputs", len(node.output), 1)
    numbers = 0
    for tensor in graph.initializer:
        size = int(np.prod([max(int(d), 0) for d in tensor.dims], dtype=np.float64))
        numbers += size
        if tensor.data_location or tensor.external_data:
            yield Finding(tensor.name, "initializer", "in another file", "in this one")
        if numbers > _MOST_NUMBERS:
            yield Finding("the graph", "numbers", f"{numbers:,}", f"up to {_MOST_NUMBERS:,}")
            return
    inputs = [i for i in graph.input if i.name not in {t.name for t in graph.initializer}]
    if len(inputs) != 1 or len(graph.output) != 1:
        yield Finding("the graph", "inputs and outputs", f"{len(inputs)} and {len(graph.output)}", "one of each")
    for given in inputs:
        dims = [d.dim_value for d in given.type.tensor_type.shape.dim]
        if len(dims) < 2 or min(dims[1:], default=0) < 1 or np.prod(np.array(dims[1:], np.float64)) > _MOST_INPUT:
            yield Finding(given.name, "shape", dims, f"a batch, and sizes that are there, {_MOST_INPUT:,} numbers at most: no dynamic ones")


def _graph(graph: onnx.GraphProto) -> OnnxGraph:
    from onnx import numpy_helper

    constants = {t.name: np.asarray(numpy_helper.to_array(t)) for t in graph.initializer}
    odd = [Finding(name, "numbers", "not finite", "finite") for name, a in constants.items() if a.dtype.kind == "f" and not np.isfinite(a).all()]
    if odd:
        raise CompileError(listed(odd))
    given = next(i for i in graph.input if i.name not in constants)
    ops = [_op(n, node) for n, node in enumerate(graph.node)]
    for op in ops:
        if op.kind == "Constant":
            constants[op.gives] = np.asarray(op.attributes["value"])
    return OnnxGraph(
        ops=tuple(op for op in ops if op.kind != "Constant"),
        constants=constants,
        takes=given.name,
        shape=tuple(d.dim_value for d in given.type.tensor_type.shape.dim),
        gives=graph.output[0].name,
    )


def _op(number: int, node: onnx.NodeProto) -> Op:
    import onnx
    from onnx import numpy_helper

    found: dict[str, Any] = {}
    for a in node.attribute:
        value = onnx.helper.get_attribute_value(a)
        found[a.name] = np.asarray(numpy_helper.to_array(value)) if isinstance(value, onnx.TensorProto) else value
    text = {name: value.decode("latin1") if isinstance(value, bytes) else value for name, value in found.items()}
    return Op(name=node.name or f"{node.op_type} {number}", kind=node.op_type, reads=tuple(node.input), gives=node.output[0], attributes=text)


def is_quantiser(op: Op) -> bool:
    """Whether it leaves few values."""
    return op.kind in QUANTISERS
