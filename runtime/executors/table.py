"""The executors, in the order in which they are named. Each is imported when it runs: compiled kernels and Lava take their time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tritspike.hw_profiles.errors import Finding, listed
from tritspike.runtime.errors import ExecutorError, InputError
from tritspike.runtime.executors.base import Capabilities, Engine, Executor, How, Session
from tritspike.runtime.network import file, ranges, soundness
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.network import Inputs, Scheduled, Stream
from tritspike.runtime.network.outcome import ANSWERS, Ask, Outcome
from tritspike.runtime.network.sequences import Sequences, apart

if TYPE_CHECKING:
    from tritspike.runtime.executors.onnx.run import Runs


@dataclass(frozen=True, eq=False)
class _Engine:
    """What all have: rows of a text one at a time, and no session."""

    program: Scheduled
    how: How

    def rows_at_once(self, how: How) -> int:
        """As many as one window has."""
        return max((grids.shape(p.grid)[0] for p in self.program.network.populations if grids.grows(p.grid)), default=1)

    def open(self, streams: int = 1) -> Session:
        """Not here."""
        raise InputError("this executor keeps nothing of a text that grows", f"one of {able('flows' if _flows(self.program) else 'grows')}")


class _Fast(_Engine):
    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        from tritspike.runtime.executors.fast import run as fast

        return fast.run(self.program, inputs, ask.record, ask.count)

    def rows_at_once(self, how: How) -> int:
        from tritspike.runtime.executors.fast import memory

        return memory.batch_rows(self.program, how.threads, how.memory)

    def open(self, streams: int = 1) -> Session:
        from tritspike.runtime.executors.fast.growing import Growing
        from tritspike.runtime.executors.fast.streaming import Streaming

        if _flows(self.program):
            return Streaming(self.program, streams)
        if streams != 1:
            raise InputError(f"{streams} texts that grow at once", "one: this program is no stream")
        return Growing(self.program)


class _Reference(_Engine):
    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        from tritspike.runtime.executors import reference as literal

        return _chosen(ask, _apart(lambda some: literal.run(self.program, some, bool(ask.record)), inputs))


class _Lava(_Engine):
    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        from tritspike.runtime.executors.lava import executor

        return _chosen(ask, _apart(lambda some: executor.run(self.program, some, bool(ask.record), self.how.limit), inputs))

    def open(self, streams: int = 1) -> Session:
        from tritspike.runtime.executors.lava.feeding import Feeding

        if not _flows(self.program):
            return super().open(streams)
        if streams != 1:
            raise InputError(f"{streams} streams on Lava at once", "one")
        return Feeding(self.program, self.how.limit)


class _Partitioned(_Engine):
    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        from tritspike.runtime.executors import partitioned as board

        mapping = self.how.mapping
        assert mapping is not None
        return _chosen(ask, _apart(lambda some: board.run(mapping, some, bool(ask.record)), inputs))


class _Onnx(_Engine):
    @cached_property
    def _runs(self) -> Runs:
        from tritspike.runtime.executors.onnx.run import Runs

        return Runs(self.program, self.how)

    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        return _apart(lambda some: self._runs.run(some, ask), inputs)

    def open(self, streams: int = 1) -> Session:
        from tritspike.runtime.executors.onnx.flowing import Flowing

        return Flowing(self._runs, streams) if _flows(self.program) else super().open(streams)


def _flows(program: Scheduled) -> bool:
    return isinstance(program.timing, Stream)


def _apart(run: Callable[[Inputs], Outcome], inputs: Inputs) -> Outcome:
    """Streams without end one by one: an executor plays one."""
    return apart(run, inputs) if isinstance(inputs, Sequences) else run(inputs)


def _chosen(ask: Ask, found: Outcome) -> Outcome:
    """The populations that were asked for, of an executor that records all."""
    if found.spikes is None or isinstance(ask.record, bool):
        return found
    return Outcome(found.read, {name: spikes for name, spikes in found.spikes.items() if ask.wants(name)})


@dataclass(frozen=True)
class _Entry:
    """One executor. proves: it asks before a run that no register can be left, where `reference` watches every one while it runs."""

    name: str
    can: Capabilities
    engine: type[_Fast | _Reference | _Lava | _Partitioned | _Onnx]
    proves: bool = True

    def refuses(self, program: Scheduled, how: How) -> Iterable[Finding]:
        found = list(soundness.findings(program))
        if not found and self.proves:
            found += ranges.findings(program)
        return found + self._own(program, how)

    def _own(self, program: Scheduled, how: How) -> list[Finding]:
        return []

    def prepare(self, program: Scheduled, how: How) -> Engine:
        return self.engine(program, how)


class _OnLava(_Entry):
    def _own(self, program: Scheduled, how: How) -> list[Finding]:
        from tritspike.runtime.executors.lava import plan, stock

        try:
            stock.require_here()
        except ExecutorError as error:
            return [Finding("lava", "here", str(error), "installed")]
        return list(plan.findings(program))


class _InOnnx(_Entry):
    def _own(self, program: Scheduled, how: How) -> list[Finding]:
        from tritspike.runtime.executors.onnx import here

        return list(here.findings())

    def prepare(self, program: Scheduled, how: How) -> Engine:
        from tritspike.runtime.executors.onnx import here

        here.require_here(here.RUNS)
        return super().prepare(program, how)


class _OnCores(_Entry):
    def _own(self, program: Scheduled, how: How) -> list[Finding]:
        if how.mapping is None:
            return [Finding("mapping", "what is given", "none", "one that lower --map wrote")]
        ours = how.mapping.program is program or file.digest(how.mapping.program) == file.digest(program)
        return [] if ours else [Finding("partitioned", "mapping", "another network's", "this one's")]

    def prepare(self, program: Scheduled, how: How) -> Engine:
        if how.mapping is None:
            raise InputError("partitioned runs a program core by core, and was given no mapping", "--map FILE.map, as lower --map writes it")
        if found := self._own(program, how):
            raise InputError(listed(found), "lower it again with --map")
        return super().prepare(program, how)


_ENTRIES: tuple[Executor, ...] = (
    _Entry("fast", Capabilities(counts=True, mixed_lengths=True, threads=True, grows=True, flows=True, hands_over=True), _Fast),
    _Entry("reference", Capabilities(), _Reference, proves=False),
    _OnLava("lava", Capabilities(flows=True), _Lava),
    _OnCores("partitioned", Capabilities(cut=False), _Partitioned, proves=False),
    _InOnnx("onnx", Capabilities(flows=True, hands_over=True), _Onnx),
)
EXECUTORS: dict[str, Executor] = {entry.name: entry for entry in _ENTRIES}
DEFAULT = _ENTRIES[0].name
ORACLE = _ENTRIES[1].name  # what others are compared with unless somebody says otherwise
ELSEWHERE = _ENTRIES[2].name  # what `verify` runs unless somebody says otherwise: another's chip


def executor(name: str) -> Executor:
    """The executor of that name; `InputError` lists the known ones."""
    if not isinstance(name, str) or name not in EXECUTORS:
        raise InputError(f"executor {name!r} is unknown", f"one of {', '.join(EXECUTORS)}")
    return EXECUTORS[name]


def able(what: str) -> str:
    """Names of the executors that can do `what`, a field of `Capabilities`."""
    return ", ".join(name for name, entry in EXECUTORS.items() if getattr(entry.can, what))


def require_different(names: Sequence[str], against: str) -> tuple[str, ...]:
    """Executors to be compared with another. Raises `InputError` where there is none, or one with itself."""
    if not names or against in names:
        raise InputError(f"{against} is compared with {', '.join(names) or 'nothing'}", f"others of {', '.join(EXECUTORS)}")
    return tuple(names)


def refusals(program: Scheduled, how: How | None = None) -> Iterator[str]:
    """A line an executor: that it would run the network, or everything that it refuses it for."""
    for name, entry in EXECUTORS.items():
        found = tuple(entry.refuses(program, how or How()))
        yield f"{name}: refuses: {listed(found)}" if found else f"{name}: runs it"
