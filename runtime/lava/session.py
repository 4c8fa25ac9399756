"""End a session of processes and let its shared memory be unlinked."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def kill_session(session: int) -> None:
    """SIGKILL every process of `session` except multiprocessing's resource tracker, which then unlinks what the others leave in /dev/shm."""
    for pid in _members(session):
        if pid != os.getpid() and b"resource_tracker" not in _command(pid):
            _kill(pid)
    if os.getsid(0) == session:
        _kill(os.getpid())


def _members(session: int) -> list[int]:
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    return [pid for pid in pids if _session(pid) == session]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _command(pid: int) -> bytes:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
