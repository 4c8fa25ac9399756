"""Modules of ours that are run as processes of their own, since they need torch: what they say when they fail is what the user reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tritspike.runtime import install
from tritspike.runtime.errors import SourceError
from tritspike.runtime.kept import Kept, keep

_ROOT = Path(__file__).absolute().parents[2]  # where `tritspike` is


@contextmanager
def children(prefix: str) -> Iterator[Kept]:
    """A folder, and what runs beside it with our package on its path; nothing is left of either. Raises `SourceError`."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with keep(prefix, os.environ | {"PYTHONPATH": path}, SourceError) as kept:
        yield kept


def run_module(kept: Kept, source: object, module: str, arguments: Sequence[str]) -> None:
    """`python -m MODULE ARGUMENTS`, to its end. Raises `SourceError` with the child's own line; source: what it was run for."""
    code = kept.run([sys.executable, "-m", module, *arguments])
    if code:
        raise _failure(source, module, code, kept.last_line() or "nothing on stderr")


def _failure(source: object, module: str, code: int, last: str) -> SourceError:
    if last.startswith("error: "):
        return SourceError(last.removeprefix("error: "))
    if "No module named" in last:
        return SourceError(f"{source}: needs torch to run, which is not here: {last}", f"{install.command('train')}, or lower it and give the .tsp")
    return SourceError(f"{source}: {module} ended with {code}: {last}")
