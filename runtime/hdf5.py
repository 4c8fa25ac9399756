"""HDF5 files that somebody hands over, as plain values: no link is followed, no other file is opened, nothing is read before its size is known."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import read_bytes

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_NUMBERS = 1 << 27  # of all datasets together
_MOST_THINGS = 10_000  # groups and datasets
_DEEPEST = 24  # groups in groups
_LONGEST_TEXT = 10_000  # characters of all names and texts of one dataset's entry
_FILTERS = {1, 2, 3, 4, 32000}  # deflate, shuffle, checksum, szip, lzf: what h5py has itself; others would load code
ATTRIBUTE = "@"  # before an attribute's name, which no dataset of NIR begins with

Tree = dict[str, Any]


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does, whatever its name."""
    try:
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except (OSError, ValueError):
        return False


def read(path: Path, what: str) -> Tree:
    """Groups as dictionaries, numbers as arrays, texts as str, lists of texts as arrays of str; attributes as @name.

    Raises `FileError` in one line for whatever is not that.
    """
    content = read_bytes(path)
    if not content.startswith(SIGNATURE):
        raise FileError(f"{path}: not an HDF5 file, which {what} is")
    import h5py

    with decoding(path, f"HDF5 file of {what}", FileError):
        try:
            with h5py.File(io.BytesIO(content), "r") as file:
                return _Reading(path).group(file, "", 0)
        except OSError as error:
            raise FileError(f"{path}: not a whole HDF5 file of {what}: {_first_line(error)}") from None


def _first_line(error: OSError) -> str:
    return (str(error).splitlines() or ["damaged"])[0]


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
        import h5py

        self.things += 1
        if self.things > _MOST_THINGS:
            raise self._refusal(at, f"more than {_MOST_THINGS:,} groups and datasets")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise self._refusal(at, "a link, where only a group or a dataset of this file itself is read")

    def _thing(self, thing: Any, at: str, depth: int) -> Any:
        import h5py

        if isinstance(thing, h5py.Group):
            return self.group(thing, at, depth + 1)
        if not isinstance(thing, h5py.Dataset):
            raise self._refusal(at, "neither a group nor a dataset")
        if thing.is_virtual or thing.external:
            raise self._refusal(at, "a dataset whose numbers are in another file")
        return self._values(thing, at)

    def _values(self, found: h5py.Dataset, at: str) -> Any:
        import h5py

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


def group(tree: Tree, name: str) -> Tree:
    """A group in it, empty where there is none."""
    found = tree.get(name, {})
    return dict(found) if isinstance(found, Mapping) else {}
