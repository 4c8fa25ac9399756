"""What a program's figures are of: the one record that every count, price and table asks, so that no two of them are of different things."""

from __future__ import annotations

from dataclasses import dataclass

from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.network import Stream


@dataclass(frozen=True)
class Unit:
    """name: in a word. windows: of the network that one takes; of a stream, where a window is a token, a slot's, padding among them."""

    name: str
    windows: int = 1

    @property
    def slot(self) -> int:
        """Tokens of the slot that it is; 0 where it is none."""
        return self.windows if self.windows > 1 else 0


def unit(program: Program | ArrayProgram) -> Unit:
    """A sentence where a text has one answer, a token where every token of a stream without end has one, a window of anything else."""
    timing = program.scheduled.timing
    if isinstance(program, ArrayProgram):
        return Unit("window")
    slot = timing.slot if isinstance(timing, Stream) else 1
    return Unit("window" if program.each else "sentence", slot) if slot else Unit("token")
