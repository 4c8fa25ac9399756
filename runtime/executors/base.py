"""What an executor is: what it can do, what it refuses, and an engine that is prepared once for a network and run many times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.bits import Words
from tritspike.runtime.executors.lava import TIME_LIMIT
from tritspike.runtime.limits import MEMORY, cores
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import Ask, Ints, Outcome

if TYPE_CHECKING:
    from tritspike.runtime.mapping import Mapping


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """counts: spikes and synaptic events. mixed_lengths: windows of any lengths in one run, packed without padding. threads: several runs at once.

    grows: a session that keeps what it was told of a text; flows: one of a stream; hands_over: whose state another session can go on from.
    cut: programs of any length, where others run one as it was compiled.
    """

    counts: bool = False
    mixed_lengths: bool = False
    threads: bool = False
    grows: bool = False
    flows: bool = False
    hands_over: bool = False
    cut: bool = True


@dataclass(frozen=True, kw_only=True)
class How:
    """How an executor runs. threads, memory (bytes of spikes at once): of one that can; limit: seconds before a run of Lava is given up.

    mapping: where each slice lies, for `partitioned`. count: have spikes and synaptic events counted. strict: refuse texts longer than the
    compiled length instead of cutting them.
    """

    threads: int = field(default_factory=cores)
    memory: int = MEMORY
    limit: float = TIME_LIMIT
    mapping: Mapping | None = None
    count: bool = False
    strict: bool = False


class Session(Protocol):
    """One text that grows, or some streams that go on: of these `Streaming` also hands out its state, and goes on from one."""

    length: int

    def add(self, words: dict[str, Words]) -> dict[str, Ints]:
        """Read more rows, by what a port plays; what each probe reads of them. Raises `InputError` beyond the compiled length."""

    def restart(self) -> None:
        """Forget the text."""


class Engine(Protocol):
    """A network that is ready to run."""

    def run(self, inputs: Inputs, ask: Ask = ...) -> Outcome:
        """Play all windows back to back. Raises what the executor's own run raises."""

    def rows_at_once(self, how: How) -> int:
        """Rows of a batch, so that `how.threads` batches stay within `how.memory`. Raises `InputError` where one text may not fit."""

    def open(self, streams: int = 1) -> Session:
        """Where the executor `grows` or, of a program that is a stream, `flows`. streams: that go on at once."""


class Executor(Protocol):
    """One entry of the table."""

    @property
    def name(self) -> str:
        """By which it is asked for."""

    @property
    def can(self) -> Capabilities:
        """What nothing else is concluded from, its name least."""

    def refuses(self, program: Scheduled, how: How) -> Iterable[Finding]:
        """Everything for which it would not run the network; nothing where it would."""

    def prepare(self, program: Scheduled, how: How) -> Engine:
        """Planned once. Raises what the executor's own run raises."""
