"""Lava that is missing, starved, dying or hanging: one line, exit 1, and neither a process nor shared memory left behind."""

from __future__ import annotations

import importlib.util
import re
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command import RUNTIME, begun

from tritspike.runtime import bits
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.executors.lava import executor, job, room, stock
from tritspike.runtime.executors.lava.plan import Plan, plan
from tritspike.runtime.host import file as program_file
from tritspike.runtime.kept import Kept
from tritspike.runtime.network.rows import Rows

needs_lava = pytest.mark.skipif(not stock.installed(), reason="lava-nc is not installed")


def classify(program: Path) -> tuple[str, Path, str, str, str]:
    return "classify", program, "w1 w2", "--executor", "lava"


def rows(program, count: int) -> Rows:
    words = bits.pack(np.ones((count * program.positions, program.steps, program.hidden), np.bool_))
    return Rows({"x": words}, np.full(count, program.positions), program.positions)


@pytest.fixture()
def jobs(tmp_path, monkeypatch):
    """Where job folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "jobs"))
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


@pytest.fixture()
def child(tmp_path, monkeypatch, jobs):
    """Puts a shell script in the place of the child's Python."""

    def put(script: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(executor, "sys", SimpleNamespace(executable=str(path)))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found")

    return put


def test_not_installed(program, shell, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = "Lava is not installed (hint: tritspike lava install)"
    assert shell.refusal(RUNTIME, *classify(program)) == expected
    assert shell.refusal(RUNTIME, "verify", program) == expected


def test_another_system(program, shell, monkeypatch):
    monkeypatch.setattr(stock, "sys", SimpleNamespace(platform="darwin"))
    found = shell.refusal(RUNTIME, *classify(program))
    assert found == "Lava is run on Linux alone (hint: the other executors give the same spikes)"


def test_a_folder_of_its_name_is_not_lava(tmp_path, monkeypatch):
    """As tests/lava is one, which Python takes for a package where the real one is not there."""
    (tmp_path / "lava").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [m for m in sys.modules if m.split(".")[0] == "lava"]:
        monkeypatch.delitem(sys.modules, name)
    assert stock.there("lava") and not stock.installed()


def test_too_little_shared_memory(program, shell, monkeypatch, jobs):
    asked = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found")
    monkeypatch.setattr(Plan, "shared_memory", lambda self, recorded: 300 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=(64 << 20) + 5))
    assert shell.refusal(RUNTIME, *classify(program)) == (
        "/dev/shm: what Lava's channels need of it, in MiB, is 300, allowed up to 64, which are free: mount a larger one"
    )
    assert asked == [Path("/dev/shm")]


def processes(program: Path) -> int:
    return plan(program_file.load(program).scheduled).processes()


def test_too_few_files(program, shell, monkeypatch, jobs):
    count = processes(program)
    wanted = 12 * count + 128
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found")
    monkeypatch.setattr(resource, "getrlimit", lambda what: (64, wanted - 1))
    assert shell.refusal(RUNTIME, *classify(program)) == (
        f"Lava: the number of open files for {count} processes is {wanted}, allowed up to {wanted - 1}: ulimit -n"
    )


@pytest.mark.parametrize("hard", ["just enough", resource.RLIM_INFINITY])
def test_soft_limit_on_files_is_raised(hard, program, monkeypatch):
    count, limits = processes(program), []
    wanted = 12 * count + 128
    hard = wanted if hard == "just enough" else hard
    monkeypatch.setattr(resource, "getrlimit", lambda what: (64, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda what, pair: limits.append((what, pair)))
    room.raise_files(count)
    assert list(room.findings(count, 0)) == []
    assert limits == [(resource.RLIMIT_NOFILE, (wanted, hard))]


def test_too_many_processes(program, shell, monkeypatch, jobs):
    count = processes(program)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found")
    monkeypatch.setattr(room, "MOST_PROCESSES", count - 1)
    assert shell.refusal(RUNTIME, *classify(program)) == (
        f"Lava: the number of processes that neurons and synapses of so many kinds need is {count}, allowed up to {count - 1}"
        ": share thresholds and leaks"
    )


@pytest.mark.parametrize(
    "script, expected",
    [
        ("echo starting; echo out of luck >&2; echo; exit 3", "Lava died with exit code 3: out of luck"),
        ("exit 1", "Lava died with exit code 1: none"),
        ("printf 'caf\\351\\n'; exit 4", "Lava died with exit code 4: caf\ufffd"),
        ("kill -9 $$", "Lava died with exit code -9: none"),
    ],
)
def test_child_that_dies(script, expected, program, shell, child, jobs):
    child(script)
    assert shell.refusal(RUNTIME, *classify(program)) == expected
    assert list(jobs.iterdir()) == []


def test_child_that_hangs(program, shell, child, jobs, tmp_path):
    """With what it started, and though it would not hear SIGTERM."""
    child(f"trap '' TERM; cut -d' ' -f6 /proc/$$/stat > {tmp_path}/session; sleep 600 & echo working; sleep 600")
    start = time.monotonic()
    code, out, err = shell.run(RUNTIME, *classify(program), "--time-limit", "10")
    assert (code, out) == (1, "") and time.monotonic() - start < 300  # it would sleep twice as long
    assert begun(err) == "error: Lava did not finish within 10 s and was killed; its last words: working (hint: raise --time-limit)\n"
    assert not members(int((tmp_path / "session").read_text()))
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "w1", "--executor", "lava"),
        ("glue", "--executor", "lava", "--task", "sst2"),
        ("verify",),
        ("verify", "--executor", "reference", "--against", "lava"),
    ],
)
def test_time_limit_reaches_lava(arguments, program, shell, tmp_path, monkeypatch):
    def never(program, inputs, record, limit):
        raise ExecutorError(f"limit {limit!r}")

    monkeypatch.setattr(executor, "run", never)
    if arguments[0] == "glue":
        (tmp_path / "SST-2").mkdir()
        (tmp_path / "SST-2" / "dev.tsv").write_text("sentence\tlabel\nw1\t1\n")
        arguments = (*arguments, "--data", tmp_path)
    assert shell.refusal(RUNTIME, arguments[0], program, *arguments[1:], "--time-limit", "2.5") == "limit 2.5"
    assert shell.refusal(RUNTIME, arguments[0], program, *arguments[1:]) == "limit 1800.0"


