"""(b) `fast` beside stock Lava, the same program and sentences, a step at a time, start-up left out on both sides.

Lava's steps are timed by its child's own clock: between the reading of one answer and the next lie T steps. Processor time is that of all of
Lava's processes, or of all of ours, between the first answer and the last: it holds on a machine that others use, where wall time grows.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import CHECKPOINT, CORES, Best, timed
from numpy.typing import NDArray

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.lava import executor as lava
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.parallel import ordered_map
from tritspike.runtime.tasks import dataset, labelled

_TICK = os.sysconf("SC_CLK_TCK")
_BATCH = 32  # sentences that `fast` runs at once


class Watch(threading.Thread):
    """Processor seconds of this process's living descendants, read ten times a second while the block runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done, self.seen = threading.Event(), []  # (second, processor seconds)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()

    def run(self) -> None:
        while not self.done.wait(0.1):
            self.seen.append((time.perf_counter(), descendants_cpu(os.getpid())))

    def between(self, start: float, end: float) -> float:
        """Processor seconds from `start` to `end`, two readings of `time.perf_counter`, which all processes share."""
        seconds, cpu = np.array(self.seen).T
        return float(np.subtract(*np.interp([end, start], seconds, cpu)))


def descendants_cpu(root: int) -> float:
    """Processor seconds, so far, of all living descendants of process `root`."""
    found = dict(filter(None, map(_process, (p for p in Path("/proc").iterdir() if p.name.isdigit()))))
    ours = {root}
    for _ in range(8):  # Lava's tree is three deep
        ours |= {pid for pid, (parent, _) in found.items() if parent in ours}
    return sum(found[pid][1] for pid in ours - {root})


def _process(path: Path) -> tuple[int, tuple[int, float]] | None:
    """(id, (parent, processor seconds)), or None where it has just ended."""
    try:
        values = (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(path.name), (int(values[1]), (int(values[11]) + int(values[12])) / _TICK)


def on_lava(program: Program, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Logits, (texts - 1,) milliseconds a step between two answers, processor milliseconds a step."""
    with Watch() as watch:
        found, clock = lava.clocked(program.scheduled, rows)
    steps = program.steps * (len(rows) - 1)
    return program.result(rows, found).logits, 1e3 * np.diff(clock) / program.steps, 1e3 * watch.between(clock[0], clock[-1]) / steps


def on_fast(program: Program, some: list[Rows]) -> tuple[NDArray[np.int64], Best]:
    """Logits, and seconds a step on all cores."""
    steps = program.steps * sum(map(len, some))
    found = timed(lambda: simulated(program, some), 2)
    return np.concatenate(simulated(program, some)), Best(found.wall / steps, found.processor / steps)


def simulated(program: Program, some: list[Rows]) -> list[NDArray[np.int64]]:
    """Logits of each batch, on all cores."""
    return list(ordered_map(lambda rows: batches.run(program, rows, DEFAULT).logits, some, CORES))


def compared(encoder: Encoder, tokens: list[Tokens], runs: int) -> dict[str, Any]:
    """One length: both on the same sentences, which must have equal logits; `fast` has them eight times over, so that its cores are full."""
    program, every = encoder.program, encoder.rows(tokens)
    found = [on_lava(program, every) for _ in range(runs)]
    logits, quick = on_fast(program, [encoder.rows(tokens[n : n + _BATCH]) for n in range(0, len(tokens), _BATCH)] * 8)
    for expected, _, _ in found:
        assert (logits.reshape(8, *expected.shape) == expected).all()
    low, middle, high = np.percentile(np.concatenate([steps for _, steps, _ in found]), (5, 50, 95))
    cpu = [used for _, _, used in found]
    return {
        "tokens": encoder.program.positions,
        "sentences": len(tokens),
        "Lava, ms a step": float(middle),
        "5 % .. 95 % of sentences": f"{low:.1f} .. {high:.1f}",
        "Lava, processor ms a step": float(np.median(cpu)),
        "least .. most of runs": f"{min(cpu):.1f} .. {max(cpu):.1f}",
        "fast, ms a step": 1e3 * quick.wall,
        "fast, processor ms a step": 1e3 * quick.processor,
        "times": float(middle) / quick.wall / 1e3,
        "times, processor": float(np.median(cpu)) / quick.processor / 1e3,
    }


def measure(lengths: tuple[int, ...] = (8, 24, 56), count: int = 32, runs: int = 3) -> dict[str, Any]:
    """The table: the last `count` of SST-2's dev sentences that a program of each length holds."""
    texts = [str(e.text) for e in dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], "dev")]
    every = Encoder(lower(CHECKPOINT, "loihi2")).tokens(texts)
    rows = []
    for length in lengths:
        encoder = Encoder(lower(CHECKPOINT, "loihi2", length=length))
        rows.append(compared(encoder, [t for t in every if len(t[0]) <= length][-count:], runs))
    remark = (
        f"The same program, length and sentences, from encoded spikes to logits, {runs} runs of Lava on {CORES} cores. A step is one of the T = 4 "
        "that a streamed sentence takes; Lava's are timed by its child's own clock from the first answer to the last, so no start-up is in them. "
        "Processor time sums all processes and threads."
    )
    return {"title": "(b) Stock Lava", "remark": remark, "rows": rows}
