"""stdin, stdout and stderr as they may be: closed, not UTF-8, or a pipe whose other end has gone."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def prepare() -> None:
    """Before a command works: a stream that is closed becomes one that nobody reads, and no character is beyond an encoding.

    Otherwise the next file that is opened would take the closed stream's number, and a library's own output would go into it.
    """
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: the closed stream's
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # half a name from a file system, or a letter that ASCII lacks


def to_nobody(stream: Any) -> None:
    """What is still to be written to `stream`, and what waits in its buffer, goes nowhere: Python's own flush at the end fails no more."""
    with suppress(OSError, ValueError):
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, stream.fileno())
        os.close(handle)


def say(line: str) -> None:
    """A line on stderr, if anybody still reads it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        to_nobody(sys.stderr)
