"""Compiled kernels on disk, each case in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import random_checkpoint

from compiler.lower import lower
from runtime import program_file

ROOT = Path(__file__).resolve().parents[2]
TELLS = ["tritspike: compiling kernels for this CPU; that is done once", "tritspike: compiled in N s"]


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
    """(exit code, stdout, lines of stderr with numbers of seconds as N)."""
    command = [sys.executable, "-m", "runtime", "classify", str(program), "w1 w2 w3", "w9"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {k: str(v) for k, v in environment.items()}, capture_output=True, text=True)
    words = [" ".join("N" if w.isdigit() else w for w in line.split()) for line in done.stderr.splitlines()]
    return done.returncode, done.stdout, words


def answer(program) -> str:
    return subprocess.run(
        [sys.executable, "-m", "runtime", "classify", str(program), "w1 w2 w3", "w9", "--executor", "reference"],
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
    assert classify(program, TRITSPIKE_CACHE=tmp_path / "file") == (0, answer(program), TELLS)


def test_a_cpu_without_wide_vectors_gives_the_same(program, tmp_path):
    """Plain x86-64: no AVX, no population count, no compress."""
    plain = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""} if os.uname().machine == "x86_64" else {"NUMBA_CPU_NAME": "generic"}
    assert classify(program, TRITSPIKE_CACHE=tmp_path, **plain) == (0, answer(program), TELLS)
