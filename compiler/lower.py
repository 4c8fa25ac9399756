"""Lower a checkpoint to a program: the API; and run as a script, the command over exactly that call (`compiler/commands/lower.py`).

python compiler/lower.py CKPT --profile loihi2|auto --out FILE.tsp [--length L] [--head host|chip] [--map [--rates TEXTS]]
    [--dump-ir DIR] [--list-passes] [--explain]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # before what is imported below, which the command has too
    if __package__ in (None, ""):  # a script: `tritspike` sits beside its folder
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from tritspike.compiler.__main__ import entry

    entry()

from tritspike.compiler import pipeline
from tritspike.compiler.emit import emit
from tritspike.compiler.frontend.build import build
from tritspike.compiler.frontend.checkpoint import Checkpoint, read_checkpoint
from tritspike.compiler.ir.graph import Graph
from tritspike.compiler.mapping.auto import smallest
from tritspike.compiler.passes.base import Pass
from tritspike.compiler.pipeline import DEFAULT
from tritspike.hw_profiles.profile import AUTO, HardwareProfile
from tritspike.hw_profiles.profile import load as load_profile
from tritspike.runtime.program import Program


def lower(
    checkpoint: Checkpoint | str | Path,
    profile: HardwareProfile | str,
    passes: Sequence[Pass] = DEFAULT,
    length: int | None = None,
    dump: Path | None = None,
    head: str = "host",
) -> Program:
    """The program of `checkpoint` on `profile` for texts of up to `length` tokens. Same input, same bytes.

    head: "host" or "chip", where a language model's last product is made (`frontend/build.py`).
    Raises `CheckpointError` or `FileError` for what cannot be read, `RangeViolation` for numbers that some input could push out of a
    register, `DoesNotFit` where the profile has no room.
    """
    found = profile if isinstance(profile, HardwareProfile) else board(profile, checkpoint, passes, length, head)
    return emit(lowered_graph(checkpoint, found, passes, length, dump, head), found)


def board(name: str, checkpoint: Checkpoint | str | Path, passes: Sequence[Pass], length: int | None, head: str) -> HardwareProfile:
    """The profile of that name; for `auto` the smallest board on which `checkpoint`, lowered by `passes`, can be mapped."""
    if name != AUTO:
        return load_profile(name)
    read = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(Path(checkpoint))
    return smallest(lambda tried: emit(lowered_graph(read, tried, passes, length, head=head), tried))


def lowered_graph(
    checkpoint: Checkpoint | str | Path,
    profile: HardwareProfile,
    passes: Sequence[Pass] = DEFAULT,
    length: int | None = None,
    dump: Path | None = None,
    head: str = "host",
) -> Graph:
    """What `lower` emits, as a graph: for explaining and for tests."""
    read = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(Path(checkpoint))
    return pipeline.run(build(read, length, head), profile, passes, dump)
