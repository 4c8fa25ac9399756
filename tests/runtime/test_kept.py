"""A kept folder and its commands: nothing is left of them, whoever is killed, and nobody else's shared memory is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from multiprocessing import shared_memory
from pathlib import Path

import pytest

from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.kept import keep

ROOT = Path(__file__).resolve().parents[2]
SHM = Path("/dev/shm")

# A few processes that no one listing finds: each lives a moment, forks the next, in a session of its own, and is deaf to SIGTERM
FORKING = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    chains = [os.fork() for _ in range(3)]
    open(sys.argv[1] + "/begun", "w").close()
    while True:
        time.sleep(0.02 if 0 in chains else 600)
        if os.fork():
            os._exit(0)
        os.setsid()
"""
# Shared memory as Lava has it, and what a process leaves that dies while it makes a segment or a semaphore: no tracker has heard of those.
# The C library makes a semaphore under one name, links it to the one that was asked for and unlinks the first.
SHARED = """
    import mmap, os, sys, time
    from multiprocessing import shared_memory
    segments = [shared_memory.SharedMemory(create=True, size=4096) for _ in range(5)]
    def torn(name):
        fd = os.open("/dev/shm/" + name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        os.ftruncate(fd, 4096)
        return fd
    mark = f"{os.getpid():08x}"
    opened, linked = torn("psm_" + mark), torn("sem.a" + mark)
    mapped = mmap.mmap(linked, 4096)
    os.close(linked)
    os.link("/dev/shm/sem.a" + mark, "/dev/shm/sem.mp-" + mark)
    os.unlink("/dev/shm/sem.a" + mark)
    names = [s.name for s in segments] + ["psm_" + mark, "sem.mp-" + mark]
    open(sys.argv[1] + "/names", "w").write(" ".join(names))
    os.rename(sys.argv[1] + "/names", sys.argv[1] + "/begun")
    time.sleep(600)
"""
# What a command is that keeps something: its folder is told on stdout, then it waits for what was started
KEEPING = """
    import os, sys
    from pathlib import Path
    from tritspike.runtime.cli import run_command
    from tritspike.runtime.errors import ExecutorError
    from tritspike.runtime.kept import keep
    def main(arguments):
        with keep("kept-", os.environ, ExecutorError) as kept:
            if os.environ.get("FORKED") and not os.fork():
                import time
                time.sleep(30)
            print(kept.folder, flush=True)
            kept.run([sys.executable, "-c", sys.argv[1], str(kept.folder)])
    run_command(main)
"""
# A comparison whose model, in the place of `models.predict`, answers nothing
COMPARING = """
    import sys
    from pathlib import Path
    from tritspike.runtime import children
    from tritspike.runtime.tasks import labelled
    from tritspike.runtime.cli import run_command
    from tritspike.runtime.tasks.versus import run
    from tritspike.runtime.tasks.versus.sources import Asked
    children._ROOT, run._MODULE = Path(sys.argv[1]), "answering"
    run_command(lambda _: run.run_child(Path("source"), Asked(labelled.task_named("sst2"), "data")))
"""
ANSWERING = "import sys, time; open(sys.argv[-1] + '.begun', 'w').close(); time.sleep(600)"


@pytest.fixture()
def place(tmp_path, monkeypatch) -> Path:
    """Where folders are made; all processes started in a test bear its name."""
    place = tmp_path / "kept"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def command(script: str, folder: Path) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), str(folder)]


def processes(place: Path) -> list[int]:
    return [int(p.name) for p in Path("/proc").glob("[0-9]*") if f"TMPDIR={place}".encode() in read(p / "environ").split(b"\0")]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def until(true, seconds: float = 600) -> bool:
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(found)


def test_exit_codes_last_lines_and_no_folder_afterwards(place):
    with keep("a-", os.environ, ExecutorError) as kept:
        assert kept.folder.parent == place and kept.folder.name.startswith("a-")
        assert kept.run(["sh", "-c", "echo one; echo two >&2; echo"]) == 0 and kept.last_line() == "two"
        assert kept.run(["sh", "-c", "exit 3"], 60) == 3 and kept.last_line() is None
        assert kept.run(["sh", "-c", "printf 'caf\\351'; kill -9 $$"]) == -9 and kept.last_line() == "caf\ufffd"
        with pytest.raises(ExecutorError, match="No such file or directory: 'no-such-command'"):
            kept.run(["no-such-command"])
        assert kept.run(["sh", "-c", "exit 4"]) == 4
    assert list(place.iterdir()) == []


