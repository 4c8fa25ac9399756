"""A client of a cluster: of worker processes that are started here and end with the block, or of a scheduler that runs already."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tritspike.runtime.cluster.place import Scheduler, require_listening
from tritspike.runtime.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

WAIT = 30.0  # seconds for workers to come, and for one to come back
_CONNECT = 10.0  # seconds for a scheduler to answer
SETTINGS: dict[str, Any] = {
    "distributed.worker.profile.enabled": False,  # a thread that looks at every worker's stack a hundred times a second
    "distributed.admin.tick.interval": "1s",  # at 20 ms its looks at itself cost a worker a hundredth of a core
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.large-graph-warning-threshold": "1GB",  # a program of 10 MB is no mistake
    "distributed.nanny.pre-spawn-environ": {  # Dask's own threshold for malloc has every large array mapped anew
        "OMP_NUM_THREADS": 1,
        "MALLOC_TRIM_THRESHOLD_": 1 << 27,
        "MALLOC_MMAP_THRESHOLD_": 1 << 25,  # the most that it takes
    },
}


def require_here() -> None:
    """Before any work: `distributed` is an extra that may not be there."""
    import distributed  # noqa: F401


@contextmanager
def connected(scheduler: Scheduler | None, workers: int, wait: float = WAIT) -> Iterator[Client]:
    """scheduler: None for `workers` processes of this machine; of another's, so many must be there in `wait` s. Raises `ClusterError`."""
    import dask
    import distributed  # noqa: F401  before the settings: what it sets when it is first imported would go with them

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is said in our own lines
    with dask.config.set(SETTINGS), _here(workers) if scheduler is None else _there(scheduler) as client:
        try:
            client.wait_for_workers(workers, timeout=wait)
        except TimeoutError:
            raise ClusterError(_few(client, workers, wait, scheduler), "dask worker HOST:PORT starts one") from None
        yield client


def _few(client: Client, workers: int, wait: float, scheduler: Scheduler | None) -> str:
    there = len(client.nthreads())
    return f"--cluster {scheduler or 'local'}: {there} worker{'' if there == 1 else 's'} in {wait:g} s, {workers} asked for"


@contextmanager
def _here(workers: int) -> Iterator[Client]:
    """On this machine's own address alone, and without a page that shows it."""
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory(prefix="tritspike-cluster-") as folder,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # no page, but what would show it listens, at a port that nobody else has
            memory_limit=0,  # a worker that is paused at some share of the memory would never end
            local_directory=folder,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _there(scheduler: Scheduler) -> Iterator[Client]:
    from distributed import Client

    require_listening(scheduler, _CONNECT)
    try:
        client = Client(f"tcp://{scheduler}", timeout=_CONNECT)
    except (OSError, ValueError, TypeError, KeyError, MemoryError):  # what Dask makes of an answer that is none of a scheduler's
        raise ClusterError(f"--cluster {scheduler}: what listens there is no Dask scheduler, or one of another version") from None
    try:
        yield client
    finally:
        with suppress(OSError, TimeoutError):  # of a scheduler that has gone
            client.close()
