"""The process that clears up, whatever ends the command that started it: `python -I -S keeper.py WHERE PREFIX`. `runtime/kept.py` starts it.

It makes a temporary folder in WHERE, then runs what it reads: one command a line, a JSON list. It answers in lines of JSON: the folder, then
each command's exit code. An empty line is the order to clear up, and so is the end of its input, which the kernel gives when the other side
dies, even of SIGKILL. To clear up is to kill everything below this process, to unlink what that left in /dev/shm, and to remove the folder.

As a subreaper it is handed every descendant whose own parent has died, so when it has no child left, nothing is left that could fork.
Standard library only and no site packages: it starts in a blink. Linux only.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_SHM = "/dev/shm"
_NAMES = ("psm_", "sem.")  # how Python names shared memory, and the C library semaphores
_TRACKER = b"resource_tracker"  # multiprocessing's process that unlinks, when all others are dead, what they registered with it
_PATIENCE = 10.0  # seconds until the tracker is killed as well
_INPUT = io.FileIO(0, closefd=False)  # unbuffered: nothing is read ahead of what `select` sees
_STOPPED = ("T", "t", "Z", "X")  # states in which a process changes nothing


def main(where: str, prefix: str) -> None:
    """Keep one folder and run commands until the order comes."""
    parent = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the commands would inherit
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        folder = tempfile.mkdtemp(prefix=prefix, dir=where)
    except OSError as error:
        return _tell(error=str(error))
    try:
        _tell(folder=folder)
        while line := _next_line(parent):
            _answer(json.loads(line), folder, parent)
    finally:
        end_descendants()
        shutil.rmtree(folder, ignore_errors=True)


def _answer(command: list[str], folder: str, parent: int) -> None:
    try:
        _tell(code=_run(command, folder, parent))
    except OSError as error:
        _tell(error=str(error))


def _tell(**answer: object) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps(answer), flush=True)


def _next_line(parent: int) -> bytes:
    while not _called(parent, 1.0):
        pass
    return _INPUT.readline().strip() if os.getppid() == parent else b""


def _called(parent: int, seconds: float) -> bool:
    """Whether there is input or its end. The parent is watched too: a process that it forked may hold the pipe open after its death."""
    return bool(select.select([_INPUT], [], [], seconds)[0]) or os.getppid() != parent


def _run(command: list[str], folder: str, parent: int) -> int | None:
    """Exit code of `command`, what it wrote in FOLDER/log.txt, nothing of it running any more; None where it was called off."""
    with open(os.path.join(folder, "log.txt"), "wb") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    while (code := child.poll()) is None and not _called(parent, 0.05):
        pass
    end_descendants()
    return code


def end_descendants() -> None:
    """SIGKILL every descendant until there is none, and unlink the shared memory and semaphores that they held.

    Each is stopped before it is looked at: one that dies while it makes a semaphore has told nobody that semaphore's name.
    """
    held, end = set[int](), time.monotonic() + _PATIENCE
    while _reap():
        late = time.monotonic() > end
        found = [pid for pid in _descendants() if late or _TRACKER not in _read(pid, "cmdline")]
        _stop(found)
        held |= {inode for pid in found for inode in _held(pid)}
        _signal(found, signal.SIGKILL)
        time.sleep(0.01)
    _unlink(held)


def _reap() -> bool:
    """Whether a child is left, after those that have ended are buried."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _descendants() -> list[int]:
    parents = {int(name): _stat(int(name))[1] for name in os.listdir("/proc") if name.isdigit()}
    found, new = list[int](), [os.getpid()]
    while new:
        new = [pid for pid, parent in parents.items() if parent in new]
        found += new
    return found


def _stat(pid: int) -> tuple[str, int]:
    """(state, parent's pid); ("X", -1) where the process is gone."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()  # its name, in brackets, may hold anything
    return (fields[0].decode(), int(fields[1])) if fields else ("X", -1)


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _stop(pids: list[int]) -> None:
    _signal(pids, signal.SIGSTOP)
    end = time.monotonic() + 1
    while any(_stat(pid)[0] not in _STOPPED for pid in pids) and time.monotonic() < end:
        time.sleep(0.001)


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def _held(pid: int) -> Iterator[int]:
    """Inodes in /dev/shm that a process has mapped or open, under whatever name."""
    device = os.stat(_SHM).st_dev if os.path.exists(_SHM) else -1
    for line in _read(pid, "maps").splitlines():
        place, inode = line.split()[3:5]
        major, minor = place.split(b":")
        if os.makedev(int(major, 16), int(minor, 16)) == device:
            yield int(inode)
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{name}")
                if found.st_dev == device:
                    yield found.st_ino


def _unlink(inodes: set[int]) -> None:
    for name in os.listdir(_SHM) if inodes else []:
        path = f"{_SHM}/{name}"
        with suppress(OSError):
            if name.startswith(_NAMES) and os.lstat(path).st_ino in inodes:
                os.unlink(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
