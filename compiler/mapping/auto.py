"""`--profile auto`: the smallest board that holds the program."""

from __future__ import annotations

from collections.abc import Callable

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping.fit import fit
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.program import Program


def smallest(lowered: Callable[[HardwareProfile], Program]) -> HardwareProfile:
    """The first of the real boards, smallest first, on which lowering and mapping go through; the last one's refusal where none is."""
    refusal: DoesNotFit | None = None
    for board in boards():
        try:
            fit(lowered(board), board)
            return board
        except DoesNotFit as error:
            refusal = error
    assert refusal is not None
    raise refusal
