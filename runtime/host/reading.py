"""A language model through which tokens flow, as it reads a text: each token once, however long the text is, and on from where it stopped.

What it has read is in its neurons, and can be kept in a file: a later run goes on as this one would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.executors.base import Engine, How, Session
from tritspike.runtime.executors.table import able, executor
from tritspike.runtime.files import Arrays, write_atomic
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import TOKENS, Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import file as network_file
from tritspike.runtime.network.outcome import Ints
from tritspike.runtime.network.reading import require_fields

FORMAT, VERSION = "tritspike-state", 1
_AT_ONCE = 1024  # tokens
_NEXT = "next"


@dataclass(frozen=True, eq=False)
class Kept:
    """arrays: a session's state. coming: tokens of the text that are read with those behind them, since nothing was asked of them yet."""

    arrays: dict[str, NDArray[Any]]
    coming: tuple[int, ...]


class Reading:
    """One text. Raises `InputError` for a program that reads texts at once, and for a state that is none of its. kept: to go on from."""

    def __init__(self, encoder: Encoder, name: str, how: How, kept: Kept | None = None) -> None:
        if not encoder.program.flows:
            raise InputError(f"a program that reads {encoder.program.positions} tokens at once", "one through which tokens flow")
        self.encoder, found = encoder, executor(name)
        self.engine = found.prepare(encoder.program.scheduled, how)
        self.session = _session(self.engine) if found.can.flows else None
        self.before: list[int] = []
        self.coming = kept.coming if kept else ()
        if kept is not None:
            _flowing(self.session, f"to go on, {name}").restore(kept.arrays)

    def read(self, ids: Sequence[int]) -> Ints:
        """(tokens, neurons) that are read of the next tokens."""
        if self.session is not None:
            words = self.encoder.flowing(np.array(ids, np.int64))
            return self.session.add({TOKENS: words})[self.encoder.program.probe.name]
        self.before += ids
        rows = self.encoder.rows([(self.before, [0] * len(self.before))])
        return batches.on(self.encoder.program, self.engine, rows).read[len(self.before) - len(ids) :]

    def parts(self, ids: Sequence[int]) -> Iterator[tuple[Ints, NDArray[np.int64]]]:
        """(what is read, the token that follows each), part by part, of all tokens but the last, which waits for what comes behind it."""
        ids, self.coming = [*self.coming, *ids], tuple(ids[-1:])
        size = _AT_ONCE if self.session is not None else len(ids)
        for at in range(0, len(ids) - 1, size):
            some = ids[at : min(at + size, len(ids) - 1)]
            yield self.read(some), np.array(ids[at + 1 : at + 1 + len(some)], np.int64)

    def kept(self) -> Kept:
        """To go on from."""
        return Kept(_flowing(self.session, "to be kept, a text").state(), tuple(self.coming))


def _session(engine: Engine) -> Session | None:
    """None for a program that can be none of: it is read from its first token each time."""
    try:
        return engine.open()
    except InputError:
        return None


def _flowing(session: Session | None, what: str) -> Any:
    if not hasattr(session, "state"):
        raise InputError(f"{what} needs an executor whose sessions have a state", f"--executor {able('hands_over')}")
    return session


def save(program: Program, kept: Kept, path: Path) -> None:
    """Write a state file, atomically."""
    body = {"format": FORMAT, "version": VERSION, "program": program_file.digest(program), _NEXT: list(kept.coming)}
    arrays: Arrays = {name: np.ascontiguousarray(array).reshape(array.shape or (1,)) for name, array in kept.arrays.items()}
    write_atomic(path, network_file.sealed(body, arrays))


def load(program: Program, path: Path) -> Kept:
    """Read one. Raises `FileError` for a file that is damaged, of another version, or of another program."""

    def read(body: dict[str, Any], arrays: Arrays) -> Kept:
        require_fields(body, "format", "version", "program", _NEXT)
        if body["program"] != program_file.digest(program):
            raise FileError(f"{path}: the state of another program", "the program that wrote it, or another --state")
        coming = body[_NEXT]
        vocabulary = len(program.host.front.token)
        if not isinstance(coming, list) or len(coming) > 1 or not all(type(n) is int and 0 <= n < vocabulary for n in coming):
            raise ValueError(f"{_NEXT} is {str(coming)[:40]}, allowed one token of {vocabulary}")
        return Kept({name: array.reshape(()) if name == "tokens" else array for name, array in arrays.items()}, tuple(coming))

    return network_file.opened(path, "state", {(FORMAT, VERSION): read}, {program_file.FORMAT: "a program goes before it"})
