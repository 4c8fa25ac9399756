"""A program file taken apart, and put together again with a checksum that holds."""

from __future__ import annotations

import json

from tritspike.runtime import files
from tritspike.runtime.files import read_tensors, write_tensors


def described(path):
    """(arrays, program as JSON object) of a program file."""
    arrays, metadata = read_tensors(path)
    return arrays, json.loads(json.loads(metadata["tritspike"])["program"])


def store(path, arrays, program, checksum=None):
    body = program if isinstance(program, str) else json.dumps(program)
    digest = checksum or files.digest(body, arrays)
    write_tensors(path, arrays, {"tritspike": json.dumps({"sha256": digest, "program": body})})
