"""What can be lowered: one function a kind of source, one table. Files are told apart by their content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend import trained
from tritspike.compiler.frontend.qonnx import reading as qonnx
from tritspike.runtime import hdf5
from tritspike.runtime.errors import FileError
from tritspike.runtime.host import arrays, checkpoint, encoder
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Host
from tritspike.runtime.host.trained import claims, load
from tritspike.runtime.network.network import Network, Timing


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a source. length, head: of a checkpoint (`lower` says what these are); dt, convention: of a NIR file, how its seconds become
    steps; steps: of a window, of a network that is given arrays (default: a stream, whose state lives on)."""

    length: int | None = None
    head: str = encoder.HEADS[0]
    dt: float | None = None
    convention: str | None = None
    steps: int | None = None


PLAINLY = Asked()


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """A network as it is written, when its windows come, and what the host does: None where it is given arrays. notes: how it came about."""

    network: Network
    timing: Timing
    host: Host | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frontend:
    """name: of the kind. claims: whether a path is one. build: a path to a network. takes: which of what is asked it knows."""

    name: str
    claims: Callable[[Path], bool]
    build: Callable[[Path, Asked], Source]
    takes: tuple[str, ...] = ("length", "head")


def _of_checkpoint(read: checkpoint.Checkpoint, asked: Asked) -> Source:
    trained.require_length(asked.length, read.config.max_length)
    made = encoder.trained(read, asked.length, asked.head)
    return Source(network=made.network, timing=made.timing, host=made.host)


def _of_trained(path: Path, asked: Asked) -> Source:
    read = load(path)
    network, host = trained.network(read, asked.length), read.host
    network, host = trained.on_chip(network, host) if asked.head == "chip" else (network, host)
    return Source(network=network, timing=read.timing, host=host)


def _of_nir(path: Path, asked: Asked) -> Source:
    from tritspike.compiler.frontend.nir import build

    found = build(path, asked.dt, asked.convention, asked.steps)
    return Source(network=found.network, timing=found.timing, host=None, notes=tuple(found.lines()))


def _of_qonnx(path: Path, asked: Asked) -> Source:
    from tritspike.compiler.frontend.qonnx.lowering import build

    found = build(path)
    return Source(network=found.network, timing=found.timing, host=None, notes=tuple(found.lines()))


FRONTENDS: tuple[Frontend, ...] = (
    Frontend("trained", claims, _of_trained),
    Frontend("nir", hdf5.is_hdf5, _of_nir, ("dt", "convention", "steps")),
    Frontend("qonnx", qonnx.claims, _of_qonnx, ()),
    Frontend("checkpoint", lambda path: True, lambda path, asked: _of_checkpoint(checkpoint.read_checkpoint(path), asked)),  # last: what no other
    # knows is refused as a checkpoint
)


_SOURCES = "a checkpoint is a folder of config.json, model.safetensors, tokenizer.json; a network a NIR or QONNX file"
OTHERS = ("nir", "qonnx")  # networks that are given arrays


def frontend(path: Path) -> Frontend:
    """The first that claims it. Raises `FileError` where nothing is there, `CompileError` for what was lowered already."""
    if not os.path.exists(path):
        raise FileError(f"{path}: no such file or folder", _SOURCES)
    if arrays.claims(path):
        raise CompileError(f"{path}: lowered already", "from Python, tn.on_cores(tn.load(FILE), PROFILE) puts it on cores")
    if arrays.claims(path, program_file.FORMAT):
        raise CompileError(f"{path}: lowered already", "lower its checkpoint again")
    return next(f for f in FRONTENDS if f.claims(path))


def require_network(path: Path) -> str:
    """The kind of a file that others' tools wrote. Raises `CompileError` for what is none."""
    found = frontend(path).name
    if found not in OTHERS:
        raise CompileError(f"{path}: neither NIR, which is HDF5, nor QONNX", "lower takes checkpoints")
    return found


def source(given: checkpoint.Checkpoint | str | Path, asked: Asked = PLAINLY) -> Source:
    """Raises `CheckpointError` or `FileError` for what cannot be read, `CompileError` for what it cannot be."""
    if isinstance(given, checkpoint.Checkpoint):
        return _of_checkpoint(given, asked)
    path = Path(given)
    found = frontend(path)
    unknown = [name for name, value in vars(asked).items() if value != getattr(PLAINLY, name) and name not in found.takes]
    if unknown:
        raise CompileError(
            f"{path}: {', '.join(unknown)} of a source of the kind {found.name}", f"it takes {', '.join(found.takes) or 'none of these'}"
        )
    return found.build(path, asked)
