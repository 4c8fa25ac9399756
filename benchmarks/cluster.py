"""What a cluster of processes costs beside one process: processor time a text, what a shard adds, and the same bytes after a killed worker.

    python benchmarks/cluster.py GLUE WIKITEXT [--texts 20000] [--rounds 3] [--rates]

GLUE: the folder in GLUE's layout, of which SST-2's train texts are labelled; WIKITEXT: the folder of wiki.test.tokens, the first 60,000 bytes
of which are scored in windows. Needs the extra `cluster`. Writes benchmarks/results/cluster.{json,md}.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import CORES, busy, write

import tritspike as ts
from tritspike.runtime.cluster import remote
from tritspike.runtime.cluster.connect import SETTINGS, connected
from tritspike.runtime.cluster.evaluate import evaluate_here, evaluate_there
from tritspike.runtime.cluster.ordered import ordered
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.tasks import dataset, labelled
from tritspike.runtime.tasks.shards import InWindows, Job, Labelling, Result, Texts

HOW, WAIT, WORKERS = How(threads=1), 60.0, 3
PROGRAMS = ("sst2-ternary", "sst2-stream-ternary")
MOMENTS = (0.05, 0.4, 0.8)  # shares of the texts
SLICE, SHARDS = 60_000, 400  # bytes; of no texts


def same(results: Sequence[Result]) -> str:
    """A digest of all reports but their times."""
    reports = [{name: value for name, value in r.report.items() if name != "seconds"} for r in results]
    return hashlib.sha256(json.dumps(reports).encode()).hexdigest()


def of_workers(client: Any) -> float:
    """Seconds of processors that all of them have spent."""
    return sum(client.run(time.process_time).values())


def spent(client: Any, jobs: Sequence[Job]) -> tuple[float, float, str]:
    """(seconds of the workers' processors, of this process's, which has the scheduler too, digest)."""
    before, own = of_workers(client), time.process_time()
    found = evaluate_there(client, jobs, "fast", HOW, lambda n: None, WAIT)
    return of_workers(client) - before, time.process_time() - own, same(found)


def rates(client: Any, job: Labelling, rounds: int) -> dict[str, Any]:
    """One row, by turns here and there; medians."""
    expected = same(evaluate_here([job], "fast", HOW, lambda n: None))
    spent(client, [job])  # each worker reads the program
    found = [(here(job, expected), *there(client, job, expected)) for _ in range(rounds)]
    one, many, own = (statistics.median(column) for column in zip(*found))
    return {
        "program": job.name,
        "texts": job.size,
        "shards": sum(1 for _ in job.shards(job.usual)),
        "one process, us a text": one / job.size * 1e6,
        "workers, us a text": many / job.size * 1e6,
        "client and scheduler, us a text": own / job.size * 1e6,
        "rate a core of the workers, of one process's": round(one / many, 3),
        "least of the rounds": round(min(a / b for a, b, _ in found), 3),
    }


@contextmanager
def dask_s_malloc() -> Iterator[None]:
    """Workers are started with malloc's trim threshold in their environment, as Dask does unless told otherwise."""
    name = "distributed.nanny.pre-spawn-environ"
    ours = SETTINGS.pop(name)
    try:
        yield
    finally:
        SETTINGS[name] = ours


def here(job: Labelling, expected: str) -> float:
    """Seconds of this process's processors."""
    start = time.process_time()
    assert same(evaluate_here([job], "fast", HOW, lambda n: None)) == expected
    return time.process_time() - start


def there(client: Any, job: Labelling, expected: str) -> tuple[float, float]:
    """`spent`, of the same bytes."""
    workers, own, found = spent(client, [job])
    assert found == expected, "other bytes"
    return workers, own


def a_shard(client: Any, job: Labelling) -> dict[str, Any]:
    """What a shard costs beside its texts: of one that has none, with what planning its program costs."""
    program = client.submit(remote.held, program_file.to_bytes(job.program), key="benchmark-program")
    calls = [(remote.work, (program, ts.__version__, Texts((), 0), "fast", HOW))] * SHARDS
    before, own, start = of_workers(client), time.process_time(), time.perf_counter()
    list(ordered(client, calls, WAIT))
    clock, own = time.perf_counter() - start, time.process_time() - own
    seconds = {"workers, ms": of_workers(client) - before, "client and scheduler, ms": own, "clock, ms": clock}
    return {"program": job.name, "shards": SHARDS, **{name: value / SHARDS * 1e3 for name, value in seconds.items()}}


def killed(client: Any, jobs: Sequence[Job], expected: str, share: float) -> dict[str, Any]:
    """One worker killed when this share of the texts is done: the same bytes?"""
    done, victim, total = [0], sorted(client.run(os.getpid).values())[0], sum(job.size for job in jobs)

    def step(n: int) -> None:
        if done[0] <= share * total < done[0] + n:
            os.kill(victim, signal.SIGKILL)
        done[0] += n

    found = same(evaluate_there(client, jobs, "fast", HOW, step, WAIT))
    assert found == expected and victim not in client.run(os.getpid).values(), "it was not killed, or other bytes"
    client.wait_for_workers(WORKERS, timeout=WAIT)
    return {"killed after": f"{share:.0%}", "workers": WORKERS, "equal to one process": found == expected, "sha256": found[:16]}


def jobs_of(glue: Path, wikitext: Path) -> list[Job]:
    """All of SST-2's dev, by a stream and by windows, and the beginning of WikiText's test file."""
    task = labelled.task_named("sst2")
    dev = dataset.read(task, glue)
    text = (wikitext / "wiki.test.tokens").read_bytes()[:SLICE].decode(errors="ignore")
    made: list[Job] = [Labelling(name, ts.load(name).program, task, "dev", dev) for name in PROGRAMS]
    return [*made, InWindows("lm-ternary", ts.load("lm-ternary").program, "wiki.test.tokens", text, None)]


def measured(o: argparse.Namespace) -> None:
    """All of it."""
    load, task, jobs = busy(), labelled.task_named("sst2"), jobs_of(o.glue, o.wikitext)
    many = dataset.read(task, o.glue, "train", o.texts)
    expected = same(evaluate_here(jobs, "fast", HOW, lambda n: None))
    trains = [Labelling(job.name, job.program, task, "train", many) for job in jobs if isinstance(job, Labelling)]
    sections: dict[str, dict[str, Any]] = {}

    def note(key: str, title: str, remark: str, rows: list[dict[str, Any]]) -> None:
        sections[key] = {"title": title, "remark": remark, "rows": rows, "load before": load}

    with told_warnings(), connected(None, CORES, WAIT) as client:
        by = f"SST-2's train texts; {CORES} workers; medians of {o.rounds} rounds, by turns."
        note("rates", "Processor time a text", by, [rates(client, job, o.rounds) for job in trains])
        note("shards", "A shard without texts", "What sending, planning and answering costs.", [a_shard(client, job) for job in trains])
    if not o.rates:
        with told_warnings(), dask_s_malloc(), connected(None, CORES, WAIT) as client:
            rows = [rates(client, job, o.rounds) for job in trains]
            note("malloc", "The same with Dask's threshold for malloc", "Where `local` sets another.", rows)
        with connected(None, WORKERS, WAIT) as client:
            about = f"SST-2's dev by two programs, and the first {SLICE:,} bytes of WikiText's test file."
            note("killed", "A worker killed", about, [killed(client, jobs, expected, share) for share in MOMENTS])
    write("cluster", sections)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glue", type=Path)
    parser.add_argument("wikitext", type=Path)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", action="store_true", help="rates and shards alone")
    measured(parser.parse_args())


if __name__ == "__main__":
    main()
