"""Executors that a test plants in the table: real ones of which something is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tritspike.runtime.executors.base import Capabilities, How
from tritspike.runtime.executors.table import EXECUTORS
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import ANSWERS, Ask, Outcome

Changed = Callable[[Outcome], Outcome]


@dataclass(frozen=True)
class Planted:
    """The executor `real` under `name`. change: what becomes of all it finds; before: called before each run."""

    name: str
    real: Any
    change: Changed = lambda found: found
    before: Callable[[Scheduled, How, Inputs], None] = lambda program, how, inputs: None
    can: Capabilities = field(default_factory=Capabilities)

    def refuses(self, program: Scheduled, how: How) -> list[Any]:
        return list(self.real.refuses(program, how))

    def prepare(self, program: Scheduled, how: How) -> _Engine:
        return _Engine(self, program, how, self.real.prepare(program, how))


@dataclass(frozen=True)
class _Engine:
    planted: Planted
    program: Scheduled
    how: How
    engine: Any

    def run(self, inputs: Inputs, ask: Ask = ANSWERS) -> Outcome:
        self.planted.before(self.program, self.how, inputs)
        return self.planted.change(self.engine.run(inputs, ask))

    def rows_at_once(self, how: How) -> int:
        return int(self.engine.rows_at_once(how))

    def open(self) -> Any:
        return self.engine.open()


def replaced(monkeypatch: pytest.MonkeyPatch, name: str, change: Changed = lambda found: found, **others: Any) -> None:
    """`name` in the table, and what it finds changed."""
    real = EXECUTORS[name]
    monkeypatch.setitem(EXECUTORS, name, Planted(name, real, change, **{"can": real.can, **others}))


def flipped(population: str, at: tuple[int, ...] = (0, 0, 0)) -> Changed:
    """A change: one spike of one population is another."""

    def change(found: Outcome) -> Outcome:
        if found.spikes is None:
            return found
        spikes = found.spikes[population].copy()
        spikes[at] ^= True
        return replace(found, spikes=found.spikes | {population: spikes})

    return change
