"""Files of scheduled networks (.tsn): one safetensors file of integer arrays whose metadata is the network as JSON, versioned and checksummed.

Whatever somebody has written into one is judged before it is used: each value by its type here, all of it by `soundness.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime import files
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import Arrays, object_from, write_atomic
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.reading import FIELDS, Reader, require_fields
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.writing import Writer

FORMAT, VERSION = "tritspike-network", 3
Version = tuple[str, int]
Read = TypeVar("Read")
Readers = dict[Version, Callable[[dict[str, Any], Arrays], Read]]


def save(program: Scheduled, path: Path) -> None:
    """Write `program` atomically; the same program gives the same bytes. Raises `InputError` for one that is not sound."""
    write_atomic(path, to_bytes(program))


def to_bytes(program: Scheduled) -> bytes:
    """What a file holds."""
    require_sound(program)
    writer = Writer()
    return sealed({"format": FORMAT, "version": VERSION, **writer.program(program)}, writer.arrays)


def digest(program: Scheduled) -> str:
    """SHA-256 over everything that is computed with."""
    writer = Writer()
    return files.digest(json.dumps(writer.program(program), sort_keys=True), writer.arrays)


def load(path: Path) -> Scheduled:
    """Read and check a file. Raises `FileError` with everything that is wrong."""
    program = opened(path, "network", {(FORMAT, VERSION): _read}, {"tritspike-program": "tritspike.load reads programs"})
    require_sound(program, FileError, f"{path}: not a sound network")
    return program


def sealed(body: dict[str, Any], arrays: Arrays) -> bytes:
    """A file of `body`, with a checksum."""
    said = json.dumps(body, sort_keys=True)
    return files.tensor_bytes(arrays, {"tritspike": json.dumps({"sha256": files.digest(said, arrays), "program": said})})


def opened(path: Path, what: str, readers: Readers[Read], elsewhere: dict[str, str]) -> Read:
    """What the reader for the format and version that `path` names makes of it, its checksum looked at first.

    elsewhere: what to say of formats that others read. Raises `FileError`.
    """
    return opened_from(files.read_bytes(path), path, what, readers, elsewhere)


def opened_from(content: bytes, path: object, what: str, readers: Readers[Read], elsewhere: dict[str, str]) -> Read:
    """The same of a file's bytes. path: where they are from, for messages."""
    arrays, metadata = files.tensors_from(content, path)
    if "tritspike" not in metadata:
        raise FileError(f"{path}: a safetensors file, but not a tritspike {what}")
    outer = object_from(metadata["tritspike"], path, what)
    with decoding(path, what, FileError):
        body = object_from(outer["program"], path, what)
        found = body["format"], body["version"]
        if not all(isinstance(x, str | int) for x in found) or found not in readers:
            ours = " or ".join(f"{name} version {version}" for name, version in readers)
            raise FileError(f"{path}: {str(found[0])[:40]} version {str(found[1])[:40]}, this runtime reads {ours}", elsewhere.get(str(found[0])))
        if outer["sha256"] != files.digest(outer["program"], arrays):
            raise FileError(f"{path}: the checksum does not match: the file is damaged")
        return readers[found](body, arrays)


def _read(body: dict[str, Any], arrays: Arrays) -> Scheduled:
    require_fields(body, "format", "version", *FIELDS)
    reader = Reader(arrays)
    program = reader.program(body)
    reader.require_all_used()
    return program
