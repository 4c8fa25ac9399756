"""What a command imports: no more than it needs, for whoever types the next one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import ROOT

from tritspike.commands import COMMANDS
from tritspike.compiler.lower import lower
from tritspike.runtime.executors.fast import run as fast
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder

HEAVY = ("numpy", "scipy", "numba", "sklearn", "matplotlib", "networkx", "torch", "lava", "rich", "tokenizers")
_SEEN = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(set(sys.modules) & set({heavy}))), file=sys.stderr))
from tritspike.__main__ import entry
entry()
"""


@pytest.fixture()
def program(checkpoint, tmp_path) -> Path:
    program_file.save(lower(checkpoint, "loihi2"), tmp_path / "p.tsp")
    return tmp_path / "p.tsp"


def imported(*arguments: object) -> set[str]:
    code = _SEEN.format(heavy=HEAVY)
    path = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=path, timeout=600)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_and_version_import_nothing():
    assert imported("--help") == imported("--version") == set()


@pytest.mark.parametrize("name", [c.name for c in COMMANDS])
def test_a_command_s_own_help_needs_no_kernel_and_no_torch(name):
    assert not imported(name, "--help") & {"numba", "torch", "matplotlib", "sklearn", "lava"}


def test_a_program_is_looked_at_without_any_library_that_computes(program):
    assert imported("inspect", program) == {"numpy", "rich"}


def test_a_few_texts_are_answered_without_compiled_kernels(program):
    assert imported("classify", program, "w1 w2 w3", "w4") == {"numpy", "rich", "tokenizers"}


def test_many_are_answered_by_compiled_kernels(program, tmp_path):
    (tmp_path / "SST-2").mkdir()
    (tmp_path / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "w1 w2 w3 w4 w5 w6\t1\n" * 20_000)
    assert "numba" in imported("glue", program, "--task", "sst2", "--data", tmp_path)


def test_it_does_not_matter_which(program):
    loaded = program_file.load(program)
    rows = Encoder(loaded).rows(Encoder(loaded).tokens(["w1 w2 w3", "w4"]))
    found = [fast.run(loaded.scheduled, rows, record=True, plainly=plainly) for plainly in (True, False)]
    assert found[0].read.keys() == found[1].read.keys() == {loaded.probe.name}
    assert all((found[0].read[name] == found[1].read[name]).all() for name in found[0].read)
    assert all((found[0].spikes[name] == found[1].spikes[name]).all() for name in found[0].spikes)
