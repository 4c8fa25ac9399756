"""A stream's program as the stages that run it token by token, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tritspike.runtime import bits
from tritspike.runtime.executors.fast.flow_rules import RULES, counted
from tritspike.runtime.executors.fast.flowing import Flowing, Line, Stage
from tritspike.runtime.executors.fast.rows import Place
from tritspike.runtime.executors.fast.stages import Linear, Reader
from tritspike.runtime.executors.fast.taken import GENERIC, Taken
from tritspike.runtime.executors.fast.traces import Traces
from tritspike.runtime.network import order
from tritspike.runtime.network.network import Reads, Scheduled, Stream
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.sequences import TIMED
from tritspike.runtime.network.soundness import require_sound


@dataclass(frozen=True, eq=False)
class Flow:
    """stages in order; where the spikes of each population that has its own are; whose spikes of which token each has; what the timing plays.

    still: whether populations that are reset with each token are silent in tokens of padding.
    """

    timing: Stream
    stages: tuple[Stage, ...]
    places: dict[str, Place]
    lines: dict[str, Line]
    timed: dict[str, str]
    readers: dict[str, Reader]
    still: bool

    def weights(self) -> int:
        """Of all linear stages; unused bits of their words count too."""
        return sum(stage.table.size * bits.WORD for stage in self.stages if isinstance(stage, Linear))

    def steps(self, buffer: str) -> int:
        """That a buffer has of each token: all, or those with input."""
        lasting = any(isinstance(stage, Traces) and stage.buffer == buffer for stage in self.stages)
        return self.timing.period if lasting else self.timing.steps

    def last_use(self) -> dict[str, int]:
        """The number of the last stage that reads each buffer; readers come after all."""
        used = {reader.source.buffer: len(self.stages) for reader in self.readers.values()}
        for n, stage in reversed(list(enumerate(self.stages))):
            for place in stage.reads():
                used.setdefault(place.buffer, n)
        return used


_FLOWS: WeakKeyDictionary[Scheduled, tuple[Flow | None, tuple[Taken, ...]]] = WeakKeyDictionary()


def flow(program: Scheduled) -> tuple[Flow | None, tuple[Taken, ...]]:
    """(stages, or None where some population or probe is taken by no rule; which rule took what and why others declined). Made once.

    Raises `InputError` for a program that is not sound, `RangeError` where some input could leave a register.
    """
    if program not in _FLOWS:
        require_sound(program)
        require_ranges(program)
        _FLOWS[program] = _flow(program)
    return _FLOWS[program]


def _flow(program: Scheduled) -> tuple[Flow | None, tuple[Taken, ...]]:
    network, names = program.network, order.order(program.network)
    if not isinstance(program.timing, Stream) or len(names) < len(network.populations) or all(port.plays in TIMED for port in network.ports):
        why = (("stream", "populations hear themselves, or no host is heard"),)
        return None, tuple(Taken(p.name, GENERIC, why) for p in network.populations)
    b = Flowing(program)
    taken = [_take(b, name) for name in names]
    for probe in network.probes:
        if probe.reads is Reads.COUNT and (reader := counted(b, probe)) is not None:
            b.readers[probe.name] = reader
    taken += [Taken(p.population, GENERIC, (("probe", "it has no rows of its own"),)) for p in network.probes if p.name not in b.readers]
    if any(t.rule == GENERIC for t in taken):
        return None, tuple(taken)
    return Flow(program.timing, tuple(b.stages), b.places, b.lines, b.timed, b.readers, not b.moving), tuple(taken)


def _take(b: Flowing, name: str) -> Taken:
    declined: list[tuple[str, str]] = []
    for rule in RULES:
        why = rule.take(b, b.network.by_name[name])
        if why is None:
            return Taken(name, rule.name, tuple(declined))
        declined.append((rule.name, why))
    return Taken(name, GENERIC, tuple(declined))
