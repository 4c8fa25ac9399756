"""Lower a checkpoint to a program: the API; and run as a script, the command over exactly that call (`compiler/commands/lower.py`).

python compiler/lower.py CKPT --profile loihi2|auto --out FILE.tsp [--length L] [--head host|chip] [--map [--rates TEXTS]]
    [--passes NAMES] [--dump-ir DIR] [--list-passes] [--explain] [--plan] [--dt S] [--convention euler|exp] [--steps T]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # before what is imported below, which the command has too
    if __package__ in (None, ""):  # a script: `tritspike` sits beside its folder
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from tritspike.compiler.__main__ import entry

    entry()

from tritspike.compiler import pipeline
from tritspike.compiler.errors import CompileError, VerifyError
from tritspike.compiler.frontend.table import PLAINLY, Asked, source
from tritspike.compiler.passes.base import Lowering, Pass
from tritspike.compiler.pipeline import DEFAULT, OWN
from tritspike.hw_profiles.errors import listed
from tritspike.hw_profiles.profile import AUTO, HardwareProfile
from tritspike.hw_profiles.profile import load as load_profile
from tritspike.runtime import memory
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.checkpoint import Checkpoint
from tritspike.runtime.host.encoder import HEADS
from tritspike.runtime.host.program import Host, Program
from tritspike.runtime.host.soundness import require_sound
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Network, Scheduled, Stream, Timing, Windows
from tritspike.runtime.network.soundness import timing_findings
from tritspike.runtime.network.wiring.judged import MOST_NEURONS

if TYPE_CHECKING:
    from tritspike.compiler.mapping.fit import Packed

_CELL = 50  # bytes of a cell while its axis is counted, as measured on 8 million


@dataclass(frozen=True, eq=False)
class Lowered:
    """packed: its slices on the cores of `profile`, where that is how the profile was chosen. notes: of passes."""

    program: Program | ArrayProgram
    profile: HardwareProfile
    packed: Packed | None = None
    notes: tuple[str, ...] = ()


def lower(
    checkpoint: Checkpoint | str | Path,
    profile: HardwareProfile | str,
    passes: Sequence[Pass] = DEFAULT,
    length: int | None = None,
    dump: Path | None = None,
    head: str = HEADS[0],
) -> Program:
    """The program of `checkpoint` on `profile` for texts of up to `length` tokens. Same input, same bytes.

    head: "host" or "chip", where a language model's last product is made (`runtime/host/encoder.py`).
    Raises `CheckpointError` or `FileError` for what cannot be read, `RangeViolation` for numbers that some input could push out of a
    register, `DoesNotFit` where the profile has no room.
    """
    found = lowered(checkpoint, profile, passes, Asked(length=length, head=head), dump).program
    if isinstance(found, ArrayProgram):
        raise CompileError(f"{checkpoint}: a network that is given arrays, not texts", "tritspike.net.convert, or the command lower")
    return found


def lowered(
    checkpoint: Checkpoint | str | Path,
    profile: HardwareProfile | str,
    passes: Sequence[Pass] = DEFAULT,
    asked: Asked = PLAINLY,
    dump: Path | None = None,
) -> Lowered:
    """`lower` of any source, and the profile that it is for: of `auto` the smallest board on which it can be mapped, and how it lies there."""
    found = source(checkpoint, asked)
    names = pipeline.dumped(passes)
    first = list(takewhile(lambda step: not step.on_profile, passes))  # what comes behind a pass on the board stays there
    state = pipeline.go_on(Lowering(network=found.network, timing=found.timing), None, first, dump, names[: len(first) + 1])
    alone = state.scheduled()
    board, packed = _board(profile, alone)
    state = pipeline.go_on(state, board, passes[len(first) :], dump, names[len(first) :])
    same = state.network is alone.network
    program = _program(alone if same else state.scheduled(), found.host, board.name)
    return Lowered(program, board, packed if same else None, (*found.notes, *state.notes))


def _program(scheduled: Scheduled, host: Host | None, profile: str) -> Program | ArrayProgram:
    if host is None:
        return ArrayProgram(scheduled=scheduled, profile=profile)
    program = Program(scheduled=scheduled, host=host, profile=profile)
    require_sound(program, "after the last pass", VerifyError)
    return program


def _board(profile: HardwareProfile | str, program: Scheduled) -> tuple[HardwareProfile, Packed | None]:
    if isinstance(profile, HardwareProfile):
        return profile, None
    if profile != AUTO:
        return load_profile(profile), None
    from tritspike.compiler.mapping.auto import smallest

    return smallest(program)


def lower_network(network: Network, timing: Timing, passes: Sequence[Pass] = OWN) -> Scheduled:
    """A network as executors take it: sound, timed, proved.

    Raises `CompileError` for what is not sound or cannot be timed, `RangeViolation` for what some input could push out of a register.
    """
    if not isinstance(network, Network):
        raise CompileError(f"a network is needed, not {type(network).__name__}", "a Net, or trace(module)")
    _require_timing(timing)
    _require_room(network)
    return pipeline.run(network, timing, passes=passes).scheduled()


def _require_timing(timing: Timing) -> None:
    allowed = "Windows(steps) or Stream(steps, period), of whole numbers"
    if not isinstance(timing, Windows | Stream):
        raise CompileError(f"timing is {timing!r}", allowed)
    if found := tuple(timing_findings(timing)):
        raise CompileError(listed(found), allowed)


def _require_room(network: Network) -> None:
    """Raises `CompileError` where the cells of one axis, which are listed to count synapses, need more memory than there is."""
    longest, name = max(((axis.cells, str(p.name)) for p in network.populations for axis in _axes(p.grid)), default=(0, ""))
    need, free = longest * _CELL, memory.available()
    if longest <= MOST_NEURONS and need > free:  # beyond these it is no sound network
        what = f"{name}: an axis of {longest:,} cells needs {need >> 20:,} MiB to be counted, {free >> 20:,} MiB are free"
        raise CompileError(what, "several axes, whose cells are counted apart")


def _axes(grid: object) -> list[Axis]:
    """Those whose size is a number; what others are is for `soundness.py` to say."""
    return [axis for axis in grid if isinstance(axis, Axis) and isinstance(axis.size, int)] if isinstance(grid, tuple) else []
