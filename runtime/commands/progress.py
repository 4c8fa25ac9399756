"""How far a run over many texts is: a bar on a terminal, elsewhere a line now and then, and nothing for a run that is soon over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tritspike.runtime.cli import console
from tritspike.runtime.streams import say

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 30.0  # seconds between lines
Step = Callable[[int], None]


@contextmanager
def progress(what: str, total: int | None = None, hidden: bool = False, unit: str = "texts") -> Iterator[Step]:
    """Call what it gives with how many more texts are done. total: None where nobody knows. hidden: no bar, for the terminal shows answers.

    unit: what they are, where they are no texts.
    """
    err = console(stderr=True)
    if not err.is_terminal:
        yield _Lines(unit).step
    elif hidden:
        yield lambda n: None
    else:
        with _bar(err, what, total, unit) as step:
            yield step


class _Lines:
    """For a log: how many, and how many a second."""

    def __init__(self, unit: str) -> None:
        self.unit, self.done = unit, 0
        self.start = self.told = time.monotonic()

    def step(self, more: int) -> None:
        """So many more."""
        self.done += more
        now = time.monotonic()
        if now - self.told >= EVERY:
            self.told = now
            say(f"{self.done:,} {self.unit}, {self.done / (now - self.start):,.0f}/s")


@contextmanager
def _bar(err: Console, what: str, total: int | None, unit: str) -> Iterator[Step]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            """So far."""
            return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else "")

    known = (BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    columns = known if total is not None else (TextColumn(f"{{task.completed:,}} {unit}"), Speed())
    with Progress(TextColumn("{task.description}", markup=False), *columns, console=err, transient=True) as bar:
        row = bar.add_task(what, total=total)
        yield lambda n: bar.advance(row, n)