@needs_lava
def test_damaged_job(program, shell, monkeypatch, jobs):
    """The real child, which finds no program in its job."""
    made = []
    monkeypatch.setattr(job, "write", lambda wanted, planned, folder: made.append(folder) or (folder / "job.json").write_text("{"))
    monkeypatch.setattr(job, "play", lambda *rest: None)
    found = shell.refusal(RUNTIME, *classify(program))
    assert found == f"Lava died with exit code 1: tritspike.runtime.errors.FileError: {made[0]}/job.json: not a JSON file: truncated or damaged"
    assert list(jobs.iterdir()) == []


@needs_lava
def test_real_lava_that_takes_too_long(program, monkeypatch, jobs):
    seen = {}

    def spy(kept, command, limit):
        code = run(kept, command, limit)
        assert until(lambda: len(members(kept.keeper.pid)) > 10 and len(segments(kept.keeper.pid)) > 10), "it never ran"
        seen.update(session=kept.keeper.pid, segments=segments(kept.keeper.pid))
        return code

    run = Kept.run
    monkeypatch.setattr(Kept, "run", spy)
    loaded = program_file.load(program)
    with pytest.raises(ExecutorError) as refusal:
        executor.run(loaded.scheduled, rows(loaded, 10**5), limit=1)
    assert str(refusal.value) == "Lava did not finish within 1 s and was killed; its last words: none (hint: raise --time-limit)"
    assert not members(seen["session"]) and not [s for s in seen["segments"] if Path(s).exists()]
    assert list(jobs.iterdir()) == []


def members(session: int) -> list[int]:
    """Processes of a session, zombies left out: those wait for whoever adopted them."""
    return [int(p.name) for p in Path("/proc").glob("[0-9]*") if (found := stat(p)) and found[3] == str(session) and found[0] != "Z"]


def stat(process: Path) -> list[str]:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def segments(session: int) -> set[str]:
    """Shared memory that the processes of a session hold."""
    maps = ((Path("/proc") / str(pid) / "maps").read_text() for pid in members(session))
    return {name for text in maps for name in re.findall(r"/dev/shm/\S+", text)}


def until(true) -> bool:
    end = time.monotonic() + 600
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
