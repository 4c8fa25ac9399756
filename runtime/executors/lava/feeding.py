"""A stream on Lava whose tokens are fed as they come: one run that goes on, of which the host reads what a token made before it has the next.

Every population sees a token some steps after the host plays it. What is read of it must be there when its period ends, and the period is long
enough: what counts, or sums, fires only in steps that have input, which is proved, and the last of these has passed the last layer by then.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from io import FileIO

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.errors import ExecutorError, InputError
from tritspike.runtime.executors.fast.flow import flow
from tritspike.runtime.executors.lava import TIME_LIMIT, job
from tritspike.runtime.executors.lava.executor import command, environment, failed, require_room
from tritspike.runtime.executors.lava.job import Job
from tritspike.runtime.executors.lava.plan import Plan, plan
from tritspike.runtime.executors.lava.stock import require_here
from tritspike.runtime.kept import Kept, keep
from tritspike.runtime.network.network import Port, Probe, Reads, Scheduled, Stream
from tritspike.runtime.network.outcome import Bools, Ints
from tritspike.runtime.network.sequences import TIMED, require_words, timed

_MODULE = "tritspike.runtime.executors.lava.fed"


class Feeding:
    """One stream, from its first token. What it reads of a token is what a whole run reads there. length: tokens read.

    limit: seconds for one token, and for Lava's start. Raises `ExecutorError` as `executor.run` does, and `InputError` for a program that is no
    stream, or of which a token's answer may come after its period.
    """

    def __init__(self, program: Scheduled, limit: float = TIME_LIMIT) -> None:
        require_here()
        self.timing = _require_in_time(program)
        self.program, self.limit, self.length = program, limit, 0
        planned = plan(program)
        self.parts, self.wanted = planned.parts, _job(program, planned)
        require_room(program, planned, self.wanted)
        self._planned, self._open = planned, ExitStack()
        self._start()

    def _start(self) -> None:
        self.kept = self._open.enter_context(keep("tritspike-lava-", environment(), ExecutorError))
        self.close = weakref.finalize(self, self._open.close)
        job.write(self.wanted, self._planned, self.kept.folder)
        self._play({port.population: np.zeros((self.timing.period, self._size(port.population)), np.bool_) for port in self.program.network.ports})
        self._go, self._done = _pipe(self.kept, job.GO), _pipe(self.kept, job.DONE)
        self._open.enter_context(self._go)
        self._open.enter_context(self._done)
        self.kept.start(command(self.kept, _MODULE))

    def restart(self) -> None:
        """Forget everything: Lava begins again."""
        self.close()
        self.length, self._open = 0, ExitStack()
        self._start()

    def add(self, words: Mapping[str, bits.Words]) -> dict[str, Ints]:
        """Read the next tokens' spikes, (tokens, steps, words) by what a port plays: what is read of each, by probe, (tokens, neurons).

        Raises `InputError` beyond a slot's end, and for words that are no tokens of this program.
        """
        count, ports = self._require(words), [port for port in self.program.network.ports if port.plays not in TIMED]
        spikes = {port.population: bits.unpack(words[port.plays], self._size(port.population)) for port in ports}
        found: dict[str, list[Ints]] = {probe.name: [] for probe in self.program.network.probes}
        for n in range(count):
            self._token({name: some[n] for name, some in spikes.items()})
            for probe in self.program.network.probes:
                found[probe.name].append(self._read(probe))
        return {
            probe.name: np.array(found[probe.name], np.int64).reshape(count, self._size(probe.population)) for probe in self.program.network.probes
        }

    def _require(self, words: Mapping[str, bits.Words]) -> int:
        count, slot = len(next(iter(words.values()), ())), self.timing.slot
        if slot and self.length + count > slot:
            raise InputError(f"{self.length + count} tokens in a slot of {slot}", "restart")
        for port in self.program.network.ports:
            if port.plays not in TIMED:
                require_words(port, self._size(port.population), words, (count, self.timing.steps))
        return count

    def _token(self, spikes: Mapping[str, Bools]) -> None:
        """Play one, and wait until its period is over."""
        lines = {port.population: self._line(port, spikes) for port in self.program.network.ports}
        self._play(lines)
        os.write(self._go.fileno(), b".")
        done = self.kept.told(self._done.fileno(), self.limit)
        if not done:
            error = failed(self.kept, None if done is None else self.kept.ended(), self.limit)
            self.close()
            raise error
        self.length += 1

    def _line(self, port: Port, spikes: Mapping[str, Bools]) -> Bools:
        """(period, neurons)."""
        line = np.zeros((self.timing.period, self._size(port.population)), np.bool_)
        if port.plays in TIMED:
            line |= timed(port.plays, self.timing, self.timing.slot or 1)[self.length if self.timing.slot else 0, :, None]
        else:
            line[: self.timing.steps] = spikes[port.population]
        return line

    def _play(self, lines: Mapping[str, Bools]) -> None:
        for name, line in lines.items():
            job.overwrite(self.kept.folder, self.parts[name][0].group, line)

    def _read(self, probe: Probe) -> Ints:
        """(neurons,)."""
        out, folder, latency = np.zeros(self._size(probe.population), np.int64), self.kept.folder, self.program.latency[probe.population]
        for part in self.parts[probe.population]:
            if probe.reads is Reads.MEMBRANE:
                out[part.neurons] = np.fromfile(job.membranes(folder, part.group), np.int64)[part.seats]
            else:
                out[part.neurons] = job.recorded(folder, part.group, self.wanted, part.seats)[latency:].sum(0)
        return out

    def _size(self, name: str) -> int:
        return self.program.network.by_name[name].size


def _pipe(kept: Kept, name: str) -> FileIO:
    """Open for both ends, so that no side waits for the other to open it."""
    os.mkfifo(kept.folder / name)
    return FileIO(os.open(kept.folder / name, os.O_RDWR), "r+")


def _job(program: Scheduled, planned: Plan) -> Job:
    """One period, over and over."""
    counted, members = ({p.population for p in program.network.probes if p.reads is reads} for reads in (Reads.COUNT, Reads.MEMBRANE))
    return Job(1, program.timing.period, 0, planned.homes(sorted(counted)), dict.fromkeys(planned.homes(sorted(members)), 0))


def _require_in_time(program: Scheduled) -> Stream:
    """Raises `InputError` where what is read of a token is not there when its period ends, or that is not proved."""
    timing, (found, _) = program.timing, flow(program)
    if not isinstance(timing, Stream) or found is None:
        raise InputError("no session token by token", "a stream that fast takes by its rules; inspect --plan shows them")
    for probe in program.network.probes:
        steps = found.steps(found.readers[probe.name].source.buffer) + program.latency[probe.population]
        if steps > timing.period:
            raise InputError(f"{probe.name}: a token's answer comes {steps} steps after it, which has {timing.period}", f"a period of {steps}")
    return timing
