"""Kill runs on Lava at moments spread over their start and their run, and count what is left of them. `make kill-lava`, or

    python tests/kills/kill_lava.py [--kills 50]

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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}
KINDS = ("time-out", *SIGNALS)
COMMANDS = (("verify", "--random", "8", "--executor", "lava"), ("classify", "w1 w2 w3", "--executor", "lava"))
_SHM = Path("/dev/shm")
_WAIT = 20.0  # seconds after which something counts as left


@dataclass(frozen=True)
class Trial:
    """One killed run. left: processes, names in /dev/shm and names in its temporary folder; seconds: until they were gone."""

    kind: str
    code: int
    err: str
    left: tuple[list[str], list[str], list[str]]
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind}, exit {self.code}: left {[len(some) for some in self.left]} after {self.seconds:.1f} s"


class Run:
    """A command whose temporary files go to `folder`, which marks all its processes too: they inherit its name."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        folder.mkdir()
        self.folder, self.before = folder, set(os.listdir(_SHM))
        self.mark = f"TMPDIR={folder}".encode()
        self.started = subprocess.Popen(
            [sys.executable, "-m", "runtime", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            stdout=subprocess.DEVNULL,
            stderr=(folder.parent / f"{folder.name}.txt").open("wb"),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's background would hand it down as ignored
        )

    def wait_for(self, sign: Callable[[Run], bool], limit: float = 60) -> None:
        """Until `sign`, or the end of the run."""
        end = time.monotonic() + limit
        while self.started.poll() is None and time.monotonic() < end and not sign(self):
            time.sleep(0.002)

    def ended(self, kind: str) -> Trial:
        """Wait for its end, then for what is left to go."""
        code, start = self.started.wait(120), time.monotonic()
        while any(left := self.left()) and time.monotonic() < start + _WAIT:
            time.sleep(0.05)
        err = (self.folder.parent / f"{self.folder.name}.txt").read_text("utf-8", "replace")
        return Trial(kind, code, err, left, time.monotonic() - start)

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


def kill(folder: Path, kind: str, program: Path, command: tuple[str, ...], sign: Callable[[Run], bool]) -> Trial:
    """Run, wait for the sign, send the signal."""
    run = Run(folder, command[0], program, *command[1:])
    run.wait_for(sign)
    if run.started.poll() is None:
        run.started.send_signal(SIGNALS[kind])
    return run.ended(kind)


def time_out(folder: Path, program: Path, command: tuple[str, ...], seconds: float) -> Trial:
    """Run with that time limit."""
    return Run(folder, command[0], program, *command[1:], "--time-limit", f"{seconds:.3f}").ended("time-out")


def trials(program: Path, folder: Path, kills: int) -> Iterator[Trial]:
    """Moments at even distances from the start to the length of a run that nobody kills."""
    whole, lava = _lengths(program, folder)
    for n in range(kills):
        kind, command, share = KINDS[n % len(KINDS)], COMMANDS[n // len(KINDS) % len(COMMANDS)], (n + 1) / kills
        place = folder / f"kill{n}"
        if kind == "time-out":
            yield time_out(place, program, command, lava * share)
        else:
            end = time.monotonic() + whole * share
            yield kill(place, kind, program, command, lambda run, end=end: time.monotonic() > end)


def _lengths(program: Path, folder: Path) -> tuple[float, float]:
    """Seconds of a whole run, and from the moment that its job's folder is there."""
    start = time.monotonic()
    run = Run(folder / "whole", *COMMANDS[0][:1], program, *COMMANDS[0][1:])
    run.wait_for(lambda run: bool(os.listdir(run.folder)))
    made, trial = time.monotonic(), run.ended("none")
    assert trial.code == 0 and not any(trial.left), trial
    return time.monotonic() - start, time.monotonic() - made


def lowered(folder: Path) -> Path:
    """A small program."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import random_checkpoint

    from compiler.lower import lower
    from runtime import program_file

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
    ends = ", ".join(f"{count} {kind} with {code}" for (kind, code), count in sorted(Counter((t.kind, t.code) for t in done).items()))
    print(f"{len(done)} kills: {ends}; {sum('Traceback' in t.err for t in done)} tracebacks")
    print(f"left: {processes} processes, {segments} files in /dev/shm, {folders} folders, by {sum(any(t.left) for t in done)} runs")
    print(f"all was gone {max((t.seconds for t in done), default=0):.1f} s after the end at the latest")
    return int(any(any(t.left) for t in done))


if __name__ == "__main__":
    sys.exit(main())
