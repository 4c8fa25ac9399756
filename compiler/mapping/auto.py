"""`--profile auto`: the smallest board that holds a program."""

from __future__ import annotations

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping.capacity import require_room
from tritspike.compiler.mapping.fit import Packed, fit
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.network.network import Scheduled


def smallest(program: Scheduled) -> tuple[HardwareProfile, Packed]:
    """The first of the real boards, smallest first, that has room, and slices on its cores; the last one's refusal where none has.

    What is found need not be sought again: `fit.placed` takes it.
    """
    refusal: DoesNotFit | None = None
    for board in boards():
        try:
            require_room(program, board)
            return board, fit(program, board)
        except DoesNotFit as error:
            refusal = error
    assert refusal is not None
    raise refusal
