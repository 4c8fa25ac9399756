"""`lava install` and `lava check`: the commands for pip, what is missing by name, and a small program that runs."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from command import ROOT, RUNTIME, Shell

from tritspike.runtime import install
from tritspike.runtime.commands import lava
from tritspike.runtime.errors import MismatchError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.lava import stock, trial
from tritspike.runtime.executors.lava.plan import plan
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.tables import LIF, kind

LAVA = [sys.executable, "-m", "pip", "install", "--no-deps", "--ignore-requires-python", "lava-nc==0.10.0"]
needs_lava = pytest.mark.skipif(not stock.installed(), reason="lava-nc is not installed")


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


@pytest.fixture()
def without(monkeypatch):
    """Hides a module, and what its distribution says of itself."""

    def hide(module: str, distribution: str) -> None:
        there, version = stock.there, importlib.metadata.version
        for place in (stock, lava):
            monkeypatch.setattr(place, "there", lambda name: name.split(".")[0] != module and there(name))

        def asked(name: str) -> str:
            if name == distribution:
                raise importlib.metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(importlib.metadata, "version", asked)

    return hide


def test_printed_is_what_would_run(shell, monkeypatch):
    monkeypatch.setattr(lava, "there", lambda name: True)
    assert shell.run(RUNTIME, "lava", "install", "--print") == (0, shlex.join(LAVA) + "\n", "")


def test_what_lava_imports_comes_first_and_by_pip_s_own_rules(shell, without):
    without("asteval", "asteval")
    code, out, err = shell.run(RUNTIME, "lava", "install", "--print")
    assert (code, err) == (0, "")
    assert list(map(shlex.split, out.splitlines())) == [[*LAVA[:4], "asteval>=1.0"], LAVA]


@pytest.mark.parametrize("code", [0, 7])
def test_install_runs_it_for_this_python(code, shell, monkeypatch):
    ran = []
    monkeypatch.setattr(lava, "there", lambda name: True)
    monkeypatch.setattr(subprocess, "run", lambda command, check: ran.append(command) or SimpleNamespace(returncode=code))
    if code:
        assert shell.refusal(RUNTIME, "lava", "install") == f"{shlex.join(LAVA)}: exit code 7"
    else:
        assert shell.run(RUNTIME, "lava", "install") == (0, "lava-nc 0.10.0 is installed; tritspike lava check tries it\n", "")
    assert ran == [LAVA]


def test_an_environment_without_pip(shell, monkeypatch):
    monkeypatch.setattr(lava.importlib.util, "find_spec", lambda name: None)
    assert shell.refusal(RUNTIME, "lava", "install") == f"{sys.executable} has no pip (hint: {sys.executable} -m ensurepip)"


def test_make_and_the_extra_say_the_same():
    (found,) = re.findall(r"install .*lava-nc.*", (ROOT / "Makefile").read_text())
    assert [word for word in found.split() if word not in ("--quiet", "--disable-pip-version-check")] == LAVA[3:]
    assert f"lava = {[*stock.NEEDS.values()]}".replace("'", '"') in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "module, distribution, line",
    [
        ("lava", "lava-nc", "missing  Lava: lava-nc is not installed; tritspike lava install"),
        ("asteval", "asteval", "missing  asteval: tritspike lava install"),
        ("numpy", "numpy", f"missing  numpy: {install.command()}"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_run(module, distribution, line, shell, without, monkeypatch):
    without(module, distribution)
    monkeypatch.setattr(trial, "cells", None)
    code, out, err = shell.run(RUNTIME, "lava", "check")
    assert (code, err) == (3, "") and line in out.splitlines() and "a run" not in out


def test_another_version_is_not_taken_for_it(shell, monkeypatch):
    monkeypatch.setattr(lava, "installed", lambda: True)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.9.0")
    code, out, _ = shell.run(RUNTIME, "lava", "check")
    assert code == 3 and "missing  Lava: lava-nc 0.9.0; tritspike lava install" in out.splitlines()


@needs_lava
def test_check_runs_a_program(shell):
    code, out, err = shell.run(RUNTIME, "lava", "check", "--time-limit", "300")
    assert code == 0 and err.startswith("lava: ") and err.endswith("; at most 300 s\n") and "missing" not in out
    assert f"present  numpy: {np.__version__}" in out.splitlines()
    assert out.splitlines()[-1] == "present  a run: 1,968 (neuron, step) cells are those of the reference"


@needs_lava
def test_a_spike_that_differs_is_missing_too(shell, monkeypatch):
    def differs(limit):
        raise MismatchError("sample 0, step 0, hidden[3]: reference 1 != lava 0")

    monkeypatch.setattr(trial, "cells", differs)
    code, out, _ = shell.run(RUNTIME, "lava", "check")
    assert (code, out.splitlines()[-1]) == (3, "missing  a run: sample 0, step 0, hidden[3]: reference 1 != lava 0")


def test_the_tried_program_is_sound_and_its_neurons_neither_sleep_nor_always_fire():
    program = trial.program()
    require_sound(program)
    hears = [p.name for p in program.network.populations if kind(program, p) == LIF]
    groups = [plan(program).groups[n] for n in plan(program).homes(hears)]
    assert {group.registers.interval == 0 for group in groups} == {True, False}, "both LIF and LIFReset"
    x = program.network.by_name["x"]
    spikes = Spikes({"x": np.random.default_rng(1).random((4, program.timing.steps, x.size)) < 0.4})
    found = literal.run(program, spikes, record=True)
    rates = {name: found.spikes[name].mean() for name in hears}
    assert len(rates) == 2 and all(0.1 < rate < 0.9 for rate in rates.values()), rates
