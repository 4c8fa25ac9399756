"""Mutations of safetensors files, of arrays in them, of any file's bytes, and of what kind of thing a path is."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz import trees
from safetensors.numpy import save

Arrays = dict[str, np.ndarray]
DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")


def container(arrays: Arrays, metadata: str | None) -> bytes:
    """A safetensors file with one metadata entry of ours."""
    return save({name: np.asarray(a, order="C") for name, a in arrays.items()}, None if metadata is None else {"tritspike": metadata})


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """(header, data) of a safetensors file."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header: Any, data: bytes) -> bytes:
    """The file again, whatever its header has become."""
    text = trees.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def header_changed(rng: Random, content: bytes) -> tuple[bytes, str]:
    """A header that lies: dtypes, shapes, offsets, metadata."""
    header, data = parts(content)
    changed, said = trees.mutated(rng, header)
    return with_header(changed, data), f"header {'; '.join(said)}"


def bytes_changed(rng: Random, content: bytes) -> tuple[bytes, str]:
    """Flipped, cut, lengthened, overwritten; of a large file mostly near its start, where the structure is."""
    size = max(len(content), 1)
    at = rng.randrange(size) if rng.random() < 0.6 else rng.randrange(min(size, 4096))
    kind = rng.choice(["flip", "flip", "flips", "cut", "longer", "zeros", "length", "copy", "empty"])
    out = bytearray(content)
    if kind == "empty":
        return b"", "emptied"
    if kind in ("flip", "flips"):
        for n in [at] if kind == "flip" else [rng.randrange(size) for _ in range(rng.randrange(2, 40))]:
            out[n : n + 1] = bytes([(out[n] if n < len(out) else 0) ^ (1 << rng.randrange(8))])
    elif kind == "cut":
        del out[at:]
    elif kind == "longer":
        out += rng.randbytes(rng.choice([1, 7, 8, 1000]))
    elif kind == "zeros":
        out[at : at + 16] = bytes(16)
    elif kind == "length":
        out[:8] = struct.pack("<Q", rng.choice([0, 1, 8, size, size - 8, size + 1, 1 << 31, 1 << 40, (1 << 64) - 1]))
    else:
        out[at:at] = out[: rng.choice([1, 16, 500])]
    return bytes(out), f"{kind} at {at}"


CHANGES = ("drop", "extra", "exchange", "dtype", "shape", "shape", "values", "values", "values", "one", "one", "one")


def arrays_changed(rng: Random, arrays: Arrays, how: Sequence[str] = CHANGES) -> tuple[Arrays, str]:
    """One array dropped, added, exchanged with another, of another dtype or shape, or with other values."""
    out, name = dict(arrays), rng.choice(sorted(arrays))
    kind = rng.choice(how)
    if kind == "drop":
        del out[name]
    elif kind == "extra":
        out[rng.choice([f"{name}.more", "x", "bias.x", "codes.", "\n"])] = out[name]
    elif kind == "exchange":
        other = rng.choice(sorted(arrays))
        out[name], out[other] = out[other], out[name]
    elif kind == "dtype":
        with np.errstate(all="ignore"):
            out[name] = out[name].astype(rng.choice(DTYPES))
    else:
        out[name] = {"shape": _reshaped, "values": _revalued, "one": _one_changed}[kind](rng, out[name])
    return out, f"array {name}: {kind}"


def _reshaped(rng: Random, a: np.ndarray) -> np.ndarray:
    ways = [a.T, a.reshape(-1), a[None], a[..., None], a[:-1], a[:0], np.concatenate([a, a]), np.concatenate([a, a], -1), a.reshape(-1)[:1]]
    ways += [a.reshape(-1)[0], a[..., :-1], np.zeros((0, 1 << 40), a.dtype), np.resize(a, 70_000)] if a.size and a.ndim else []
    return np.array(rng.choice(ways))


def _extremes(dtype: np.dtype) -> list[Any]:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return [info.min, info.max, 0, 1, info.max // 2, 3]
    return [np.nan, np.inf, -1e30, 0] if dtype.kind == "f" else [True, False]


def _revalued(rng: Random, a: np.ndarray) -> np.ndarray:
    random = np.frombuffer(rng.randbytes(a.nbytes), np.uint8).view(a.dtype).reshape(a.shape) if a.nbytes and a.dtype.kind in "iu" else a
    with np.errstate(all="ignore"):
        return rng.choice([np.full_like(a, rng.choice(_extremes(a.dtype))), -a if a.dtype.kind in "if" else ~a, a[::-1], random, a * 2, a // 2 * 2])


def _one_changed(rng: Random, a: np.ndarray) -> np.ndarray:
    out = np.array(a)
    if out.size:
        at = rng.randrange(out.size)
        old = out.flat[at]
        near = [int(old) + 1, int(old) - 1, -int(old)] if out.dtype.kind == "i" else []
        with np.errstate(all="ignore"):
            out.flat[at] = np.asarray(rng.choice([*near, *near, *_extremes(out.dtype)])).astype(out.dtype)
    return out


def replaced(rng: Random, path: Path) -> str:
    """Something else in a file's place: nothing, a folder, a FIFO, a socket, a link to a device or to nowhere."""
    path.unlink(missing_ok=True)
    kind = rng.choice(["nothing", "folder", "fifo", "socket", "/dev/zero", "/dev/null", "/dev/full", "loop", "nowhere", "/proc/self/mem"])
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        _socket_at(path)
    elif kind != "nothing":
        path.symlink_to({"loop": path.name, "nowhere": "nowhere/at/all"}.get(kind, kind))
    return f"{path.name} replaced by {kind}"


def _socket_at(path: Path) -> None:
    before = os.getcwd()  # a socket's name holds 107 bytes, which a temporary folder's may exceed
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def file_changed(rng: Random, path: Path) -> str:
    """Any file's bytes, or now and then what it is."""
    if rng.random() < 0.15:
        return replaced(rng, path)
    content, said = bytes_changed(rng, path.read_bytes())
    path.write_bytes(content)
    return f"{path.name}: {said}"
