"""Compiled kernels on disk, each case in processes of its own."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from numba.core import caching

from tritspike.compiler.lower import lower
from tritspike.runtime.host import file as program_file
from tritspike.runtime.simulator import cache

ROOT = Path(__file__).resolve().parents[2]
# a command that takes the kernels even for a little work
PREPARED = "from tritspike.runtime.simulator import kernels; from tritspike.runtime.__main__ import entry; entry()"
TELLS = ["tritspike: compiling kernels for this CPU; that is done once", "tritspike: compiled in N s"]
FULL = "no space left on device; tritspike_cache may name another folder"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    program_file.save(lower(random_checkpoint.write(folder / "c"), "loihi2"), folder / "p.tsp")
    return folder / "p.tsp"


@pytest.fixture(scope="module")
def filled(program, tmp_path_factory):
    """A cache that one command filled."""
    folder = tmp_path_factory.mktemp("filled")
    assert classify(program, TRITSPIKE_CACHE=folder) == (0, answer(program), TELLS)
    return folder


def classify(program, **environment) -> tuple[int, str, list[str]]:
    """(exit code, stdout, lines of stderr with numbers of seconds as N, but those that tell of progress where compiling takes long)."""
    command = [sys.executable, "-c", PREPARED, "classify", str(program), "w1 w2 w3", "w9"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {k: str(v) for k, v in environment.items()}, capture_output=True, text=True)
    words = [" ".join("N" if w.isdigit() else w for w in line.split()) for line in done.stderr.splitlines()]
    return done.returncode, done.stdout, [line for line in words if not line.startswith("N texts")]


def answer(program) -> str:
    return subprocess.run(
        [sys.executable, "-c", PREPARED, "classify", str(program), "w1 w2 w3", "w9", "--executor", "reference"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_compiled_once(program, filled):
    assert classify(program, TRITSPIKE_CACHE=filled) == (0, answer(program), [])


@pytest.mark.parametrize("what", ["*.nbc", "*.nbi", "digests.json"])
def test_a_damaged_file_is_told_and_compiled_again(program, filled, what, tmp_path):
    """Also machine code with one bit flipped, which would be loaded and run."""
    (folder,) = filled.iterdir()
    file = sorted(folder.rglob(what))[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x20
    file.write_bytes(content)
    told = [f"tritspike: the compiled kernels in {folder} are damaged", *TELLS]
    assert classify(program, TRITSPIKE_CACHE=filled) == (0, answer(program), told)
    assert classify(program, TRITSPIKE_CACHE=filled) == (0, answer(program), [])


def test_a_folder_that_cannot_be_made_means_no_cache(program, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, told = classify(program, TRITSPIKE_CACHE=tmp_path / "file")
    assert (code, out, told[:2]) == (0, answer(program), [TELLS[0].split(";")[0], TELLS[1]])
    assert told[2].startswith(f"tritspike: they are not kept in {tmp_path}/file/kernels-")
    assert told[2].endswith(": not a directory; TRITSPIKE_CACHE may name another folder") and len(told) == 3


# what stops keeping them, with one small kernel in place of all


@pytest.fixture()
def one(tmp_path, monkeypatch):
    """Declares the only kernel; what it adds says that it ran."""
    monkeypatch.setenv("TRITSPIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_MODULES", ())
    monkeypatch.setattr(cache, "_KERNELS", [])
    monkeypatch.setattr(cache.contracts, "add", lambda *arguments: iter(()), raising=False)

    def add(out):
        out[0] += 7

    def run() -> int:
        monkeypatch.setattr(cache, "_KERNELS", [])
        out = np.zeros(1, np.int64)
        cache.kernel("void(int64[::1])")(add)(out)
        return int(out[0])

    return run


def test_one_kernel_is_kept(one, capsys, tmp_path):
    assert one() == 7 and capsys.readouterr().err.splitlines()[0] == TELLS[0]
    assert one() == 7 and capsys.readouterr().err == ""


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_full_disk_means_no_cache_and_leaves_none_behind(written, one, capsys, tmp_path, monkeypatch):
    """Full at the first, second or third of the files: numba's index, its machine code, our digests."""
    real, done = os.replace, []

    def full(source, target):
        if str(target).startswith(str(tmp_path / "cache")):
            if len(done) == written:
                raise OSError(errno.ENOSPC, "No space left on device")
            done.append(target)
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert one() == 7
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("tritspike: they are not kept in ") and told[-1].lower().endswith(FULL), told
    assert list((tmp_path / "cache").iterdir()) == []
    monkeypatch.undo()


def test_a_disk_without_room_for_one_more_file(one, capsys, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert one() == 7
    assert capsys.readouterr().err.splitlines()[-1].lower().endswith(FULL)


def test_files_that_cannot_be_read(one, capsys, monkeypatch, tmp_path):
    """As another user's, below a folder that is shared."""
    assert one() == 7
    capsys.readouterr()

    def denied(self):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_load_index", denied)
    assert one() == 7
    assert ": permission denied; " in capsys.readouterr().err


# a user without a home, as in a container


@pytest.fixture()
def homeless(tmp_path):
    """No HOME, and no entry in passwd."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pwd\nos.environ.pop('HOME', None)\ndef none(uid):\n    raise KeyError(uid)\npwd.getpwuid = none\n"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("TRITSPIKE_CACHE", "XDG_CACHE_HOME")}
    return env | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


def test_no_home_means_no_cache(program, homeless):
    done = subprocess.run([sys.executable, "-m", "runtime", "inspect", str(program)], cwd=ROOT, env=homeless, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "layer.0.output" in done.stdout


def test_no_home_is_said(one, capsys, monkeypatch):
    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    for name in ("TRITSPIKE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert one() == 7
    assert capsys.readouterr().err.splitlines()[-1] == (
        "tritspike: they are not kept: there is no home folder; TRITSPIKE_CACHE may name another folder"
    )


def test_a_folder_that_is_named_needs_no_home(program, homeless, filled):
    done = subprocess.run(
        [sys.executable, "-c", PREPARED, "classify", str(program), "w1 w2 w3", "w9"],
        cwd=ROOT,
        env=homeless | {"TRITSPIKE_CACHE": str(filled)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, answer(program), "")


def test_a_cpu_without_wide_vectors_gives_the_same(program, tmp_path):
    """Plain x86-64: no AVX, no population count, no compress."""
    plain = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""} if os.uname().machine == "x86_64" else {"NUMBA_CPU_NAME": "generic"}
    assert classify(program, TRITSPIKE_CACHE=tmp_path, **plain) == (0, answer(program), TELLS)
