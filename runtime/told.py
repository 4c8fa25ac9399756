"""What a command says on stderr beside its answer: a line for each warning that it did not give before, and one for all texts that were cut."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tritspike.hw_profiles.errors import printable
from tritspike.runtime.streams import say


class CutText(UserWarning):
    """Text number `number` has more tokens than its program takes, `limit`; those of one run are told in one line."""

    def __init__(self, number: int, tokens: int, limit: int) -> None:
        super().__init__(f"{too_long(number, tokens, limit)}: the rest is cut off")
        self.number, self.tokens, self.limit = number, tokens, limit


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
    cut: list[CutText] = []
    said: set[str] = set()

    def once(message: Warning | str, *_where: Any, **_more: Any) -> None:
        if isinstance(message, CutText):
            cut.append(message)
        elif str(message) not in said:
            said.add(str(message))
            told(message)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = once
        yield
    if cut:
        told(_summed(cut))


def _summed(cut: Sequence[CutText]) -> object:
    longest = max(cut, key=lambda c: c.tokens)
    if len(cut) == 1:
        return longest
    return (
        f"{len(cut):,} texts have more than the {longest.limit} tokens that the program was compiled for, text {longest.number} the most, "
        f"{longest.tokens:,}: the rest of each is cut off"
    )
