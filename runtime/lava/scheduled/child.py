"""The child process that Lava lives in: `python -m tritspike.runtime.lava.scheduled.child JOB`. See `runtime/lava/child.py` for why there is one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.lava.child import settle
from tritspike.runtime.lava.host import Player
from tritspike.runtime.lava.plan import CHANNEL_SLOTS
from tritspike.runtime.lava.scheduled import job
from tritspike.runtime.lava.scheduled.job import Job
from tritspike.runtime.lava.scheduled.processes import Whole

from lava.magma.core.run_conditions import RunSteps  # isort: skip  (after the remedy in stock.py)
from lava.magma.core.run_configs import Loihi2SimCfg  # isort: skip


def run(folder: Path) -> None:
    """Play every window through the network; write the membranes of what is read. Recorders write their own files."""
    wanted, plan = job.read(folder)
    files = {n: job.spikes(folder, n) for n in wanted.recorded}
    network = Whole(plan, tuple(wanted.read), files, wanted.steps)
    players = {n: Player(str(job.spikes(folder, n)), port.shape[0], wanted.windows * wanted.period) for n, port in network.heard.items()}
    for n, player in players.items():
        player.s_out.connect(network.heard[n])
    job.answer(folder, _stream(network, wanted))
    network.stop()


def _stream(network: Whole, wanted: Job) -> dict[int, NDArray[np.int64]]:
    """Pause wherever there is something to read, then go on to the end."""
    found: dict[int, list[NDArray[np.int64]]] = {group: [] for group in wanted.read}
    config, done = Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True), 0
    readings = wanted.readings()
    for step in sorted({*readings, wanted.steps}):
        network.run(condition=RunSteps(step - done), run_cfg=config, compile_config={"pypy_channel_size": CHANNEL_SLOTS})
        done = step
        for group in readings.get(step, ()):
            found[group].append(np.array(network.read[group].get(), np.int64))
    return {group: np.stack(some) for group, some in found.items()}


if __name__ == "__main__":
    settle(Path(sys.argv[1]))
    run(Path(sys.argv[1]))
