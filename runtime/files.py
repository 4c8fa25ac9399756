"""Reading and writing artefacts: safetensors and JSON only, never pickle; written beside the target, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import decoding
from tritspike.hw_profiles.reading import read_regular, reason, require_regular, unnamable
from tritspike.runtime.errors import FileError

Arrays = dict[str, NDArray[Any]]
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # pickle protocols, torch's zip


def write_atomic(path: Path, content: bytes) -> None:
    """`path` holds either all of `content` or what it held before. Raises `FileError` where it cannot be written."""
    write_all({path: content})


def write_all(contents: Mapping[Path, bytes]) -> None:
    """All of these files or none of them; see `staged`."""
    with staged(contents):
        pass


@contextmanager
def staged(contents: Mapping[Path, bytes]) -> Iterator[None]:
    """All of these files or none of them: whole on the disk under hidden names while the body runs, renamed if it went well.

    Links are followed. A file that is there keeps its mode, a new one gets what the umask leaves. Raises `FileError`. They are renamed
    in order, and what was renamed is undone where a later one fails: only a kill between two renames leaves some without the rest, so
    put last the file whose presence says that the set is whole. A kill while they are written leaves hidden names alone.
    """
    with ExitStack() as hidden:
        files = [_stage(path, content, hidden) for path, content in contents.items()]
        yield
        _rename(files, hidden)


@contextmanager
def written(path: Path) -> Iterator[Callable[[bytes], None]]:
    """`path` piece by piece, for what no memory holds: it has all that the body wrote if that went well, else what it had. Raises `FileError`."""
    with ExitStack() as hidden:
        with _naming(path):
            target, mode = _target(path)
            temporary = _hidden_beside(target, hidden)
            out = _created(temporary, mode)
            hidden.callback(_close, out)

        def write(content: bytes) -> None:
            with _naming(path):
                out.write(content)

        yield write
        with _naming(path):
            _finish(out, mode)
        _rename([_Staged(path, target, temporary)], hidden)


@dataclass(frozen=True)
class _Staged:
    """path: as the user named it; target: where links lead; temporary: the content, beside the target."""

    path: Path
    target: str
    temporary: str


def _stage(path: Path, content: bytes, hidden: ExitStack) -> _Staged:
    with _naming(path):
        target, mode = _target(path)
        temporary = _hidden_beside(target, hidden)
        with _created(temporary, mode) as out:
            out.write(content)
            _finish(out, mode)
    return _Staged(path, target, temporary)


def _created(temporary: str, mode: int | None) -> IO[bytes]:
    return os.fdopen(_made(temporary, 0o666 if mode is None else 0o600), "wb")


def _close(out: IO[bytes]) -> None:
    with suppress(OSError):  # of a full disk, of which the body has told
        out.close()


def _finish(out: IO[bytes], mode: int | None) -> None:
    out.flush()
    if mode is not None:
        os.fchmod(out.fileno(), mode)
    os.fsync(out.fileno())  # else a crash of the machine may leave the new name with nothing in it


def _rename(files: Sequence[_Staged], hidden: ExitStack) -> None:
    with ExitStack() as undo:
        for f in files:
            with _naming(f.path):
                if len(files) > 1:
                    undo.callback(_restore, f.target, _kept(f.target, hidden))
                os.replace(f.temporary, f.target)
        undo.pop_all()


def _kept(target: str, hidden: ExitStack) -> str | None:
    """A second name for what `target` holds now; None where it is not there."""
    if not os.path.exists(target):
        return None
    kept = _hidden_beside(target, hidden)
    try:
        os.link(target, kept)
    except OSError:  # a disk without hard links
        shutil.copy2(target, kept)
    return kept


def _restore(target: str, kept: str | None) -> None:
    with suppress(OSError):
        if kept is None:
            os.unlink(target)
        else:
            os.replace(kept, target)


def _hidden_beside(target: str, hidden: ExitStack) -> str:
    """A name in the same folder that nobody has, free again when `hidden` is closed. As short as any, whatever the target's length."""
    name = os.path.join(os.path.dirname(target), f".tritspike-{secrets.token_hex(8)}")
    hidden.callback(_discard, name)
    return name


def _discard(name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name)


