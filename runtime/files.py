"""Reading and writing artefacts: safetensors and JSON only, never pickle; written beside the target, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_profiles.errors import decoding
from hw_profiles.reading import read_regular, reason
from runtime.errors import FileError

Arrays = dict[str, NDArray[Any]]
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # pickle protocols, torch's zip


def write_atomic(path: Path, content: bytes) -> None:
    """`path` holds either all of `content` or what it held before. Raises `FileError` where it cannot be written."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from None


def make_folder(path: Path) -> None:
    """`path` is a folder afterwards. Raises `FileError` where it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be made a folder: {error.strerror}") from None


def require_writable(path: Path | None) -> None:
    """`FileError` now where `write_atomic(path)` would fail after an hour's work: its folder is missing, or it is one itself."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise FileError(f"{path}: cannot be written: {'Is a directory' if path.is_dir() else 'No such file or directory'}")


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
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_bytes(path)
    try:
        return load(content), _metadata(content)
    except KeyError as error:
        raise FileError(f"{path}: a tensor is stored as {error.args[0]}, which numpy does not have") from None
    except (SafetensorError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError):
        raise FileError(f"{path}: not a whole safetensors file ({len(content)} bytes): truncated or damaged") from None


def _metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")  # safetensors: 8 bytes of header length, then the JSON header
    return dict(json.loads(content[8 : 8 + size]).get("__metadata__", {}))


def write_tensors(path: Path, arrays: Arrays, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file atomically. One metadata key at most: the library does not order several."""
    from safetensors.numpy import save

    write_atomic(path, save({k: np.asarray(v, order="C") for k, v in arrays.items()}, metadata))


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
