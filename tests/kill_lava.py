"""Kill runs on Lava at moments spread over their start and their run, and count what is left of them. `make kill-lava`, or

    python tests/kill_lava.py [--kills 50]

The kinds take turns: a time-out, and SIGINT, SIGTERM and SIGKILL of our own process. Exit 1 where a process, a file in /dev/shm or a
temporary folder is left.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}
KINDS = ("time-out", *SIGNALS)
COMMANDS = (("verify", "--random", "8", "--executor", "lava"), ("classify", "w1 w2 w3", "--executor", "lava"))
_SHM = Path("/dev/shm")
_WAIT = 20.0  # seconds after which something counts as left


@dataclass(frozen=True)
class Trial:
    """One killed run. alive: what there was to leave; left: processes, names in /dev/shm and in its folder; seconds: until all was gone."""

    kind: str
    alive: str
    code: int
    err: str
    left: tuple[list[str], list[str], list[str]]
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} ({self.alive}), exit {self.code}: left {[len(some) for some in self.left]} after {self.seconds:.1f} s"


class Run:
    """A command whose temporary files go to `folder`, which marks all its processes too: they inherit its name."""

    def __init__(self, folder: Path, *arguments: object, command: tuple[str, ...] = ("-m", "runtime")) -> None:
        folder.mkdir()
        self.folder, self.before = folder, set(os.listdir(_SHM))
        self.mark = f"TMPDIR={folder}".encode()
        self.started = subprocess.Popen(
            [sys.executable, *command, *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            stdout=subprocess.DEVNULL,
            stderr=(folder.parent / f"{folder.name}.txt").open("wb"),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's background would hand it down as ignored
        )

    def wait_for(self, sign: Callable[[Run], bool], limit: float = 300) -> None:
        """Until `sign`, or the end of the run."""
        end = time.monotonic() + limit
        while self.started.poll() is None and time.monotonic() < end and not sign(self):
            time.sleep(0.002)

    def ended(self, kind: str, alive: str) -> Trial:
        """Wait for its end, then for what is left to go."""
        code, start = self.started.wait(120), time.monotonic()
        while any(left := self.left()) and time.monotonic() < start + _WAIT:
            time.sleep(0.05)
        err = (self.folder.parent / f"{self.folder.name}.txt").read_text("utf-8", "replace")
        return Trial(kind, alive, code, err, left, time.monotonic() - start)

    def left(self) -> tuple[list[str], list[str], list[str]]:
        ours = self.processes()
        return ours, sorted(self.segments() - held_by_others(ours)), os.listdir(self.folder)

    def processes(self) -> list[str]:
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and self.mark in read(pid, "environ").split(b"\0")]

    def segments(self) -> set[str]:
        """Names in /dev/shm that were not there before."""
        return set(os.listdir(_SHM)) - self.before


def held_by_others(ours: list[str]) -> set[str]:
    """Names in /dev/shm that other people's processes have mapped."""
    texts = (read(pid, "maps") for pid in os.listdir("/proc") if pid.isdigit() and pid not in ours)
    return {name.decode() for text in texts for name in re.findall(rb"/dev/shm/(\S+)", text)}


def read(pid: str, name: str) -> bytes:
    """Empty where the process is gone, or waits as a zombie for whoever adopted it."""
    try:
        return Path("/proc", pid, name).read_bytes()
    except OSError:
        return b""


def kill(folder: Path, kind: str, program: Path, command: tuple[str, ...], *signs: Callable[[Run], bool]) -> Trial:
    """Run, wait for one sign after the other, send the signal."""
    run = Run(folder, command[0], program, *command[1:])
    for sign in signs:
        run.wait_for(sign)
    alive = f"{len(run.processes())} processes, {len(run.segments())} segments"
    if run.started.poll() is None:
        run.started.send_signal(SIGNALS[kind])
    return run.ended(kind, alive)


def time_out(folder: Path, program: Path, command: tuple[str, ...], seconds: float) -> Trial:
    """Run with that time limit."""
    return Run(folder, command[0], program, *command[1:], "--time-limit", f"{seconds:.3f}").ended("time-out", f"after {seconds:.1f} s")


def folder_is_made(run: Run) -> bool:
    return bool(os.listdir(run.folder))


def after(seconds: float) -> Callable[[Run], bool]:
    """A sign that comes `seconds` after it is first looked for."""
    ends: list[float] = []

    def come(run: Run) -> bool:
        if not ends:
            ends.append(time.monotonic() + seconds)
        return time.monotonic() >= ends[0]

    return come


def trials(program: Path, folder: Path, kills: int) -> Iterator[Trial]:
    """A fifth of the moments at even distances before its folder is made, the others from there to its end; earlier where a run was quicker."""
    before, lava, tries = *_lengths(program, folder), count()
    for n in range(kills):
        while not (trial := _trial(program, folder / f"run{next(tries)}", n, 1.25 * n / kills - 0.25, before, lava)).code:
            assert not any(trial.left), trial
            lava *= 0.9
        yield trial


def _trial(program: Path, folder: Path, n: int, share: float, before: float, lava: float) -> Trial:
    kind, command = KINDS[n % len(KINDS)], COMMANDS[n // len(KINDS) % len(COMMANDS)]
    if kind == "time-out":
        return time_out(folder, program, command, max(0.001, lava * share))
    signs = [after(before * (1 + 4 * share))] if share < 0 else [folder_is_made, after(lava * share)]
    return kill(folder, kind, program, command, *signs)


def _lengths(program: Path, folder: Path) -> tuple[float, float]:
    """Seconds of a whole run until its job's folder is there, and from there on."""
    start = time.monotonic()
    run = Run(folder / "whole", *COMMANDS[0][:1], program, *COMMANDS[0][1:])
    run.wait_for(folder_is_made)
    made, trial = time.monotonic(), run.ended("none", "")
    assert trial.code == 0 and not any(trial.left), trial
    return made - start, time.monotonic() - made


def lowered(folder: Path) -> Path:
    """A small program."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import random_checkpoint

    from tritspike.compiler.lower import lower
    from tritspike.runtime.host import file as program_file

    program_file.save(lower(random_checkpoint.write(folder / "checkpoint"), "loihi2"), folder / "p.tsp")
    return folder / "p.tsp"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = []
        for trial in trials(lowered(folder), folder, parser.parse_args().kills):
            print(trial, flush=True)
            done.append(trial)
    return _report(done)


def _report(done: list[Trial]) -> int:
    processes, segments, folders = (sum(len(t.left[n]) for t in done) for n in range(3))
    ends = ", ".join(f"{number} {kind} with {code}" for (kind, code), number in sorted(Counter((t.kind, t.code) for t in done).items()))
    print(f"{len(done)} kills: {ends}; {sum('Traceback' in t.err for t in done)} tracebacks")
    print(f"left: {processes} processes, {segments} files in /dev/shm, {folders} folders, by {sum(any(t.left) for t in done)} runs")
    print(f"all was gone {max((t.seconds for t in done), default=0):.1f} s after the end at the latest")
    return int(any(any(t.left) for t in done))


if __name__ == "__main__":
    sys.exit(main())