def _made(name: str, mode: int) -> int:
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def _target(path: Path) -> tuple[str, int | None]:
    """Where writing to `path` ends, and the mode of the file there; None where there is none. `OSError` where that one may not be replaced."""
    target = os.path.realpath(path)
    try:
        found = os.stat(path).st_mode
    except FileNotFoundError:
        return target, None
    require_regular(found)
    os.close(os.open(target, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK))  # changes nothing; refuses a read-only file, which a rename would replace
    return target, stat.S_IMODE(found)


@contextmanager
def _naming(path: Path, what: str = "written") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        way_out = f"make the folder {path.parent} first" if isinstance(error, FileNotFoundError) else None
        raise FileError(f"{path}: cannot be {what}: {error.strerror}", way_out) from None
    except ValueError as error:  # a zero byte in the name
        raise FileError(f"{path}: cannot be {what}: {unnamable(error)}") from None


def make_folder(path: Path) -> None:
    """`path` is a folder afterwards. Raises `FileError` where it cannot be."""
    with _naming(path, "made a folder"):
        path.mkdir(parents=True, exist_ok=True)


def require_writable(path: Path | None) -> None:
    """`FileError` now where `write_atomic(path)` would fail after an hour's work; known by making a file beside it, and removing that."""
    if path is not None:
        with _naming(path):
            _require_room(_target(path)[0])


def require_folder(path: Path) -> None:
    """`FileError` now where `make_folder(path)`, or a file in it, would fail after the work."""
    with _naming(path, "made a folder"):
        if path.exists() and not path.is_dir():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        _require_room(str(next(p for p in (path, *path.absolute().parents) if p.exists()) / path.name))


def _require_room(target: str) -> None:
    with ExitStack() as hidden:
        os.close(_made(_hidden_beside(target, hidden), 0o600))


def read_bytes(path: Path) -> bytes:
    """The whole file; `FileError` if it is missing, no regular file, or a pickle (which is refused unread)."""
    try:
        content = read_regular(path)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from None
    if content.startswith(_PICKLE_STARTS) and content[8:9] != b"{":  # a safetensors header may be 0x280, 0x380, ... bytes long
        raise FileError(f"{path}: this is a pickle, which can run code; only safetensors files are read")
    return content


def read_tensors(path: Path) -> tuple[Arrays, dict[str, str]]:
    """(arrays, metadata) of a safetensors file. Raises `FileError` if it is truncated or not one."""
    return tensors_from(read_bytes(path), path)


def tensors_from(content: bytes, where: object) -> tuple[Arrays, dict[str, str]]:
    """The same of its bytes."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content), _metadata(content)
    except KeyError as error:
        raise FileError(f"{where}: a tensor is stored as {error.args[0]}, which numpy does not have") from None
    except (SafetensorError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError):
        raise FileError(f"{where}: not a whole safetensors file ({len(content)} bytes): truncated or damaged") from None


def _metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")  # safetensors: 8 bytes of header length, then the JSON header
    return dict(json.loads(content[8 : 8 + size]).get("__metadata__", {}))


def write_tensors(path: Path, arrays: Arrays, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file atomically."""
    write_atomic(path, tensor_bytes(arrays, metadata))


def tensor_bytes(arrays: Arrays, metadata: dict[str, str] | None = None) -> bytes:
    """What a safetensors file holds. One metadata key at most: the library does not order several."""
    from safetensors.numpy import save

    return bytes(save({k: np.asarray(v, order="C") for k, v in arrays.items()}, metadata))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; `FileError` if it is anything else."""
    try:
        value = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        raise FileError(f"{path}: not a JSON file: truncated or damaged") from None
    return require_object(value, path)


def object_from(text: str, where: object, what: str) -> dict[str, Any]:
    """A JSON object inside another file; `FileError` if it is anything else, or nested beyond what the parser takes."""
    with decoding(where, what, FileError):
        return require_object(json.loads(text), where)


def require_object(value: Any, where: object) -> dict[str, Any]:
    """`value` where it is a JSON object, else `FileError`."""
    if not isinstance(value, dict):
        raise FileError(f"{where}: holds {type(value).__name__}, not a JSON object")
    return value


def digest(body: str, arrays: Arrays) -> str:
    """SHA-256 of a file's JSON and of every array: its name, type, shape and bytes."""
    found = hashlib.sha256(body.encode())
    for name in sorted(arrays):
        found.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        found.update(np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()
