"""A program on a board: `python -m tritspike.runtime.lava.hardware JOB`, in a process of its own like `child.py`. **No silicon has run this.**

The network is the one that the CPU runs, between host-chip adapters, under Loihi2HwCfg. An adapter takes some steps (one or two,
`adapter_steps` in JOB/job.json). The host waits until the first sample arrives at a multiple of T, so that every reset still meets the
first step of its sample. The answer is computed from the last layer's spikes, which is what the readout sums.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tritspike.runtime.files import read_json
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.lava.child import settle
from tritspike.runtime.lava.delay import total_steps, wait
from tritspike.runtime.lava.host import Player, Recorder
from tritspike.runtime.lava.network import SpikingProgram
from tritspike.runtime.lava.plan import CHANNEL_SLOTS


def run(job: Path) -> None:
    """Play JOB/x.bits and JOB/pad.bits into the board; JOB/last.bits gets the last layer's spikes of every step."""
    settings, program = read_json(job / "job.json"), program_file.load(job / "program.tsp")
    steps = total_steps(program, settings["samples"], settings["adapter_steps"])
    network = SpikingProgram(program)
    inputs = [("x", network.x), ("pad", network.pad)]
    players = [_player(job, name, port, program, settings) for name, port in inputs if (job / f"{name}.bits").exists()]
    recorder = _recorder(job, network, steps)
    _go(network, steps)
    del players, recorder
    network.stop()


def _player(job: Path, name: str, port: Any, program: Program, settings: dict[str, Any]) -> Any:
    from lava.proc.embedded_io.spike import PyToNxAdapter

    rows = wait(settings["adapter_steps"], program.steps) + settings["samples"] * program.steps
    player, adapter = Player(str(job / f"{name}.bits"), port.shape[0], rows), PyToNxAdapter(shape=port.shape, num_message_bits=0)
    player.s_out.connect(adapter.inp)
    adapter.out.connect(port)
    return player, adapter


def _recorder(job: Path, network: Any, steps: int) -> Any:
    from lava.proc.embedded_io.spike import NxToPyAdapter

    size = network.s_out.shape[0]
    (job / "last.bits").write_bytes(bytes(steps * ((size + 7) // 8)))
    adapter, recorder = NxToPyAdapter(shape=(size,), num_message_bits=0), Recorder(str(job / "last.bits"), size, steps)
    network.s_out.connect(adapter.inp)
    adapter.out.connect(recorder.a_in)
    return adapter, recorder


def _go(network: Any, steps: int) -> None:
    from lava.magma.core import run_configs
    from lava.magma.core.run_conditions import RunSteps

    config = run_configs.Loihi2HwCfg(select_sub_proc_model=True)
    network.run(condition=RunSteps(steps), run_cfg=config, compile_config={"pypy_channel_size": CHANNEL_SLOTS})


if __name__ == "__main__":
    settle(Path(sys.argv[1]))
    run(Path(sys.argv[1]))
