"""The child process that Lava lives in: `python -m tritspike.runtime.lava.child JOB`. Reads a job folder, writes its answer there.

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

from tritspike.runtime.files import read_json, write_tensors
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.lava.host import Player, Recorder
from tritspike.runtime.lava.network import SpikingProgram
from tritspike.runtime.lava.plan import CHANNEL_SLOTS

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


def run(job: Path) -> None:
    """Stream every sample through the network; write the readout's membranes, or to JOB/last.bits the last layer's spikes of every step."""
    settings = read_json(job / "job.json")
    program = program_file.load(job / "program.tsp")
    samples, record = settings["samples"], settings["record"]
    steps = samples * program.steps + program.depth
    network = SpikingProgram(program, job if record else None, steps)
    players = [
        Player(str(job / f"{name}.bits"), port.shape[0], samples * program.steps)
        for name, port in (("x", network.x), ("pad", network.pad))
        if (job / f"{name}.bits").exists()
    ]
    for player, port in zip(players, (network.x, network.pad)):
        player.s_out.connect(port)
    if program.readout is None:
        counted = Recorder(str(job / "last.bits"), program.size(program.last), steps)
        network.s_out.connect(counted.a_in)
    membranes, clock = _stream(network, program, samples, steps)
    write_tensors(job / "answer.safetensors", {"membranes": membranes, "clock": clock})
    network.stop()


def _stream(network: SpikingProgram, program: Program, samples: int, steps: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pause after each sample's last step at the readout to read its membranes; returns them and the second at which each was read."""
    config = Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True)
    membranes = np.zeros((samples, 0 if program.readout is None else program.size(program.readout)), np.int64)
    clock, done = np.zeros(samples), 0
    for n in range(samples):
        until = (n + 1) * program.steps + program.answering.latency
        network.run(condition=RunSteps(until - done), run_cfg=config, compile_config={"pypy_channel_size": CHANNEL_SLOTS})
        done = until
        if program.readout is not None:
            membranes[n] = network.readout.get()
        clock[n] = time.perf_counter()
    if steps > done:
        network.run(condition=RunSteps(steps - done), run_cfg=config)
    return membranes, clock


if __name__ == "__main__":
    settle(Path(sys.argv[1]))
    run(Path(sys.argv[1]))
