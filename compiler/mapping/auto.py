"""`--profile auto`: the smallest board that holds a program, of those that reset samples by themselves."""

from __future__ import annotations

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping.capacity import require_room
from tritspike.compiler.mapping.fit import Measured, Packed, shortage
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.network.network import Scheduled


def smallest(program: Scheduled) -> tuple[HardwareProfile, Packed]:
    """The first of the real boards, smallest first, that has room, and slices on its cores; the last one's refusal where none has.

    What is found need not be sought again: `fit.placed` takes it. Raises `DoesNotFit`, and `CompileError` where a host plays all there is.
    """
    measured, known = Measured.of(program), boards()
    for board in known[:-1]:
        try:
            found = _on(measured, program, board)
        except DoesNotFit:
            continue
        if found.fits:
            return board, found
    found = _on(measured, program, known[-1])
    if not found.fits:
        raise DoesNotFit(*shortage(found, measured))
    return known[-1], found


def passed_over(neurons: int, chosen: HardwareProfile) -> list[str]:
    """Smaller boards with room for so many, which `smallest` does not look at: code on their host would have to reset each sample."""
    return [board.name for board in boards(resets=False) if neurons <= board.neurons < chosen.neurons]


def _on(measured: Measured, program: Scheduled, board: HardwareProfile) -> Packed:
    """Its slices, more than there are cores for maybe. Raises `DoesNotFit`."""
    require_room(program, board)
    return measured.packed(board)
