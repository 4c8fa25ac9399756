"""What a command says on stderr beside its answer: a line for each warning that it did not give before, and one for all texts that were cut."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tritspike.hw_profiles.errors import printable
from tritspike.runtime.streams import say


class CutText(UserWarning):
    """Text number `number` has more tokens than its program takes, `limit`; those of one run are told in one line."""

    def __init__(self, number: int, tokens: int, limit: int) -> None:
        super().__init__(f"{too_long(number, tokens, limit)}: the rest is cut off")
        self.number, self.tokens, self.limit = number, tokens, limit

    def __reduce__(self) -> tuple[type[CutText], tuple[int, int, int]]:
        """By what it was made of: a worker's reaches who asked it."""
        return CutText, (self.number, self.tokens, self.limit)


def too_long(number: int, tokens: int, limit: int) -> str:
    """What is wrong with such a text."""
    return f"text {number} has {tokens} tokens, the program was compiled for {limit}"


def told(message: object) -> None:
    """A warning on stderr, as one line whatever it holds."""
    say(f"warning: {printable(str(message))}")


def show(message: Warning | str, *_where: Any, **_more: Any) -> None:
    """In the place of `warnings.showwarning`: where in the code it was is no help to who runs a command."""
    told(message)


@contextmanager
def told_warnings() -> Iterator[None]:
    """Warnings become lines on stderr, each text once; cut texts are counted and told at the end, where it is reached."""
    cut = _Cut()
    said: set[str] = set()

    def once(message: Warning | str, *_where: Any, **_more: Any) -> None:
        if isinstance(message, CutText):
            cut.add(message)
        elif str(message) not in said:
            said.add(str(message))
            told(message)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = once
        yield
    if cut.longest:
        told(cut)


class _Cut:
    """How many texts were cut, and the longest: all that is kept of a million."""

    def __init__(self) -> None:
        self.count = 0
        self.longest: CutText | None = None

    def add(self, text: CutText) -> None:
        """One more."""
        self.count += 1
        if self.longest is None or text.tokens > self.longest.tokens:
            self.longest = text

    def __str__(self) -> str:
        if self.count == 1:
            return str(self.longest)
        assert self.longest is not None
        return (
            f"{self.count:,} texts have more than the {self.longest.limit} tokens that the program was compiled for, "
            f"text {self.longest.number} the most, {self.longest.tokens:,}: the rest of each is cut off"
        )
