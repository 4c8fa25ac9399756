"""A child that stays: `python -m tritspike.runtime.executors.lava.fed JOB`. For each byte in JOB/go it runs one period, and answers with one.

What each port plays of the next period is in its file before the byte comes; what was recorded and read of it is there when the answer does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tritspike.runtime.executors.lava import job
from tritspike.runtime.executors.lava.child import built, go, membranes, settle


def run(folder: Path) -> None:
    """Until the keeper ends it."""
    wanted, network, players = built(folder, again=True)
    with open(folder / job.GO, "rb", 0) as told, open(folder / job.DONE, "wb", 0) as tell:
        while told.read(1):
            go(network, wanted.period)
            for group in wanted.read:
                membranes(network, group).tofile(job.membranes(folder, group))
            tell.write(b".")
    del players


if __name__ == "__main__":
    settle(Path(sys.argv[1]))
    run(Path(sys.argv[1]))
