"""A temporary folder, and commands run beside it, of which nothing is left: no process, no shared memory, no folder.

A process of its own (`runtime/keeper.py`) makes the folder and runs the commands. It clears up at the end of the block, after a time-out or
Ctrl-C, and also where this process is killed: it outlives it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import TritspikeError

_KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True)
class Kept:
    """A folder, and the process that keeps it."""

    folder: Path
    keeper: subprocess.Popen[str]
    error: type[TritspikeError]

    def run(self, command: list[str], limit: float | None = None) -> int | None:
        """Exit code of `command`, negative for a signal, after all that it started is gone too; None where it took over `limit` seconds.

        What is running still is killed at the end of the block. Raises what `keep` was told to where `command` cannot be started.
        """
        self.start(command)
        return self.ended(limit)

    def start(self, command: list[str]) -> None:
        """Without waiting for its end; nothing else can be run before."""
        assert self.keeper.stdin
        try:
            print(json.dumps(command), file=self.keeper.stdin, flush=True)
        except BrokenPipeError:
            raise _lost(self.keeper, self.error) from None

    def ended(self, limit: float | None = None) -> int | None:
        """As `run`, of a command that was started."""
        answer = _answer(self.keeper, self.error, limit)
        return None if answer is None else answer["code"]

    def told(self, pipe: int, limit: float) -> bool | None:
        """Wait for a byte in `pipe`: True, False where the command ended before, None where it took over `limit` seconds."""
        assert self.keeper.stdout
        both = [pipe, self.keeper.stdout.fileno()]
        found = select.select(both, [], [], min(limit, threading.TIMEOUT_MAX))[0]
        return pipe in found and bool(os.read(pipe, 1)) if found else None

    def last_line(self) -> str | None:
        """The last line, not empty, that the command wrote on stdout or stderr."""
        try:
            lines = (self.folder / "log.txt").read_text("utf-8", "replace").splitlines()
        except OSError:
            return None
        return next((line.strip() for line in reversed(lines) if line.strip()), None)


@contextmanager
def keep(prefix: str, environment: Mapping[str, str], error: type[TritspikeError]) -> Iterator[Kept]:
    """A new folder whose name starts with `prefix`; commands are run in `environment`. Raises `error` where it cannot be made."""
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_KEEPER), tempfile.gettempdir(), prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # out of reach of Ctrl-C, which a terminal sends to all of ours
        env=environment,
        text=True,
    )
    folder = None
    try:
        answer = _answer(keeper, error, None)
        assert answer
        folder = Path(answer["folder"])
        yield Kept(folder, keeper, error)
    finally:
        _end(keeper)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)  # there only if the keeper was killed


def _answer(keeper: subprocess.Popen[str], error: type[TritspikeError], limit: float | None) -> dict[str, Any] | None:
    """None after `limit` seconds without one."""
    assert keeper.stdout
    if limit is not None and not select.select([keeper.stdout], [], [], min(limit, threading.TIMEOUT_MAX))[0]:
        return None
    answer = json.loads(keeper.stdout.readline() or "{}")
    if not answer:
        raise _lost(keeper, error)
    if "error" in answer:
        raise error(answer["error"])
    return answer


def _lost(keeper: subprocess.Popen[str], error: type[TritspikeError]) -> TritspikeError:
    return error(f"the process that runs it and clears up after it ended with {keeper.wait()}: nothing is known of its run")


def _end(keeper: subprocess.Popen[str]) -> None:
    """Give the order to clear up, and wait until that is done. Interrupted, the keeper goes on alone."""
    assert keeper.stdin and keeper.stdout
    with suppress(BrokenPipeError):
        print(file=keeper.stdin, flush=True)  # not only closed: a process that was forked meanwhile may hold it open
    with suppress(BrokenPipeError):
        keeper.stdin.close()
    keeper.wait()
    keeper.stdout.close()
