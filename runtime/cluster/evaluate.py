"""Jobs here, or on a cluster in shards: the same results."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import tritspike
from tritspike.runtime.cluster import remote
from tritspike.runtime.cluster.ordered import Call, ordered
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks.shards import WHOLE, Job, Result, Shard, Step

if TYPE_CHECKING:
    from distributed import Client, Future


def evaluate_here(jobs: Sequence[Job], executor: str, how: How, step: Step) -> list[Result]:
    """One after another."""
    return [_here(job, executor, how, step) for job in jobs]


def _here(job: Job, executor: str, how: How, step: Step) -> Result:
    encoder, start = Encoder(job.program), time.perf_counter()
    values = [shard.run(encoder, executor, how, step) for shard in job.shards(WHOLE)]
    return job.result(values, executor, time.perf_counter() - start)


def evaluate_there(client: Client, jobs: Sequence[Job], executor: str, how: How, step: Step, wait: float, size: int | None = None) -> list[Result]:
    """All jobs' shards together; what cannot be cut goes first, since it takes longest. Seconds are the workers', added up.

    wait: seconds without a worker after which it is given up. size: texts or windows of a shard. Raises what a run raises, `ClusterError`.
    """
    order = sorted(range(len(jobs)), key=lambda n: jobs[n].size != 0)
    asked = [(n, shard) for n in order for shard in jobs[n].shards(size or jobs[n].usual)]
    parts: list[list[remote.Part]] = [[] for _ in jobs]
    found = ordered(client, _calls(client, jobs, asked, executor, how), wait, lambda number: step(asked[number][1].size))
    for (n, _), part in zip(asked, found, strict=True):
        parts[n].append(part)
        for warning in part.warned:
            warnings.warn(warning, stacklevel=2)
    return [job.result([p.value for p in some], executor, sum(p.seconds for p in some)) for job, some in zip(jobs, parts)]


def _calls(client: Client, jobs: Sequence[Job], asked: Sequence[tuple[int, Shard]], executor: str, how: How) -> Iterator[Call]:
    programs: dict[Program, Future] = {}
    for n, shard in asked:
        program = jobs[n].program
        if program not in programs:
            programs[program] = _sent(client, program)
        yield remote.work, (programs[program], tritspike.__version__, shard, executor, how)


def _sent(client: Client, program: Program) -> Any:
    """Once a cluster, whoever asks and however often: known by its digest."""
    content = program_file.to_bytes(program)
    return client.submit(remote.held, content, key=f"tritspike-program-{hashlib.sha256(content).hexdigest()}")
