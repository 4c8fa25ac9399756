"""Work on several threads, answers in order, and never more in hand than the threads can take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def ordered_map(work: Callable[[In], Out], items: Iterable[In], threads: int) -> Iterator[Out]:
    """`work` of each item, in order. `items` is read from the calling thread, at most one ahead of what is worked on.

    An error, or Ctrl-C, drops what has not begun and waits for what has: a batch, not the whole.
    """
    if threads == 1:
        yield from map(work, items)
        return
    pool, pending = ThreadPoolExecutor(threads), deque[Future[Out]]()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
