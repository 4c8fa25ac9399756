"""Run a scheduled network on stock Lava: all that it is refused for first, then a child process with a time limit; nothing is left behind."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import listed
from tritspike.runtime.errors import ExecutorError, InputError
from tritspike.runtime.executors.lava import TIME_LIMIT, job, room
from tritspike.runtime.executors.lava.job import Job
from tritspike.runtime.executors.lava.plan import Part, Plan, findings, plan
from tritspike.runtime.executors.lava.stock import require_here
from tritspike.runtime.kept import Kept, keep
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.network import Inputs, Probe, Reads, Scheduled
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.streams import say

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def run(program: Scheduled, inputs: Inputs, record: bool = False, limit: float = TIME_LIMIT) -> Outcome:
    """As `literal.run`. Lava says nothing where a current wraps or a membrane that is read fires: it is asked of every input before.

    limit: seconds before the child is killed. Raises `ExecutorError`, `RangeError` where some input could leave a register, and `InputError`
    where the program is not sound or there is nothing to play.
    """
    return clocked(program, inputs, record, limit)[0]


def clocked(program: Scheduled, inputs: Inputs, record: bool = False, limit: float = TIME_LIMIT) -> tuple[Outcome, NDArray[np.float64]]:
    """`run`, and the seconds on the child's clock at which membranes were read: a period lies between two, and no start-up."""
    require_here()
    require_sound(program)
    if not len(inputs):
        raise InputError("no windows to play")
    planned = plan(program)
    wanted = _job(program, planned, len(inputs), record)
    require_room(program, planned, wanted)
    require_ranges(program)
    say(f"lava: {len(inputs):,} windows of {program.timing.period} steps, {program.network.neurons():,} neurons; at most {limit:g} s")
    with keep("tritspike-lava-", environment(), ExecutorError) as kept:
        job.write(wanted, planned, kept.folder)
        parts, played_steps = planned.parts, steps_played(program, inputs)
        del planned  # its weights, which the child has now
        for name, steps in played_steps.items():
            job.play(kept.folder, parts[name][0].group, steps)
        run_child(kept, limit, "tritspike.runtime.executors.lava.child")
        done = _Done(program, wanted, parts, kept.folder, played_steps, *job.answered(kept.folder))
        spikes = {p.name: done.spikes(p.name) for p in program.network.populations} if record else None
        return Outcome({probe.name: done.read(probe) for probe in program.network.probes}, spikes), done.clock


def run_child(kept: Kept, limit: float, module: str) -> None:
    """`python -m module JOB`, killed after `limit` seconds. Raises `ExecutorError` with its last words."""
    code = kept.run(command(kept, module), limit)
    if code != 0:
        raise failed(kept, code, limit)


def command(kept: Kept, module: str) -> list[str]:
    """That a child is started by."""
    return [sys.executable, "-m", module, str(kept.folder)]


def failed(kept: Kept, code: int | None, limit: float) -> ExecutorError:
    """With a child's last words. code: None where it took over `limit` seconds."""
    words = kept.last_line() or "none"
    if code is None:
        return ExecutorError(f"Lava did not finish within {limit:g} s and was killed; its last words: {words}", "raise --time-limit")
    return ExecutorError(f"Lava died with exit code {code}: {words}")


def environment() -> dict[str, str]:
    """The child finds our packages wherever the parent did; one thread a process, since there are dozens; only errors are last words."""
    root = str(Path(__file__).absolute().parents[3])
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _job(program: Scheduled, planned: Plan, windows: int, record: bool) -> Job:
    network = program.network
    counted, members = ({p.population for p in network.probes if p.reads is reads} for reads in (Reads.COUNT, Reads.MEMBRANE))
    recorded = planned.homes(p.name for p in network.populations if p.neuron is not None and (record or p.name in counted))
    read = {part.group: program.latency[name] for name in sorted(members) for part in planned.parts[name]}
    return Job(windows, program.timing.period, program.depth, recorded, read)


def require_room(program: Scheduled, planned: Plan, wanted: Job) -> None:
    """Raises `ExecutorError` with everything that Lava or this machine has no room for; raises the soft file limit where that is allowed."""
    processes, memory = planned.processes(wanted.recorded), planned.shared_memory(wanted.recorded)
    found = (*findings(program), *room.findings(processes, memory))
    if found:
        raise ExecutorError(listed(found))
    room.raise_files(processes)


def steps_played(program: Scheduled, inputs: Inputs) -> dict[str, Bools]:
    """(steps, neurons) by population: windows end to end, silent after their last step with input."""
    found = {}
    for port in program.network.ports:
        p = program.network.by_name[port.population]
        found[p.name] = played(program, inputs, port).reshape(-1, p.size)
    return found


@dataclass(frozen=True, eq=False)
class _Done:
    """A job's folder after its run. parts, played: by population; membranes: by group."""

    program: Scheduled
    wanted: Job
    parts: dict[str, tuple[Part, ...]]
    folder: Path
    played: dict[str, Bools]
    membranes: dict[int, Ints]
    clock: NDArray[np.float64]

    def spikes(self, name: str) -> Bools:
        """(windows, steps, neurons), each window as the population saw it."""
        steps = self.wanted.windows * self.wanted.period
        found, latency = self.played.get(name), self.program.latency[name]
        if found is None:
            found = self._of(name, steps, np.bool_)
            for part in self.parts[name]:
                found[:, part.neurons] = job.recorded(self.folder, part.group, self.wanted, part.seats)[latency : latency + steps]
        return found.reshape(self.wanted.windows, self.wanted.period, -1)

    def read(self, probe: Probe) -> Ints:
        """(windows, neurons)."""
        if probe.reads is Reads.COUNT:
            return self.spikes(probe.population).sum(1, dtype=np.int64)
        found = self._of(probe.population, self.wanted.windows, np.int64)
        for part in self.parts[probe.population]:
            found[:, part.neurons] = self.membranes[part.group][:, part.seats]
        return found

    def _of(self, name: str, rows: int, kind: Any) -> Any:
        return np.zeros((rows, self.program.network.by_name[name].size), kind)
