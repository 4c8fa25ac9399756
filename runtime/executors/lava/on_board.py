"""The host's side of a run on a board: write the job, run the child, cut out the windows, compute the answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.executors.lava import job
from tritspike.runtime.executors.lava.delay import delay, total_steps, wait
from tritspike.runtime.executors.lava.executor import environment, run_child, steps_played
from tritspike.runtime.executors.lava.job import Job
from tritspike.runtime.executors.lava.plan import Plan, plan
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host.compare import require_equal_answers
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.kept import keep
from tritspike.runtime.network.compare import Names, require_equal_spikes
from tritspike.runtime.network.network import Reads
from tritspike.runtime.network.rows import Rows


def run(program: Program, rows: Rows, adapter_steps: int, limit: float) -> Result:
    """Logits, and the last layer's spikes. Raises `ExecutorError` where the child fails or takes longer than `limit` seconds."""
    planned = plan(program.scheduled, alone=(program.last.name,))
    (group,) = planned.homes((program.last.name,))
    timing = program.scheduled.timing
    wanted = Job(len(rows), timing.period, program.scheduled.depth, (group,), {})
    with keep("tritspike-board-", environment(), ExecutorError) as kept:
        _write(program, rows, planned, wanted, adapter_steps, kept.folder)
        run_child(kept, limit, "tritspike.runtime.executors.lava.hardware")
        path = job.spikes(kept.folder, group)
        if not path.exists():
            raise ExecutorError("the board's run ended without recording a spike train")
        bits = np.fromfile(path, np.uint8).reshape(total_steps(wanted.steps, timing.period, adapter_steps), -1)
    start = delay(adapter_steps, timing.period) + program.scheduled.latency[program.last.name] + adapter_steps
    steps = np.unpackbits(bits[start : start + len(rows) * timing.period], axis=-1, count=program.last.size)
    windows = steps.reshape(len(rows), timing.period, -1).astype(np.bool_)
    return Result(program, rows.lengths, answer(program, rows, windows), {program.last.name: windows})


def _write(program: Program, rows: Rows, planned: Plan, wanted: Job, adapter_steps: int, folder: Path) -> None:
    job.write(wanted, planned, folder)
    job.spikes(folder, wanted.recorded[0]).unlink()  # the child makes it, and where it died before there is none
    write_atomic(folder / "adapter.json", json.dumps({"steps": adapter_steps}).encode())
    for name, steps in steps_played(program.scheduled, rows).items():
        silent = np.zeros((wait(adapter_steps, wanted.period), steps.shape[1]), np.bool_)
        job.play(folder, planned.parts[name][0].group, np.concatenate([silent, steps]))


def answer(program: Program, rows: Rows, windows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """`Result.read` from the last layer's windows: a readout integrates without leak what it hears, whenever it hears it."""
    counts = windows.sum(1, dtype=np.int64)
    if program.probe.reads is Reads.COUNT:
        return rows.each_row(counts, program.answering.size)
    network = program.network
    (synapse,) = network.inputs(program.answering.name)
    heard = (synapse.wiring.csr(*network.grids(synapse)).astype(np.int64) @ counts.T).T << (synapse.exponent + arith.INPUT_SHIFT)
    return rows.each_row(heard, program.answering.size) if program.each else heard


def require_equal(program: Program, expected: Result, got: Result, names: Names) -> int:
    """Raise `MismatchError` at the last layer's first spike, or else the first logit, that differs; return the number of cells compared."""
    assert expected.spikes is not None and got.spikes is not None
    name = program.last.name
    cells = require_equal_spikes(program.scheduled, {name: expected.spikes[name]}, got.spikes, names)
    require_equal_answers(expected, got, names)
    return cells
