"""The child process that Lava lives in: `python -m tritspike.runtime.executors.lava.child JOB`. Reads a job folder, writes its answer there.

A failing Lava model hangs its parent for ever and a killed parent leaves orphans, so this runs below a keeper (`runtime/kept.py`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.executors.lava import job
from tritspike.runtime.executors.lava.host import Player
from tritspike.runtime.executors.lava.job import Job
from tritspike.runtime.executors.lava.plan import CHANNEL_SLOTS
from tritspike.runtime.executors.lava.processes import Whole

from lava.magma.core.run_conditions import RunSteps  # isort: skip  (after the remedy in stock.py)
from lava.magma.core.run_configs import Loihi2SimCfg  # isort: skip


_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SYSTEM = ctypes.CDLL(None)


def settle(job: Path) -> None:
    """Die with the keeper, and each process that is forked with its own parent. What multiprocessing puts into a temporary folder goes to JOB:
    by a short name, since a socket's path has at most 107 bytes."""
    os.register_at_fork(after_in_child=_die_with_parent)
    _die_with_parent()
    tempfile.tempdir = f"/proc/self/fd/{os.open(job, os.O_RDONLY)}"


def _die_with_parent() -> None:
    _SYSTEM.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(folder: Path) -> None:
    """Play every window through the network; write the membranes of what is read. Recorders write their own files."""
    wanted, network, players = built(folder)
    job.answer(folder, *_stream(network, wanted))
    network.stop()
    del players


def built(folder: Path, again: bool = False) -> tuple[Job, Whole, list[Player]]:
    """The job's network between its players and recorders. again: they go through their files over and over."""
    wanted, plan = job.read(folder)
    files = {n: job.spikes(folder, n) for n in wanted.recorded}
    network = Whole(plan, tuple(wanted.read), files, wanted.steps, again=again)
    players = [Player(str(job.spikes(folder, n)), port.shape[0], wanted.windows * wanted.period, again) for n, port in network.heard.items()]
    for player, port in zip(players, network.heard.values()):
        player.s_out.connect(port)
    return wanted, network, players


def go(network: Whole, steps: int) -> None:
    """On by so many steps."""
    config = Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True)
    network.run(condition=RunSteps(steps), run_cfg=config, compile_config={"pypy_channel_size": CHANNEL_SLOTS})


def membranes(network: Whole, group: int) -> NDArray[np.int64]:
    """(neurons,)."""
    return np.array(network.read[group].get(), np.int64)


def _stream(network: Whole, wanted: Job) -> tuple[dict[int, NDArray[np.int64]], list[float]]:
    """Pause wherever there is something to read, then go on to the end; what was read, and the second at which each pause was over."""
    found: dict[int, list[NDArray[np.int64]]] = {group: [] for group in wanted.read}
    readings, clock, done = wanted.readings(), list[float](), 0
    for step in sorted({*readings, wanted.steps}):
        go(network, step - done)
        done = step
        for group in readings.get(step, ()):
            found[group].append(membranes(network, group))
        clock += [time.perf_counter()] * (step in readings)
    return {group: np.stack(some) for group, some in found.items()}, clock


if __name__ == "__main__":
    settle(Path(sys.argv[1]))
    run(Path(sys.argv[1]))
