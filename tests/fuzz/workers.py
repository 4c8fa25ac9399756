"""Work shared among processes forked from this one, which end with the item at hand when this one is interrupted or ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

_CONTEXT = multiprocessing.get_context("fork")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def shared(work: Callable[[Item], Answer], items: Sequence[Item], jobs: int) -> Generator[Answer]:
    """`work` of every item, by so many workers, as they are done. Raises `RuntimeError` where a worker ends before its time."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Python forgets an interrupt that comes while it forks
    started = [_start(work, items[n::jobs]) for n in range(jobs)]
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    open_ends = [end for _, end in started]
    try:
        while open_ends:
            for end in wait(open_ends):
                try:
                    yield end.recv()
                except EOFError:
                    open_ends.remove(end)
    finally:
        for worker, end in started:
            end.close()
            worker.terminate()
        for worker, _ in started:
            worker.join()
    if codes := {worker.exitcode for worker, _ in started} - {0, -signal.SIGTERM}:
        raise RuntimeError(f"a worker of the fuzzer ended with {codes.pop()}")


def _start(work: Callable[[Item], Answer], items: Sequence[Item]) -> tuple[Any, Connection]:
    here, there = _CONTEXT.Pipe(duplex=False)
    worker = _CONTEXT.Process(target=_worked, args=(work, items, there), daemon=True)
    worker.start()
    there.close()
    return worker, here


def _worked(work: Callable[[Item], Answer], items: Sequence[Item], there: Connection) -> None:
    """In the worker: Ctrl-C is left to the process that it works for, which tells it to end, and that it does after the item at hand."""
    told: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with contextlib.suppress(BrokenPipeError):  # nobody is left who would hear
        for item in items:
            if told:
                return
            there.send(work(item))
