"""The process in which the HDF5 library runs: a file on stdin, what it holds on stdout."""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tritspike.hw_profiles.errors import TritspikeError, decoding
from tritspike.runtime.errors import FileError
from tritspike.runtime.hdf5 import Tree

_MOST_NUMBERS = 1 << 27  # of all datasets together
_MOST_THINGS = 10_000  # groups and datasets
_DEEPEST = 24  # groups in groups
_LONGEST_TEXT = 10_000  # characters of all names and texts of one dataset's entry
_FILTERS = {1, 2, 3, 4, 32000}  # deflate, shuffle, checksum, szip, lzf: what h5py has itself; others would load code
_SECONDS = 5  # of computing
ATTRIBUTE = "@"  # before an attribute's name, which no dataset of NIR begins with


def main() -> None:
    """The process: the file's name and what it should be, behind the paths of modules."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, what, arrays = Path(sys.argv[2]), sys.argv[3], list[bytes]()
    try:
        said = json.dumps({"tree": _packed(read(sys.stdin.buffer.read(), path, what), arrays)})
    except TritspikeError as error:
        said, arrays = json.dumps({"error": str(error)}), []
    sys.stdout.buffer.write(said.encode() + b"\n" + b"".join(arrays))


def read(content: bytes, path: Path, what: str) -> Tree:
    """Raises `FileError` in one line."""
    with decoding(path, f"HDF5 file of {what}", FileError):
        try:
            with h5py.File(io.BytesIO(content), "r") as file:
                return _Reading(path).group(file, "", 0)
        except OSError as error:
            raise FileError(f"{path}: not a whole HDF5 file of {what}: {_first_line(error)}") from None


def _first_line(error: OSError) -> str:
    return (str(error).splitlines() or ["damaged"])[0]


def _packed(found: Any, arrays: list[bytes]) -> tuple[str, Any]:
    """As JSON, with the bytes of arrays appended to `arrays` and referred to by where they begin."""
    if isinstance(found, dict):
        return "group", {name: _packed(one, arrays) for name, one in found.items()}
    if isinstance(found, np.ndarray) and found.dtype == object:
        return "texts", (found.ravel().tolist(), found.shape)
    if isinstance(found, np.ndarray | np.generic):
        begin = sum(map(len, arrays))
        arrays.append(np.ascontiguousarray(found).tobytes())
        return "array", (np.asarray(found).dtype.str, np.shape(found), begin)
    return "text", found


class _Reading:
    """One file's. Every refusal names the path inside the file."""

    def __init__(self, path: Path) -> None:
        self.path, self.numbers, self.things = path, 0, 0

    def group(self, group: h5py.Group, at: str, depth: int) -> Tree:
        """All below it."""
        if depth > _DEEPEST:
            raise self._refusal(at, f"groups nested more than {_DEEPEST} deep")
        found = dict(self._attributes(group, at))
        for name in group:
            self._require_own(group, name, f"{at}/{name}")
            found[name] = self._thing(group[name], f"{at}/{name}", depth)
        return found

    def _refusal(self, at: str, what: str) -> FileError:
        return FileError(f"{self.path}: {at[:200] or '/'}: {what}")

    def _require_own(self, group: h5py.Group, name: str, at: str) -> None:
        self.things += 1
        if self.things > _MOST_THINGS:
            raise self._refusal(at, f"more than {_MOST_THINGS:,} groups and datasets")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise self._refusal(at, "a link, where only a group or a dataset of this file itself is read")

    def _thing(self, thing: Any, at: str, depth: int) -> Any:
        if isinstance(thing, h5py.Group):
            return self.group(thing, at, depth + 1)
        if not isinstance(thing, h5py.Dataset):
            raise self._refusal(at, "neither a group nor a dataset")
        if thing.is_virtual or thing.external:
            raise self._refusal(at, "a dataset whose numbers are in another file")
        return self._values(thing, at)

    def _values(self, found: h5py.Dataset, at: str) -> Any:
        if found.shape is None:
            raise self._refusal(at, "an empty dataset")
        plan = found.id.get_create_plist()
        if any(plan.get_filter(n)[0] not in _FILTERS for n in range(plan.get_nfilters())):
            raise self._refusal(at, "compressed by a filter that HDF5 itself does not have")
        self._require_room(found.shape, at)
        if h5py.check_string_dtype(found.dtype) is not None:
            return self._texts(found[()], at)
        if found.dtype.kind not in "iufb":
            raise self._refusal(at, f"of type {found.dtype}, where numbers or texts are read")
        return np.asarray(found[()])

    def _require_room(self, shape: tuple[int, ...], at: str) -> None:
        """Before anything of it is read: a few bytes of file can name any size."""
        size = 1
        for side in shape:
            size *= side
        self.numbers += size
        if self.numbers > _MOST_NUMBERS:
            raise self._refusal(at, f"of shape {shape}: more than {_MOST_NUMBERS:,} numbers in the file")

    def _texts(self, found: Any, at: str) -> Any:
        if isinstance(found, np.ndarray):
            return np.array([self._text(one, at) for one in found.ravel()], object).reshape(found.shape)
        return self._text(found, at)

    def _text(self, found: Any, at: str) -> str:
        said = found.decode("utf8", "strict") if isinstance(found, bytes) else str(found)
        if len(said) > _LONGEST_TEXT:
            raise self._refusal(at, f"a text of {len(said):,} characters")
        return said

    def _attributes(self, group: h5py.Group, at: str) -> Iterator[tuple[str, Any]]:
        for name in group.attrs:
            kind = group.attrs.get_id(name)
            self._require_room(kind.shape, f"{at}@{name}")
            if kind.dtype.kind in "iufbOS":
                found = group.attrs[name]
                yield ATTRIBUTE + name, self._text(found, at) if isinstance(found, bytes | str) else found
