"""What a campaign found, faults of one cause as one line with their number."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.case import Fault, Outcome
from fuzz.keep import group_folder


@dataclass
class Tally:
    """Counts by kind, and by group the numbers of its cases."""

    cases: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    wholly: Counter[str] = field(default_factory=Counter)
    groups: dict[tuple[str, Fault], list[int]] = field(default_factory=lambda: defaultdict(list))
    slowest: tuple[float, str] = (0.0, "")

    def add(self, outcome: Outcome) -> None:
        """One more case."""
        self.cases[outcome.kind] += 1
        self.accepted[outcome.kind] += outcome.accepted
        self.wholly[outcome.kind] += all(d.code == 0 for d in outcome.done)
        for fault in outcome.faults:
            self.groups[outcome.kind, fault].append(outcome.number)
        self.slowest = max([self.slowest, *((d.seconds, f"{outcome.kind} {outcome.number}") for d in outcome.done)])

    def lines(self, kept: Path | None = None) -> Iterator[str]:
        """Groups by kind, the largest first, and then the sums."""
        for (kind, fault), numbers in sorted(self.groups.items(), key=lambda g: (g[0][0], -len(g[1]))):
            where = f"; {group_folder(kind, fault, kept)}" if kept else ""
            yield f"{kind:10} {len(numbers):5} x {fault.sort}: {fault.signature} (case {min(numbers)}{where})"
        for kind, count in self.cases.items():
            yield f"{kind:10} {count:,} cases, {self.accepted[kind]:,} accepted, {self.wholly[kind]:,} by every command, {self.faulty(kind):,} faulty"
        yield f"slowest command: {self.slowest[0]:.1f} s of CPU, {self.slowest[1]}"

    def faulty(self, kind: str) -> int:
        """Cases with a fault."""
        return len({n for (k, _), numbers in self.groups.items() if k == kind for n in numbers})


def tally(outcomes: Generator[Outcome], tell: Callable[[str], None] = lambda line: None) -> Tally:
    """Of all of them, or of those up to Ctrl-C; `tell` hears of each group as it is first met, and of every thousandth case."""
    found = Tally()
    with contextlib.closing(outcomes), contextlib.suppress(KeyboardInterrupt):
        for n, outcome in enumerate(outcomes, 1):
            known = len(found.groups)
            found.add(outcome)
            if len(found.groups) > known:
                tell(f"{outcome.kind} {outcome.number}: {'; '.join(f'{f.sort}: {f.signature}' for f in outcome.faults)}")
            if n % 1000 == 0:
                tell(f"{n:,} cases")
    return found
