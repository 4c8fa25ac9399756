"""A few of the kills of `make kill-lava`, at moments that are told by signs and not by a clock; and of what has no kill there."""

from __future__ import annotations

import os
import signal

import kill_lava
import pytest
from command import begun
from kill_lava import COMMANDS, Run, folder_is_made, kill, time_out

pytest.importorskip("lava.magma", reason="lava-nc is not installed")
VERIFY, CLASSIFY = COMMANDS


@pytest.fixture()
def program(tmp_path):
    return kill_lava.lowered(tmp_path)


def memory_is_being_made(run: Run) -> bool:
    return len(run.segments()) > 20


def models_are_being_forked(run: Run) -> bool:
    return len(run.processes()) > 12


@pytest.mark.parametrize(
    "kind, command, sign, code",
    [
        ("SIGINT", VERIFY, memory_is_being_made, 130),
        ("SIGTERM", CLASSIFY, models_are_being_forked, 143),
        ("SIGKILL", VERIFY, memory_is_being_made, -9),
        ("SIGKILL", CLASSIFY, folder_is_made, -9),
    ],
)
def test_a_killed_run_leaves_nothing(kind, command, sign, code, program, tmp_path):
    trial = kill(tmp_path / "run", kind, program, command, folder_is_made, sign)
    assert (trial.code, trial.left) == (code, ([], [], [])), trial
    assert begun(trial.err) == ("interrupted\n" if kind == "SIGINT" else "")


def test_a_run_out_of_time_leaves_nothing(program, tmp_path):
    trial = time_out(tmp_path / "run", program, VERIFY, 1.0)
    assert (trial.code, trial.left) == (1, ([], [], [])), trial
    assert begun(trial.err).startswith("error: Lava did not finish within 1 s and was killed")


def test_a_killed_keeper_takes_all_with_it(program, tmp_path):
    run = Run(tmp_path / "run", VERIFY[0], program, *VERIFY[1:])
    run.wait_for(models_are_being_forked)
    (keeper,) = [pid for pid in run.processes() if b"/runtime/keeper.py" in kill_lava.read(pid, "cmdline")]
    os.kill(int(keeper), signal.SIGKILL)
    trial = run.ended("SIGKILL of the keeper", "")
    assert (trial.code, trial.left) == (1, ([], [], [])), trial
    assert begun(trial.err) == "error: the process that runs it and clears up after it ended with -9: nothing is known of its run\n"
