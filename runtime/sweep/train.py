"""One training of a sweep, as `tritspike train` does it, in a process of its own: whoever runs it needs torch only there."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tritspike
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime.children import children, run_module
from tritspike.runtime.errors import ClusterError, FileError
from tritspike.runtime.files import make_folder

_MODULE = "tritspike.models.train"
_LOCK = ".training"
_PATIENCE = 30.0  # seconds for what a killed worker trained here to be gone


def attempt(folder: str, arguments: Sequence[str], version: str) -> str | None:
    """Train in `folder`, on from where an earlier try was killed; None, or why it failed. A worker runs this; paths are the same there."""
    try:
        if version != tritspike.__version__:
            raise ClusterError(f"a worker has tritspike {tritspike.__version__}, the client {version}", "install one version on all")
        make_folder(Path(folder))
        with _alone(Path(folder)), children("tritspike-sweep-") as kept:
            run_module(kept, folder, _MODULE, [*arguments, "--out", folder])
    except TritspikeError as error:
        return str(error)
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No two trainings in one folder; the lock of a process that has died is free. Raises `FileError`."""
    end = time.monotonic() + _PATIENCE
    with (folder / _LOCK).open("w") as lock:
        while not _locked(lock.fileno()):
            if time.monotonic() > end:
                raise FileError(f"{folder}: another training writes there", "wait for it, or end it")
            time.sleep(0.5)
        yield


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
