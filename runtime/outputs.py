"""What a command is going to write, checked before it works: nothing is replaced that nobody asked to be replaced."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tritspike.runtime import mapping
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import require_folder, require_writable
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import reading
from tritspike.runtime.network import file as network_file
from tritspike.runtime.tasks.versus import side

PROGRAM, MAPPING, PICTURE, ANSWERS = "a program", "a mapping", "a picture of ours", "answers of models.predict"
REPORT, BUNDLE, GRAPH, HISTORY = "JSON", "a bundle", "a printed graph", "a database"
LABELLED, STATE, ARRAYS = "labelled texts", "a state", "an archive"
NIR = "a NIR file of ours"
PAGE = "a report page of ours"
PAGE_MARK = '<meta name="generator" content="tritspike report">'
ONNX, ONNX_CONSTANTS = "an ONNX graph of ours", "constants of an ONNX graph of ours"
ONNX_MAGIC = b"constants of an ONNX graph that tritspike wrote\n"
_MOST = 1 << 26  # bytes that are looked at


@dataclass(frozen=True)
class Output:
    """path: where to, None where it is not asked for. kind: one of those above. named: by the user, who may mean any file that we don't know;
    a name that we choose, such as the picture's beside the program, replaces only what is of its own kind."""

    path: Path | None
    kind: str
    named: bool = True


def require(outputs: Sequence[Output], inputs: Iterable[Path] = (), folder: Path | None = None) -> None:
    """`FileError` where an output could not be written, or where it would replace an input, another output, or a file of another kind.

    A file below a folder among `inputs` may be replaced by what is of its own kind alone. folder: one that the command will make.
    """
    paths = ([] if folder is None else [folder]) + [o.path for o in outputs if o.path is not None]
    read = tuple(inputs)
    for number, path in enumerate(paths):
        _require_apart(path, read, paths[:number])
    if folder is not None:
        require_folder(folder)
    for output in outputs:
        if output.path is not None:
            require_writable(output.path)
            _require_replaceable(output.path, output, read)


def profile_files(name: str) -> list[Path]:
    """The file that a profile is read from, where it is the user's own."""
    return [Path(name)] if name.endswith(".toml") else []


def require_other_folder(folder: Path, inputs: Iterable[Path | None]) -> None:
    """`FileError` where a training's folder is one that it reads: it would replace the files there."""
    for path in inputs:
        if path is not None and _same(folder, path):
            raise FileError(f"{folder}: cannot be written to: the same folder as {path}, which is read", "name another")


def _require_apart(path: Path, inputs: Sequence[Path], others: Sequence[Path]) -> None:
    for paths, why in ((inputs, "read"), (others, "written too")):
        for other in paths:
            if _same(path, other):
                raise FileError(f"{path}: cannot be written: the same file as {other}, which is {why}", "name another")


def _same(a: Path, b: Path) -> bool:
    """By what is there, however it is named. Of two that are not, by name, and in whatever case, for not every disk tells cases apart."""
    there = os.path.exists(a), os.path.exists(b)
    if all(there):
        return os.path.samefile(a, b)
    with suppress(ValueError):  # a zero byte, which no file's name has: reading or writing it is refused
        return not any(there) and os.path.realpath(a).casefold() == os.path.realpath(b).casefold()
    return False


def _is_console(path: Path) -> bool:
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):  # not there, closed, or None
            if os.path.samestat(os.stat(path), os.fstat(stream.fileno())):  # type: ignore[union-attr]
                return True
    return False


def _require_replaceable(path: Path, output: Output, inputs: Sequence[Path]) -> None:
    if not path.exists():
        return
    if _is_console(path):
        raise FileError(f"{path}: cannot be written: what the command prints goes there", "name another")
    if not path.stat().st_size or (found := kind_of(path)) == output.kind:
        return
    folder = next((i for i in inputs if i.is_dir() and Path(os.path.realpath(i)) in Path(os.path.realpath(path)).parents), None)
    if folder is not None:
        raise FileError(f"{path}: cannot be written: it is there, part of {folder}, which is read", "name another")
    if found is not None or not output.named:
        raise FileError(f"{path}: cannot be written: it holds {found or 'something else'}, not {output.kind}", "move it, or name another")


def kind_of(path: Path) -> str | None:
    """What a file holds, as far as its first bytes say it; None where it is of no kind that we know, or cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        content = file.read(_MOST)
        return next((kind for kind, is_it in _KINDS if is_it(content)), None)
    return None


def _header(content: bytes) -> bytes:
    """That of a safetensors file, empty where it is none."""
    size = int.from_bytes(content[:8], "little")
    return content[8 : 8 + size] if content[8:9] == b"{" and size < _MOST else b""


_KINDS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    (PROGRAM, lambda c: any(name.encode() in _header(c) for name in (program_file.FORMAT, network_file.FORMAT))),
    (MAPPING, lambda c: mapping.FORMAT.encode() in _header(c)),
    (ANSWERS, lambda c: side.FORMAT.encode() in _header(c)),
    (STATE, lambda c: reading.FORMAT.encode() in _header(c)),
    ("tensors", lambda c: bool(_header(c))),
    (PAGE, lambda c: PAGE_MARK.encode() in c[:1000]),
    (PICTURE, lambda c: b"<svg" in c[:1000] and b'<g id="cores">' in c),  # the group that `compiler/mapping/picture.py` names
    ("a picture", lambda c: b"<svg" in c[:1000]),
    (BUNDLE, lambda c: c.startswith(b"PK") and c[30:].startswith(b"MANIFEST.json")),  # the first name in `runtime/bundle.py`'s order
    (ARRAYS, lambda c: c.startswith(b"PK")),
    (HISTORY, lambda c: c.startswith(b"SQLite format 3\0")),
    (REPORT, lambda c: c.lstrip()[:1] in (b"{", b"[")),
    (ONNX, lambda c: c.startswith(b"\x08") and b"\x12\x09tritspike" in c[:16]),  # the version of the format, and who wrote it
    (NIR, lambda c: c.startswith(b"\x89HDF") and b"written_by" in c[:4096] and b"tritspike" in c[:4096]),
    (ONNX_CONSTANTS, lambda c: c.startswith(ONNX_MAGIC)),
    (GRAPH, lambda c: c.startswith((b"network Windows(", b"network Stream("))),
)
