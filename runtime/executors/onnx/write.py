"""An ONNX file of a program; of one that is larger than a file may be, a second one with its constants."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tritspike.runtime import outputs
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.onnx import model
from tritspike.runtime.executors.onnx.here import COMPACT, OLDEST, newest
from tritspike.runtime.executors.onnx.loop import require_room
from tritspike.runtime.executors.onnx.model import Graph, Options
from tritspike.runtime.files import staged, written
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.outputs import ONNX_CONSTANTS, Output


@dataclass(frozen=True)
class Written:
    """What was written. nodes: of one step."""

    nodes: int
    size: int
    paths: tuple[Path, ...]


def write(program: Scheduled, path: Path, options: Options) -> Written:
    """Write `path`, and `path` + ".data" where one file cannot hold it; all or none of them.

    Raises `InputError` for a version that has not what is needed, `RangeError`, `ExecutorError` where there is too little memory, `FileError`.
    """
    require_version(options)
    require_sound(program)
    require_ranges(program)
    require_room(program, 1)
    found = model.graph(program, options)
    beside = None if found.fits else path.with_name(f"{path.name}.data")
    if beside is not None:
        outputs.require([Output(beside, ONNX_CONSTANTS, named=False)], [path])
    whole = found.whole() if beside is None else found.beside(beside.name, len(_first()))
    with ExitStack() as both:
        both.enter_context(staged({path: whole.SerializeToString()}))  # renamed after what it refers to
        if beside is not None:
            _write_constants(found, beside)
    return Written(_nodes(found), found.size, (path,) if beside is None else (path, beside))


def require_version(options: Options) -> None:
    """Raises `InputError` for one that is too old, or that nobody here knows."""
    if not OLDEST <= options.opset <= newest():
        raise InputError(f"opset {options.opset}", f"{OLDEST}..{newest()}: functions came with {OLDEST}, the onnx that is installed ends there")
    if options.compact and options.opset < COMPACT:
        raise InputError(f"compact weights in opset {options.opset}", f"opset {COMPACT} or later: two bits came with it")


def _first() -> bytes:
    return outputs.ONNX_MAGIC.ljust(model.ALIGNED, b"\0")


def _write_constants(found: Graph, path: Path) -> None:
    with written(path) as put:
        put(_first())
        for piece in found.pieces():
            put(piece)


def _nodes(found: Graph) -> int:
    return sum(len(attribute.g.node) for node in found.proto.graph.node for attribute in node.attribute)