def test_no_place_for_a_folder(place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(place / "missing"))
    with pytest.raises(ExecutorError, match="No such file or directory"), keep("a-", os.environ, ExecutorError):
        pass


def test_what_a_command_leaves_running_is_gone_when_it_ends(place):
    with keep("a-", os.environ, ExecutorError) as kept:
        assert kept.run(["sh", "-c", "sleep 600 & (setsid sleep 600 &) ; exit 0"]) == 0
        assert b"sleep" not in b"".join(read(Path("/proc", str(pid), "cmdline")) for pid in processes(place))


def test_forks_without_end_are_all_killed(place):
    with keep("a-", os.environ, ExecutorError) as kept:
        assert kept.run(command(FORKING, kept.folder), 0.5) is None
        assert until(lambda: len(processes(place)) > 3)
    assert processes(place) == [] and list(place.iterdir()) == []


def test_shared_memory_is_unlinked_and_only_theirs(place):
    others = shared_memory.SharedMemory(create=True, size=4096)
    try:
        with keep("a-", os.environ, ExecutorError) as kept:
            assert kept.run(command(SHARED, kept.folder), 0.5) is None
            assert until((kept.folder / "begun").exists)
            names = (kept.folder / "begun").read_text().split()
            assert len(names) == 7 and all((SHM / name).exists() for name in names)
        assert not [name for name in names if (SHM / name).exists()] and (SHM / others.name).exists()
    finally:
        others.close()
        others.unlink()


@pytest.mark.parametrize("forked", ["", "1"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("script", [FORKING, SHARED], ids=["forking", "shared"])
def test_a_signal_leaves_nothing(script, number, forked, place):
    """Also where a process that ours forked holds the keeper's pipe open."""
    command = [sys.executable, "-c", textwrap.dedent(KEEPING), textwrap.dedent(script)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FORKED": forked}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=place, preexec_fn=_listen)
    folder = Path(run.stdout.readline().strip())
    assert until((folder / "begun").exists)
    names = (folder / "begun").read_text().split()
    run.send_signal(number)
    assert run.wait(600) == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    holders = 1 if forked else 0
    assert until(lambda: len(processes(place)) == holders and not any((SHM / name).exists() for name in names) and not list(place.iterdir()))
    for pid in processes(place):
        os.kill(pid, signal.SIGKILL)
    assert run.communicate()[1] == ("interrupted\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_comparison_leaves_nothing(number, place, tmp_path):
    (tmp_path / "answering.py").write_text(ANSWERING)
    command = [sys.executable, "-c", textwrap.dedent(COMPARING), str(tmp_path)]
    run = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    assert until(lambda: list(place.glob("*/*.begun")))
    run.send_signal(number)
    assert run.wait(600) == {signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert until(lambda: not processes(place) and not list(place.iterdir()))


def _listen() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background would hand down as ignored


def test_a_keeper_does_not_hear_what_ends_the_others(place):
    with keep("a-", os.environ, ExecutorError) as kept:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            kept.keeper.send_signal(number)
        assert kept.run(["sh", "-c", "kill -TERM $$"]) == -signal.SIGTERM, "but a command does"


def test_a_keeper_that_is_killed_is_told(place):
    with pytest.raises(ExecutorError, match=r"ended with -9: nothing is known of its run"), keep("a-", os.environ, ExecutorError) as kept:
        kept.run(["sh", "-c", f"kill -9 {kept.keeper.pid}"])
    assert list(place.iterdir()) == []
    with pytest.raises(ExecutorError, match=r"ended with -9"), keep("a-", os.environ, ExecutorError) as kept:
        kept.keeper.kill()
        kept.keeper.wait()
        kept.run(["true"])
    assert list(place.iterdir()) == []


def test_names_that_are_not_ascii(place):
    with keep("caf\u00e9-\udce9-", os.environ, ExecutorError) as kept:
        assert kept.run(["sh", "-c", 'test -d "$1" && echo "$2" > "$1/x"', "sh", str(kept.folder), "\u00fc"]) == 0
        assert (kept.folder / "x").read_text("utf-8") == "\u00fc\n"
    assert list(place.iterdir()) == []
