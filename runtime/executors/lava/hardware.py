"""A network on a board: `python -m tritspike.runtime.executors.lava.hardware JOB`, in a process of its own. **No silicon has run this.**

The network is the one that the CPU runs, between host-chip adapters, under Loihi2HwCfg. An adapter takes some steps (one or two,
JOB/adapter.json). The host waits until the first window arrives at a multiple of the period, so that every reset still meets the first step
of its window. Membranes are not read on a board: what the last layer fires is recorded, which is what a readout sums.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tritspike.runtime.executors.lava import job
from tritspike.runtime.executors.lava.child import settle
from tritspike.runtime.executors.lava.delay import total_steps, wait
from tritspike.runtime.executors.lava.host import Player, Recorder
from tritspike.runtime.executors.lava.plan import CHANNEL_SLOTS
from tritspike.runtime.executors.lava.processes import Whole
from tritspike.runtime.files import read_json


def run(folder: Path) -> None:
    """Play what each port plays into the board; the files of the groups that are recorded get their spikes of every step."""
    wanted, plan = job.read(folder)
    adapter = int(read_json(folder / "adapter.json")["steps"])
    steps = total_steps(wanted.steps, wanted.period, adapter)
    network = Whole(plan, spoken=wanted.recorded)
    rows = wait(adapter, wanted.period) + wanted.windows * wanted.period
    held = [_player(folder, n, port, rows) for n, port in network.heard.items()]
    held += [_recorder(folder, n, port, steps) for n, port in network.spoken.items()]
    _go(network, steps)
    del held
    network.stop()


def _player(folder: Path, group: int, port: Any, rows: int) -> Any:
    from lava.proc.embedded_io.spike import PyToNxAdapter

    player, adapter = Player(str(job.spikes(folder, group)), port.shape[0], rows), PyToNxAdapter(shape=port.shape, num_message_bits=0)
    player.s_out.connect(adapter.inp)
    adapter.out.connect(port)
    return player, adapter


def _recorder(folder: Path, group: int, port: Any, steps: int) -> Any:
    from lava.proc.embedded_io.spike import NxToPyAdapter

    size = port.shape[0]
    job.spikes(folder, group).write_bytes(bytes(steps * ((size + 7) // 8)))
    adapter, recorder = NxToPyAdapter(shape=(size,), num_message_bits=0), Recorder(str(job.spikes(folder, group)), size, steps)
    port.connect(adapter.inp)
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
