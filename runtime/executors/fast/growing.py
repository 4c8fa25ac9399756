"""`fast` on one causal text that grows: spikes of earlier rows are kept, so that a new token costs itself and a look back.

Kept are the keys and values of every layer and what windows hear; simply, every population's words up to the compiled length.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.fast.plan import Plan, plan
from tritspike.runtime.executors.fast.recorded import windows
from tritspike.runtime.executors.fast.rows import Buffers, Ints, longest
from tritspike.runtime.executors.fast.run import played
from tritspike.runtime.executors.fast.stages import Stage
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.outcome import Ask, Outcome
from tritspike.runtime.network.rows import PADDING, Rows
from tritspike.runtime.simulator import chosen


class Growing:
    """State between tokens of one text. What it reads of a row is what a whole run reads there.

    Raises `InputError` where a row hears later ones, or is not read by itself. plainly: as of `run`.
    """

    def __init__(self, program: Scheduled, plainly: bool | None = None) -> None:
        self.program, self.plan, self.positions = program, _growing_plan(program), longest(program.network)
        self.using: ModuleType = chosen.module(self.plan.weights() * self.positions * program.timing.steps, plainly)
        self.length, steps = 0, program.timing.steps
        ports = [port.population for port in program.network.ports if port.population in self.plan.places]
        sizes: dict[str, tuple[int, ...]] = {name: (bits.words(self.plan.places[name].width),) for name in ports}
        sizes |= {name: size for stage in self.plan.stages for name, size in stage.writes(self.positions).items()}
        self.read = {reader.source.buffer for reader in self.plan.readers.values()}
        self.moves = [_Move.of(stage) for stage in self.plan.stages]
        self.kept: Buffers = {name: np.zeros((self.positions, steps, *size), np.uint64) for name, size in sizes.items()}

    def restart(self) -> None:
        """Forget the text."""
        for words in self.kept.values():
            words[:] = 0
        self.length = 0

    def add(self, words: Mapping[str, bits.Words]) -> dict[str, Ints]:
        """Read the next rows' spikes, (rows, steps, words) by what a port plays: what is read of them, by probe.

        Raises `InputError` beyond the length, and for words that are no rows of this program.
        """
        new = self._text(dict(words), len(next(iter(words.values()))))
        first, last = self.length, self.length + len(new.window)
        if last > self.positions:
            raise InputError(f"{last} tokens in a window of {self.positions}", "restart")
        if last > first:
            new.require(self.program)
        for name, some in played(self.program, self.plan, words).items():
            self.kept[name][first:last] = some
        texts = {last - first: new}
        for move in self.moves:
            self._run(move, first, last, texts)
        self.length = last
        return self._read(new, self._rows(first, last, self.read))

    def _run(self, move: _Move, first: int, last: int, texts: dict[int, Rows]) -> None:
        """texts: by their length, made once for all stages."""
        begin = 0 if move.back is None else max(first - move.back, 0)
        if last - begin not in texts:
            texts[last - begin] = self._text({}, last - begin)
        move.stage.run(texts[last - begin], self._rows(begin, last, move.names), self.using, first - begin)

    def _rows(self, first: int, last: int, names: Collection[str]) -> Buffers:
        return {name: self.kept[name][first:last] for name in names}

    def _text(self, words: dict[str, bits.Words], length: int) -> Rows:
        return Rows(words, np.array([length]), self.positions)

    def _read(self, rows: Rows, buffers: Buffers) -> dict[str, Ints]:
        return {name: reader.read(rows, buffers, self.using) for name, reader in self.plan.readers.items()}

    def outcome(self) -> Outcome:
        """Everything so far as if it had been run at once, with every population's spikes."""
        buffers = self._rows(0, self.length, self.kept)
        ports = {port.plays: buffers[port.population] for port in self.program.network.ports if port.plays != PADDING}
        rows = self._text(ports, self.length)
        return Outcome(self._read(rows, buffers), windows(self.program, self.plan, rows, buffers, Ask(record=True)))


@dataclass(frozen=True, eq=False)
class _Move:
    """A stage, how many rows it looks back (None: to the text's begin), and its buffers: asked once, not for each token."""

    stage: Stage
    back: int | None
    names: frozenset[str]

    @classmethod
    def of(cls, stage: Stage) -> _Move:
        return cls(stage, stage.reach()[0], frozenset((*(place.buffer for place in stage.reads()), *stage.writes(1))))


def _growing_plan(program: Scheduled) -> Plan:
    """Raises `InputError` where there is none, or it is not one of texts that may grow."""
    found, _ = plan(program)
    if found is None or found.along is None:
        raise InputError("a text cannot grow: the program is not packed row by row", "a language model's program")
    later = any(ahead for _, ahead in (stage.reach() for stage in found.stages))
    if later or not all(reader.by_row for reader in found.readers.values()):
        raise InputError("a text cannot grow: the program hears later tokens too", "a language model's program")
    return found
