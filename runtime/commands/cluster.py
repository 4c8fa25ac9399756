"""Options of commands that spread their work."""

from __future__ import annotations

import argparse

from tritspike.runtime.cluster.connect import WAIT, require_here
from tritspike.runtime.cluster.place import Scheduler, place
from tritspike.runtime.limits import cores
from tritspike.runtime.option_values import real, whole

_MOST_WORKERS, _LONGEST = 4096, 86_400.0  # seconds


def cluster_arguments(command: argparse.ArgumentParser) -> None:
    """Where work is spread to."""
    command.add_argument("--cluster", metavar="HOST:PORT|local", help="a Dask scheduler, which must be your own, or processes of this machine")
    command.add_argument("--workers", type=whole(1, _MOST_WORKERS), help="processes of local (default: a core each), or those that must be there (1)")
    command.add_argument("--wait", type=real(0.1, _LONGEST), default=WAIT, metavar="SECONDS", help="for workers (default: %(default)g)")


def cluster_of(o: argparse.Namespace) -> tuple[Scheduler | None, int] | None:
    """(scheduler, workers); None without --cluster. Raises `InputError`, and `ModuleNotFoundError` without the extra."""
    if o.cluster is None:
        return o.refuse("--workers is for --cluster") if o.workers else None
    scheduler = place(o.cluster)
    require_here()
    return scheduler, o.workers or (cores() if scheduler is None else 1)
