"""A program as the stages that run it, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tritspike.runtime import bits
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.building import Building, Product
from tritspike.runtime.executors.fast.flow import flow
from tritspike.runtime.executors.fast.rows import Place
from tritspike.runtime.executors.fast.rules import RULES, counted
from tritspike.runtime.executors.fast.stages import Attention, Linear, Reader
from tritspike.runtime.executors.fast.taken import GENERIC, Taken
from tritspike.runtime.network import order
from tritspike.runtime.network.network import Reads, Scheduled, Stream
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.soundness import require_sound


@dataclass(frozen=True, eq=False)
class Plan:
    """stages in order; where each population's spikes are; which it repeats; which are products; what becomes of each probe."""

    stages: tuple[Linear | Attention, ...]
    places: dict[str, Place]
    repeats: dict[str, str]
    products: dict[str, Product]
    readers: dict[str, Reader]
    along: str | None
    taken: tuple[Taken, ...]

    def weights(self) -> int:
        """Of all linear stages; unused bits of their words count too."""
        return sum(stage.table.size * bits.WORD for stage in self.stages if isinstance(stage, Linear))

    def last_use(self) -> dict[str, int]:
        """The number of the last stage that reads each buffer; readers come after all."""
        used = {reader.source.buffer: len(self.stages) for reader in self.readers.values()}
        for n, stage in reversed(list(enumerate(self.stages))):
            for place in stage.reads():
                used.setdefault(place.buffer, n)
        return used


_PLANS: WeakKeyDictionary[Scheduled, tuple[Plan | None, tuple[Taken, ...]]] = WeakKeyDictionary()


def plan(program: Scheduled) -> tuple[Plan | None, tuple[Taken, ...]]:
    """(stages, or None where some population or probe is taken by no rule; which rule took what and why others declined). Made once.

    Of a stream there is no such plan but a `flow`, whose rules are told here.

    Raises `InputError` for a program that is not sound, `RangeError` where some input could leave a register.
    """
    if program not in _PLANS:
        require_sound(program)
        require_ranges(program)
        _PLANS[program] = _plan(program)
    return _PLANS[program]


def _plan(program: Scheduled) -> tuple[Plan | None, tuple[Taken, ...]]:
    if isinstance(program.timing, Stream):
        return None, flow(program)[1]
    if not facts.aligned(program):
        why = (("windows", "a synapse waits"),)
        return None, tuple(Taken(p.name, GENERIC, why) for p in program.network.populations)
    b = Building(program)
    taken = [_take(b, name) for name in order.order(program.network)]
    for probe in program.network.probes:
        if probe.reads is Reads.COUNT and (reader := counted(b, probe)) is not None:
            b.readers[probe.name] = reader
    unused = [name for name in (*b.products, *b.scores) if name not in b.summed and name not in b.places]
    taken += [Taken(name, GENERIC, (("spiking-attention", "nothing sums it"),)) for name in unused]
    taken += [Taken(p.population, GENERIC, (("probe", "it does not lie in rows"),)) for p in program.network.probes if p.name not in b.readers]
    if any(t.rule == GENERIC for t in taken):
        return None, tuple(taken)
    return Plan(tuple(b.stages), b.places, b.repeats, b.products, b.readers, b.along, tuple(taken)), tuple(taken)


def _take(b: Building, name: str) -> Taken:
    declined: list[tuple[str, str]] = []
    for rule in RULES:
        why = rule.take(b, b.network.by_name[name])
        if why is None:
            return Taken(name, rule.name, tuple(declined))
        declined.append((rule.name, why))
    return Taken(name, GENERIC, tuple(declined))
