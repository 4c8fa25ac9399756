"""How far a long loop is: a bar on a terminal; elsewhere, as in a log, a plain line every half a minute."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tritspike.runtime.cli import console
from tritspike.runtime.commands.progress import EVERY
from tritspike.runtime.streams import say

Step = TypeVar("Step")


@dataclass
class Watched(Generic[Step]):
    """Steps to loop over. first: how many were done before, by a run that was killed. each: what one handles, as (32, "texts").

    loss: of the last step, which the loop sets where it has one, as anything that `float` takes; it is looked at only for a line.
    """

    steps: Sequence[Step]
    what: str
    each: tuple[float, str]
    first: int = 0
    loss: Any = None

    def __iter__(self) -> Iterator[Step]:
        err = console(stderr=True)
        if not err.is_terminal:
            return self._in_lines()
        from rich.progress import track

        return iter(track(self.steps, self.what, len(self), self.first, console=err))

    def __len__(self) -> int:
        return self.first + len(self.steps)

    def _in_lines(self) -> Iterator[Step]:
        start = told = time.monotonic()
        for done, step in enumerate(self.steps):
            now = time.monotonic()
            if now - told >= EVERY:
                told = now
                say(self.line(done, now - start))
            yield step

    def line(self, done: int, seconds: float) -> str:
        """After `done` steps in `seconds`."""
        loss = "" if self.loss is None else f", loss {float(self.loss):.4f}"
        size, unit = self.each
        left = _duration((len(self.steps) - done) * seconds / done) if done else "?"
        return f"{self.what}: step {self.first + done:,} of {len(self):,}{loss}, {done * size / seconds:,.0f} {unit}/s, {left} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
