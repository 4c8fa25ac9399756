"""HDF5 files that somebody hands over, as plain values: no link is followed, no other file is opened, nothing is read before its size is known.

The library itself hangs, and has crashed, on damaged files: it runs in a process of its own (`hdf5_child.py`), which has a time limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tritspike.hw_profiles.errors import decoding
from tritspike.hw_profiles.reading import open_regular
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import read_bytes

SIGNATURE = b"\x89HDF\r\n\x1a\n"
Tree = dict[str, Any]
_CODE = "import sys; sys.path[:] = sys.argv[1].split('\\n'); from tritspike.runtime.hdf5_child import main; main()"
_LIMIT = 120.0  # seconds, on a busy machine; the child has a limit of its own on what it computes


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does, whatever its name."""
    try:
        with open_regular(path) as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def read(path: Path, what: str) -> Tree:
    """Groups as dictionaries, numbers as arrays, texts as str, lists of texts as arrays of str; attributes as @name.

    Raises `FileError` in one line for whatever is not that.
    """
    content = read_bytes(path)
    if not content.startswith(SIGNATURE):
        raise FileError(f"{path}: not an HDF5 file, which {what} is")
    if find_spec("h5py") is None:
        raise ModuleNotFoundError("No module named 'h5py'", name="h5py")
    with decoding(path, f"HDF5 file of {what}", FileError):
        header, arrays = _told(path, content, what)
        return _tree(header["tree"], arrays)


def _told(path: Path, content: bytes, what: str) -> tuple[dict[str, Any], bytes]:
    """What the child made of it: a line of JSON, and the bytes of all arrays."""
    paths = "\n".join(p for p in sys.path if "\n" not in p)
    command = [sys.executable, "-c", _CODE, paths, str(path), what]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise FileError(f"{path}: not a whole HDF5 file of {what}: it could not be read in {_LIMIT:g} s") from None
    line, _, arrays = done.stdout.partition(b"\n")
    if done.returncode or not line:
        raise FileError(f"{path}: not a whole HDF5 file of {what}: the HDF5 library ended on it, or came to no end")
    header = json.loads(line)
    if "error" in header:
        raise FileError(header["error"])
    return header, arrays


def _tree(found: Any, arrays: bytes) -> Any:
    """As `hdf5_child.py` packs it."""
    kind, value = found
    if kind == "group":
        return {name: _tree(one, arrays) for name, one in value.items()}
    if kind == "texts":
        return np.array(value[0], object).reshape(value[1])
    if kind == "array":
        dtype, shape, begin = value
        size = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(arrays, np.dtype(dtype), size, begin).reshape(shape)
    return value


def group(tree: Tree, name: str) -> Tree:
    """A group in it, empty where there is none."""
    found = tree.get(name, {})
    return dict(found) if isinstance(found, Mapping) else {}
