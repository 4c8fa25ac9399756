"""Kill one of two processes that train, go on with the same command, and compare all bytes that are left with those of a run without the kill.

    python tests/kill_several.py [--measure window flow language stream]

The other process must end by itself, and say why. The teacher is asked by the leading process alone. `--measure` prints what `several.py` does first.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import several
import torch
from command import model_main
from kill_training import _watch, left

from tritspike.models.phases import Phases
from tritspike.models.teacher import Teacher
from tritspike.runtime.cli import run_command

UPDATES = {"window": (3, 9), "stream": (2,)}  # in which of its steps one is killed: of 6 in floats, two for each check, and 4 in integers
RENAMES = {"window": r"float\.safetensors", "stream": "nothing"}  # before and after which the leading one is


def command(kind: str, config: Path, at: Path) -> Callable[[], None]:
    folder, teacher = (at / "glue", at / "base") if kind == "window" else (at / "wiki", at / "gpt")
    steps = ["schedule.float_steps=6", "schedule.integer_steps=4", "schedule.check_every=2"]
    said = ["--config", config, "--teacher", teacher, "--data", folder, "--out", at / "out", "--threads", "1", "--set", *steps]
    sys.argv = ["train", *map(str, said)]
    return lambda: run_command(model_main("train"))


def run(work: Callable[[], None], at: Path, harm: Callable[[int], None] = lambda rank: None) -> list[int]:
    """Wait statuses of both; `harm(rank)` is called in each before."""

    def ending() -> None:
        try:
            work()
        except SystemExit as end:
            if end.code:
                raise

    def before(rank: int) -> None:
        time.time = lambda: 0.0  # cards hold how many minutes a training took
        _note(at / "asked", rank)
        harm(rank)

    return several.together(2, ending, at, before)


def _note(path: Path, rank: int) -> None:
    """Which process asks the teacher for labels."""
    real = Teacher.logits

    def logits(self: Teacher, *given: object, **more: object) -> object:
        with path.open("a") as out:
            out.write(f"{rank}")
        return real(self, *given, **more)  # type: ignore[arg-type]

    Teacher.logits = logits  # type: ignore[assignment]


def at_update(number: int) -> Callable[[int], None]:
    def harm(rank: int) -> None:
        real, done = Phases._update, []

        def update(self: Phases, *given: object) -> torch.Tensor:
            done.append(1)
            if len(done) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, *given)  # type: ignore[arg-type]

        if rank == 1:
            Phases._update = update  # type: ignore[method-assign]

    return harm


def at_rename(log: Path, number: int, after: bool) -> Callable[[int], None]:
    return lambda rank: _watch(log, number, after) if rank == 0 else None


def harms(kind: str, work: Callable[[], None], at: Path) -> dict[str, tuple[int, Callable[[int], None]]]:
    """Which process is killed, and how, each by what is said of it; `at`/out is left as a run without a kill leaves it."""
    assert run(work, at, at_rename(at / "log", 0, False)) == [0, 0], (at / "said-0").read_text() + (at / "said-1").read_text()
    found = {f"in step {n}": (1, at_update(n)) for n in UPDATES[kind]}
    targets = (at / "log").read_text().split("\n")
    for n, target in enumerate(targets, 1):
        if re.match(RENAMES[kind], target):
            found |= {f"{'after' if after else 'before'} {target}": (0, at_rename(at / "log", n, after)) for after in (False, True)}
    return found


def faults(kind: str, config: Path, at: Path) -> tuple[int, list[str]]:
    """(kills, what went wrong after which)."""
    work, found = command(kind, config, at), []
    some = harms(kind, work, at)
    whole = left(at / "out")
    if kind == "window" and set((at / "asked").read_text()) != {"0"}:
        found.append(f"{kind}: the teacher was asked by {(at / 'asked').read_text()}")
    for where, (rank, harm) in some.items():
        shutil.rmtree(at / "out")
        ends = run(work, at, harm)
        if not os.WIFSIGNALED(ends[rank]) or os.waitstatus_to_exitcode(ends[1 - rank]) != 1:
            found.append(f"{kind}, {where}: ended with {ends}")
        elif "error: another process of this training has ended" not in (said := (at / f"said-{1 - rank}").read_text()):
            found.append(f"{kind}, {where}: the other one says {said[-1000:]}")
        if run(work, at) != [0, 0] or left(at / "out") != whole:
            found.append(f"{kind}, {where}: goes on to another end: {(at / 'said-0').read_text()[-1000:]}")
    return len(some), found


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", default=[])
    o, wrong = parser.parse_args(argv), []
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        configs = several.prepared(Path(folder))
        for kind in o.measure:
            print(several.line(kind, configs[kind], Path(folder)), flush=True)
        shutil.rmtree(Path(folder) / "cache", ignore_errors=True)
        for kind in UPDATES:
            kills, found = faults(kind, configs[kind], Path(folder))
            shutil.rmtree(Path(folder) / "out")
            print(f"{kind}: {kills} kills, {len(found)} of them with another end", flush=True)
            wrong += found
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
