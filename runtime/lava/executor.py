"""Run a program on stock Lava: checks before launch, a child process with a time limit, nothing left behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.files import read_tensors, write_atomic
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.kept import Kept, keep
from tritspike.runtime.lava import TIME_LIMIT
from tritspike.runtime.lava.plan import Plan, plan
from tritspike.runtime.lava.room import FILES_A_PROCESS, MOST_PROCESSES, SHM, SPARE_FILES
from tritspike.runtime.lava.stock import require_here
from tritspike.runtime.program import SOURCE, Samples, packed


def run(program: Program, samples: Samples, record: bool = False, limit: float = TIME_LIMIT) -> Result:
    """Stream `samples` through Lava's `fixed_pt` models. `limit`: seconds before the child is killed. Raises `ExecutorError`."""
    return clocked(program, samples, record, limit)[0]


def clocked(program: Program, samples: Samples, record: bool = False, limit: float = TIME_LIMIT) -> tuple[Result, NDArray[np.float64]]:
    """`run`, and (samples,) seconds on the child's clock at which each answer was read: T steps lie between two, and no start-up."""
    require_here()
    fused = plan(program)
    _preflight(fused, record)
    with keep("tritspike-lava-", environment(), ExecutorError) as kept:
        _write_job(kept.folder, program, samples, fused, record)
        run_child(kept, limit, "tritspike.runtime.lava.child")
        read = _read(kept.folder, program, samples)
        spikes = _spikes(kept.folder, program, samples, fused) if record else None
        clock = read_tensors(kept.folder / "answer.safetensors")[0]["clock"]
    return Result(program, samples.lengths, read, spikes), clock


def _preflight(fused: Plan, record: bool) -> None:
    """Refuse what would die of SIGBUS or hang; raise the soft file limit where that is allowed."""
    processes, memory = fused.processes(record), fused.shared_memory(record)
    if processes > MOST_PROCESSES:
        raise ExecutorError(
            f"Lava would need {processes} processes, at most {MOST_PROCESSES} are started", "share thresholds and leaks between populations"
        )
    free = shutil.disk_usage(SHM).free
    if memory > free:
        raise ExecutorError(
            f"Lava needs {memory >> 20} MiB of {SHM}, {free >> 20} MiB are free", "mount a larger one, or compile for a shorter --length"
        )
    wanted = processes * FILES_A_PROCESS + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise ExecutorError(f"Lava needs {wanted} open files for {processes} processes, the hard limit is {hard}", f"ulimit -n {wanted}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _write_job(job: Path, program: Program, samples: Samples, fused: Plan, record: bool) -> None:
    program_file.save(program, job / "program.tsp")
    write_atomic(job / "job.json", json.dumps({"samples": len(samples), "record": record}).encode())
    for p in program.populations:
        if p.role == SOURCE:
            spikes = samples.source(p.name)
            packed(spikes.reshape(-1, spikes.shape[-1])).tofile(job / f"{p.name}.bits")
    recorded = {g.name: g.size for g in fused.groups if record and g.key.role != SOURCE}
    if program.readout is None:
        recorded["last"] = program.size(program.last)
    steps = len(samples) * program.steps + program.depth
    for name, size in recorded.items():
        with open(job / f"{name}.bits", "wb") as out:
            out.truncate(steps * ((size + 7) // 8))


def run_child(kept: Kept, limit: float, module: str) -> None:
    """`python -m module JOB`, killed after `limit` seconds. Raises `ExecutorError` with its last words."""
    code = kept.run([sys.executable, "-m", module, str(kept.folder)], limit)
    words = kept.last_line() or "none"
    if code is None:
        raise ExecutorError(f"Lava did not finish within {limit:g} s and was killed; its last words: {words}", "raise --time-limit")
    if code:
        raise ExecutorError(f"Lava died with exit code {code}: {words}")


def environment() -> dict[str, str]:
    """The child finds our packages wherever the parent did; one thread a process, since there are dozens; only errors are last words."""
    root = str(Path(__file__).absolute().parents[3])
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _read(job: Path, program: Program, samples: Samples) -> NDArray[np.int64]:
    """`Result.read`: the readout's membranes, or the last layer's recorded spikes counted over each sample's window."""
    if program.readout is not None:
        membranes = read_tensors(job / "answer.safetensors")[0]["membranes"]
        return samples.real_rows(membranes) if program.each else membranes
    steps = len(samples) * program.steps
    rows = np.fromfile(job / "last.bits", np.uint8).reshape(steps + program.depth, -1)[program.last.latency :][:steps]
    bits = np.unpackbits(rows, axis=1, count=program.size(program.last))
    return samples.real_rows(bits.reshape(len(samples), program.steps, -1).sum(1, dtype=np.int64))


def _spikes(job: Path, program: Program, samples: Samples, fused: Plan) -> dict[str, NDArray[np.uint8]]:
    """Recorded spikes cut into each sample's window at each population's latency, every relay stage at its own."""
    found = {p.name: packed(samples.source(p.name)) for p in program.populations if p.role == SOURCE}
    steps = len(samples) * program.steps
    for group in fused.groups:
        if group.key.role == SOURCE:
            continue
        bits = np.unpackbits(np.fromfile(job / f"{group.name}.bits", np.uint8).reshape(steps + program.depth, -1), axis=1, count=group.size)
        for p in group.members:
            n, at = program.dims.size(p.axes), group.offsets[p.name]
            windows = [bits[p.latency + k : p.latency + k + steps, at + k * n : at + (k + 1) * n] for k in range(p.stages)]
            found[p.name] = np.packbits(np.concatenate(windows, 1), axis=-1).reshape(len(samples), program.steps, -1)
    return {p.name: found[p.name] for p in program.populations}
