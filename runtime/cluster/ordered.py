"""Calls on a cluster's workers, their answers in order: a worker that dies costs what it had in hand, which is run again elsewhere."""

from __future__ import annotations

import time
import uuid
from asyncio import TimeoutError as AsyncTimeout  # the builtin one from Python 3.11 on
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tritspike.runtime.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Future

_AHEAD = 256  # calls in hand: enough for many workers while one is run again, and no more of a long text than that in the scheduler
_LOOK = 1.0  # seconds between two looks at whether there are workers
Call = tuple[Callable[..., Any], tuple[Any, ...]]


def ordered(client: Client, calls: Iterable[Call], wait: float, done: Callable[[int], None] = lambda number: None) -> Iterator[Any]:
    """What each call returns, in order. wait: seconds without a worker after which it is given up. Raises what a call raises, `ClusterError`.

    done: told the number of each call that has ended, in whatever order, from a thread of its own.
    """
    name, coming, pending = f"tritspike-{uuid.uuid4().hex}", iter(enumerate(calls)), deque["Future"]()
    while True:
        while len(pending) < _AHEAD and (some := next(coming, None)) is not None:
            number, (call, arguments) = some
            pending.append(client.submit(call, *arguments, key=f"{name}-{number}"))
            pending[-1].add_done_callback(lambda _, number=number: done(number))
        if not pending:
            return
        yield _answer(client, pending.popleft(), wait)


def _answer(client: Client, future: Future, wait: float) -> Any:
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        _finished(client, future, wait)
        return future.result()
    except KilledWorker as error:
        raise ClusterError(f"{error.allowed_failures + 1} workers died over the same piece of work", "less --memory, or --threads 1") from None
    except (CancelledError, CommClosedError):
        raise ClusterError("the cluster's scheduler is gone, and what it was asked to do with it") from None
    except ModuleNotFoundError as error:
        raise ClusterError(f"a worker has no module {error.name}", "what is installed here must be installed where each worker runs") from None


def _finished(client: Client, future: Future, wait: float) -> None:
    """Wait for it as long as there are workers, or `wait` s without one."""
    last = time.monotonic()
    while not future.done():
        with suppress(TimeoutError, AsyncTimeout):
            future.exception(timeout=_LOOK)
        if future.done() or client.nthreads():
            last = time.monotonic()
        elif time.monotonic() - last > wait:
            raise ClusterError(f"no worker is left, and none has come in {wait:g} s", "dask worker HOST:PORT starts one")
