"""What a worker runs: found there by name, so that a worker needs this package and never a client's code."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tritspike
from tritspike.runtime.errors import ClusterError
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks.shards import Shard

_KEPT = 16  # programs, and of each thread encoders
_THREAD = threading.local()


@dataclass(frozen=True, eq=False)
class Part:
    """A shard's value, the seconds that it took where it ran, and what was warned of there."""

    value: Any
    seconds: float
    warned: tuple[Warning | str, ...]


def held(content: bytes) -> bytes:
    """A program's file, as a task of its own: sent to one worker, from there to others, and again where all that had it are gone."""
    return content


def work(content: bytes, version: str, shard: Shard, executor: str, how: How) -> Part:
    """Run a shard on a program. Raises `ClusterError` on a worker of another version, and what the shard's run raises."""
    if version != tritspike.__version__:
        raise ClusterError(f"a worker has tritspike {tritspike.__version__}, the client {version}", "install one version on all")
    with _recorded() as warned:
        encoder, start = _encoder(content, threading.get_ident()), time.perf_counter()
        value = shard.run(encoder, executor, how, lambda n: None)
        return Part(value, time.perf_counter() - start, tuple(warned))


@lru_cache(maxsize=_KEPT)
def program(content: bytes) -> Program:
    """Read and checked once a worker."""
    return program_file.from_bytes(content, "the program that a client sent")


@lru_cache(maxsize=_KEPT)
def _encoder(content: bytes, thread: int) -> Encoder:
    """One a thread: a tokenizer is told between texts whether to cut them."""
    return Encoder(program(content))


@contextmanager
def _recorded() -> Iterator[list[Warning | str]]:
    """Warnings of this thread, which are the client's to tell; Python's own way to record them is one for all threads."""
    warnings.showwarning = _show
    warnings.simplefilter("always", UserWarning)
    found: list[Warning | str] = []
    _THREAD.seen = found
    try:
        yield found
    finally:
        del _THREAD.seen


def _show(message: Warning | str, *_where: Any, **_more: Any) -> None:
    getattr(_THREAD, "seen", []).append(message)
