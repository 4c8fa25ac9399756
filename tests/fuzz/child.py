"""One command in a child forked from this warm process, its memory, time and files limited; or as a real command."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from command import lower_main, runtime_main
from fuzz.case import LOWER, RUNTIME, Done, Step

from tritspike.runtime.cli import run_command

ROOT = Path(__file__).resolve().parents[2]
MAINS: dict[str, Callable[[list[str]], int | None]] = {LOWER: lower_main, RUNTIME: runtime_main}
_SQLITE = ("-wal", "-shm")  # beside a database that somebody has told to keep a write-ahead log, SQLite leaves these
_REAL = {LOWER: [str(ROOT / "compiler" / "lower.py")], RUNTIME: ["-m", "runtime"]}


@dataclass(frozen=True)
class Limits:
    """memory: bytes beyond what the warm process has. cpu: seconds of CPU, so that a busy machine makes no fault; wall: of waiting for anything."""

    memory: int = 1 << 30
    cpu: int = 20
    wall: float = 120.0
    file: int = 1 << 28


def forked(step: Step, folder: Path, limits: Limits) -> Done:
    """Run by the very function that the command calls."""
    return _run(step, folder, limits, lambda: _command(step))


def spawned(step: Step, folder: Path, limits: Limits) -> Done:
    """Run as a shell runs it."""
    return _run(step, folder, limits, lambda: _exec(step))


def _run(step: Step, folder: Path, limits: Limits, act: Callable[[], NoReturn]) -> Done:
    before = files(folder)
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(folder, limits, out.fileno(), err.fileno(), act)
        try:
            hung = not _ended(child, limits.wall)
        finally:  # its whole session, whether it ended, is late or is no longer wanted
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        texts = [_read(f.fileno()) for f in (out, err)]
    after = files(folder)
    made = tuple(sorted(name for name in after.keys() | before.keys() if after.get(name) != before.get(name)))
    return Done(step, code, *texts, seconds, hung or code == -signal.SIGXCPU, made)


def _ended(child: int, wall: float) -> bool:
    """Wait; whether it ended by itself."""
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], wall)[0])
    finally:
        os.close(handle)


def _read(handle: int) -> str:
    return os.pread(handle, os.fstat(handle).st_size, 0).decode(errors="surrogateescape")


def files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What lies in a folder: (mode, size, time of the last change) by path."""
    found = ((p, p.lstat()) for p in folder.rglob("*") if not p.name.endswith(_SQLITE))
    return {str(p.relative_to(folder)): (s.st_mode, s.st_size, s.st_mtime_ns) for p, s in found if not p.is_dir() or p.is_symlink()}


def _become(folder: Path, limits: Limits, out: int, err: int, act: Callable[[], NoReturn]) -> NoReturn:
    """In the child. What the fuzzer itself gets wrong here ends with 99, which no promise allows."""
    try:
        os.setsid()
        os.chdir(folder)
        os.environ["TMPDIR"], tempfile.tempdir = str(folder), None  # what is left there is seen
        for handle, target in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
            os.dup2(handle, target)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _limit(limits)
        act()
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(99)


def _limit(limits: Limits) -> None:
    here = limits.memory + data_size()
    resource.setrlimit(resource.RLIMIT_DATA, (here, here))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file, limits.file))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def data_size() -> int:
    """Bytes of private writable memory that this process has mapped: what RLIMIT_DATA counts."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmData:")[1].split()[0]) << 10


def _command(step: Step) -> NoReturn:
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    faulthandler.enable(sys.stderr)
    sys.argv = [step.command, *step.arguments]
    code: object = 1
    try:
        run_command(MAINS[step.command])
    except SystemExit as end:
        code = end.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:  # what the interpreter would do with it
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 1)


def _exec(step: Step) -> NoReturn:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.execve(sys.executable, [sys.executable, *_REAL[step.command], *step.arguments], os.environ | {"PYTHONPATH": path})
