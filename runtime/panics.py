"""What the tokenizer library raises, as one of our errors in one line.

It raises bare `Exception` for every fault. Its panics are `BaseException`s that have printed themselves to file descriptor 2 before Python hears
of them, so where one may come the descriptor is kept back for as long.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO

from tritspike.hw_profiles.errors import TritspikeError

_one = threading.RLock()  # descriptor 2 is the process's


@contextmanager
def answering(where: str, kind: type[TritspikeError], quiet: bool = True) -> Iterator[None]:
    """Whatever the library raises, or panics with, becomes `kind`. quiet: what a panic prints is not seen either."""
    try:
        with _held_stderr() if quiet else nullcontext():
            yield
    except BaseException as error:
        if isinstance(error, TritspikeError) or not (isinstance(error, Exception) or _is_panic(error)):
            raise
        raise kind(f"{where}: {_first_line(error)}") from None


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"  # pyo3's own, which no module exports


def _first_line(error: BaseException) -> str:
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)


@contextmanager
def _held_stderr() -> Iterator[None]:
    """What is written to descriptor 2 meanwhile is written afterwards; after a panic it is dropped."""
    with _one:
        try:
            own, kept = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115
        except OSError:  # it is closed, or there is no room
            yield
            return
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if _is_panic(error):
                kept.truncate(0)
            raise
        finally:
            os.dup2(own, 2)
            os.close(own)
            _copy(kept)


def _copy(kept: IO[bytes]) -> None:
    with kept:
        kept.seek(0)
        os.write(2, kept.read())
