"""The host's side of a run on a board: write the job, run the child, cut out the windows, compute the answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.host.compare import require_equal_answers
from tritspike.runtime.errors import ExecutorError, MismatchError
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.kept import keep
from tritspike.runtime.lava.delay import delay, total_steps, wait
from tritspike.runtime.lava.executor import environment, run_child
from tritspike.runtime.program import SOURCE, Samples, packed
from tritspike.runtime.wiring import Matrix, Pool


def run(program: Program, samples: Samples, adapter_steps: int, limit: float) -> Result:
    """Logits, and the last layer's spikes. Raises `ExecutorError` where the child fails or takes longer than `limit` seconds."""
    with keep("tritspike-board-", environment(), ExecutorError) as kept:
        _write_job(kept.folder, program, samples, adapter_steps)
        run_child(kept, limit, "tritspike.runtime.lava.hardware")
        recorded = kept.folder / "last.bits"
        if not recorded.exists():
            raise ExecutorError("the board's run ended without recording a spike train")
        bits = np.fromfile(recorded, np.uint8).reshape(total_steps(program, len(samples), adapter_steps), -1)
    name = program.last.name
    start = delay(adapter_steps, program.steps) + program.by_name[name].latency + adapter_steps
    windows = bits[start : start + len(samples) * program.steps].reshape(len(samples), program.steps, -1)
    return Result(program, samples.lengths, answer(program, samples, windows), {name: windows})


def _write_job(job: Path, program: Program, samples: Samples, adapter_steps: int) -> None:
    program_file.save(program, job / "program.tsp")
    write_atomic(job / "job.json", json.dumps({"samples": len(samples), "adapter_steps": adapter_steps}).encode())
    for p in program.populations:
        if p.role == SOURCE:
            spikes = samples.source(p.name)
            silent = np.zeros((wait(adapter_steps, program.steps), spikes.shape[-1]), np.bool_)
            packed(np.concatenate([silent, spikes.reshape(-1, spikes.shape[-1])])).tofile(job / f"{p.name}.bits")


def answer(program: Program, samples: Samples, windows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """`Result.read` from the last layer's bit-packed windows: a readout integrates without leak."""
    counts = np.unpackbits(windows, axis=-1, count=program.size(program.last)).sum(1, dtype=np.int64)
    read = program.readout
    if read is None:
        return samples.real_rows(counts)
    (synapse,) = program.inputs(read.name)
    assert isinstance(synapse.wiring, Matrix | Pool)
    grid = counts.reshape(len(counts), program.dims.positions, -1)
    heard = grid if program.each else grid[:, 0] if program.host.first_position_only else grid.sum(1)
    found = (heard @ synapse.wiring.weights().T.astype(np.int64)) << (synapse.exponent + arith.INPUT_SHIFT)
    return samples.real_rows(found) if program.each else found


def require_equal(program: Program, expected: Result, got: Result, names: tuple[str, str]) -> int:
    """Raise `MismatchError` at the last layer's first spike, or else the first logit, that differs; return the number of cells compared."""
    assert expected.spikes is not None and got.spikes is not None
    name = program.last.name
    a, b = (np.unpackbits(spikes[name], axis=-1, count=program.size(program.by_name[name])) for spikes in (expected.spikes, got.spikes))
    wrong = np.argwhere(a != b)
    if len(wrong):
        sample, step, neuron = (int(i) for i in wrong[0])
        found = f"{names[0]} {a[sample, step, neuron]} != {names[1]} {b[sample, step, neuron]}"
        raise MismatchError(f"sample {sample}, step {step}, {name}[{neuron}]: {found}")
    require_equal_answers(expected, got, names)
    return int(a.size)
