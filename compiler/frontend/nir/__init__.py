"""NIR files: read, discretised, lowered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tritspike.compiler.frontend.nir.lowering import Found


def build(path: Path, dt: float | None = None, convention: str | None = None, steps: int | None = None) -> Found:
    """A file's network with a report. dt: seconds a step; convention: "euler" or "exp"; steps: of a window, None: a stream.

    Raises `FileError` for what is no sound NIR, `CompileError` for what a chip cannot be or the file does not tell.
    """
    from tritspike.compiler.frontend.nir.discretise import discretise
    from tritspike.compiler.frontend.nir.lowering import lowered
    from tritspike.compiler.frontend.nir.reading import read
    from tritspike.compiler.frontend.nir.steps import steps_of

    graph = read(path)
    return lowered(discretise(graph, steps_of(graph, dt, convention)), steps)
