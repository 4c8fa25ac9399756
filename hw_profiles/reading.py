"""Reading files that somebody hands over."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"), (stat.S_ISSOCK, "a socket"))


def read_regular(path: Path) -> bytes:
    """The whole of a regular file; `OSError` as `open_regular` has them."""
    with open_regular(path) as file:
        try:
            return file.read()
        except MemoryError:
            raise OSError(errno.EFBIG, "larger than the memory that is left") from None


def open_regular(path: Path) -> BinaryIO:
    """A regular file, to be read piece by piece. `OSError` for anything else: a FIFO or a device is refused, not waited for.

    `ValueError`s that `open` has for names no system takes (a zero byte, a lone surrogate) are `OSError`s too.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # with O_NONBLOCK, a FIFO without a writer opens at once
    except ValueError as error:
        raise OSError(errno.EINVAL, f"not a file name: {unnamable(error)}") from None
    try:
        require_regular(os.fstat(handle).st_mode)
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def unnamable(error: ValueError) -> str:
    """Why no system takes a name: in our words, for those about a zero byte are not the same in all Pythons."""
    return str(error) if isinstance(error, UnicodeError) else "embedded null byte"


def require_regular(mode: int) -> None:
    """`OSError` that says what it is where `mode` is not a regular file's."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        what = next((name for test, name in _KINDS if test(mode)), "something else")
        raise OSError(errno.EINVAL, f"{what}, not a regular file")


def reason(error: OSError) -> str:
    """Why a file could not be read, as the end of a sentence."""
    text = error.strerror or "unreadable"
    return text[0].lower() + text[1:]
