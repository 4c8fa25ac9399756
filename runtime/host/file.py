"""Program files (.tsp): a network's file (`runtime/network/file.py`) with what the host does and the profile beside it, in version 3.

Files of version 2, which knew one family of networks, are read too (`version2.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tritspike.runtime import files
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import Arrays, write_atomic
from tritspike.runtime.host import stored, version2
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.soundness import require_sound
from tritspike.runtime.network import file as network_file
from tritspike.runtime.network.reading import FIELDS, Reader, require_fields
from tritspike.runtime.network.writing import Writer

FORMAT, VERSION = "tritspike-program", 3
_ELSEWHERE = {network_file.FORMAT: "a network that is given arrays: `tritspike run`, or tritspike.net.load"}


def save(program: Program, path: Path) -> None:
    """Write `program` atomically; the same program gives the same bytes."""
    write_atomic(path, to_bytes(program))


def to_bytes(program: Program) -> bytes:
    """What a program file holds."""
    body, arrays = _described(program)
    return network_file.sealed({"format": FORMAT, "version": VERSION, **body}, arrays)


def digest(program: Program) -> str:
    """SHA-256 over everything that is computed with."""
    body, arrays = _described(program)
    return files.digest(json.dumps(body, sort_keys=True), arrays)


def load(path: Path) -> Program:
    """Read and check a program file. Raises `FileError` with everything that is wrong."""
    return from_bytes(files.read_bytes(path), path)


def from_bytes(content: bytes, where: object) -> Program:
    """The same of what `to_bytes` gave. where: it is from, for messages."""
    readers: network_file.Readers[Program] = {(FORMAT, VERSION): _read, (FORMAT, version2.VERSION): version2.read}
    program = network_file.opened_from(content, where, "program", readers, _ELSEWHERE)
    require_sound(program, where, FileError)
    return program


def _described(program: Program) -> tuple[dict[str, Any], Arrays]:
    writer, host = Writer(), program.host
    body = writer.program(program.scheduled) | {"profile": program.profile}
    front = {name: getattr(host.front, name) for name in stored.FRONT_SCALARS}
    body["host"] = stored.scalars(host) | {"front": front}
    return body, writer.arrays | stored.arrays(host)


def _read(body: dict[str, Any], arrays: Arrays) -> Program:
    require_fields(body, "format", "version", *FIELDS, "profile", "host")
    tables, others = stored.parted(arrays)
    reader = Reader(others)
    host = stored.read(body["host"], tables)
    scheduled = reader.program(body)
    reader.require_all_used()
    return Program(scheduled=scheduled, host=host, profile=body["profile"])
