"""What a regular expression of a tokenizer file could cost, read off its text: the library's engine backtracks and has no limit on a whole text.

It gives up a single match after ten million steps, which is an error; what is left to refuse is what stays just below that at every place of
a text. Anything that this reader does not know is refused too: tokenizers use a small part of the language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 4096  # characters; the longest in use, GPT-4o's, has 400
_MOST_GROUPS = 100  # this reader calls itself for each
_MOST_ATOMS = 4096  # with counted repetitions written out
_MOST_RUNS = 6  # open repetitions in one alternative: each is a factor of the text's length, at worst
_OPENINGS = re.compile(r"\?(?:[:=!>]|<[=!]|<\w+>|[im]*(?:-[im]+)?:)")
_LOOKS = ("?=", "?!", "?<=", "?<!")
_QUANTIFIER = re.compile(r"[*+?][?+]?|\{(\d+)\}\??|\{(\d*),(\d*)\}\??")
_NO_WIDTH = "bBAzZG"
_UNKNOWN = "gkKcCMRX"  # calls and references, which can recurse; forms whose length is not plain
_IN_BRACES = re.compile(r"[pPxuo]\{[^{}]*\}")


@dataclass(frozen=True)
class Shape:
    """empty: may match nothing. varies: holds a repetition of no fixed count (what is there or not is none). runs: open repetitions one after
    another. atoms: in all.
    """

    empty: bool = True
    varies: bool = False
    runs: int = 0
    atoms: int = 0


def shape(pattern: str) -> Shape:
    """Of a whole pattern. Raises `ValueError` for one that is too dear, or that is not known to be cheap."""
    if len(pattern) > _LONGEST or pattern.count("(") > _MOST_GROUPS:
        raise ValueError(f"{len(pattern)} characters and {pattern.count('(')} groups, allowed {_LONGEST} and {_MOST_GROUPS}")
    reader = _Reader(pattern)
    found = reader.alternatives()
    if reader.at < len(pattern):
        raise ValueError("an end of a group without its start")
    if found.atoms > _MOST_ATOMS:
        raise ValueError(f"written out it has {found.atoms} parts, allowed {_MOST_ATOMS}")
    if found.runs > _MOST_RUNS:
        raise ValueError(f"{found.runs} open repetitions one after another, allowed {_MOST_RUNS}")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def alternatives(self) -> Shape:
        parts = [self._sequence()]
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            parts.append(self._sequence())
        varies = any(p.varies for p in parts)
        return Shape(any(p.empty for p in parts), varies, max(p.runs for p in parts), sum(p.atoms for p in parts))

    def _sequence(self) -> Shape:
        parts = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return Shape(all(p.empty for p in parts), any(p.varies for p in parts), sum(p.runs for p in parts), sum(p.atoms for p in parts))

    def _atom(self) -> Shape:
        at, self.at = self.at, self.at + 1
        if self.text[at] == "(":
            return self._group()
        if self.text[at] == "[":
            self._skip_class()
        if self.text[at] == "\\":
            return self._escape()
        return Shape(empty=self.text[at] in "^$", atoms=1)

    def _group(self) -> Shape:
        opening = _OPENINGS.match(self.text, self.at)
        if opening is None and self.text[self.at : self.at + 1] in ("?", "*"):
            raise ValueError(f"a group that begins with {self.text[self.at : self.at + 3]!r} is not known here")
        self.at = opening.end() if opening else self.at
        found = self.alternatives()
        if self.text[self.at : self.at + 1] != ")":
            raise ValueError("a group without its end")
        self.at += 1
        looks = opening is not None and opening.group() in _LOOKS
        return Shape(found.empty or looks, found.varies, found.runs, found.atoms)

    def _escape(self) -> Shape:
        braces = _IN_BRACES.match(self.text, self.at)
        letter = self.text[self.at : self.at + 1]
        if not letter or letter in _UNKNOWN or letter in "123456789":
            raise ValueError(f"\\{letter} is not known here")
        self.at = braces.end() if braces else self.at + 1
        return Shape(empty=letter in _NO_WIDTH, atoms=1)

    def _skip_class(self) -> None:
        """To behind the end of a class, which may hold others."""
        depth, start = 1, self.at
        while depth:
            char = self.text[self.at : self.at + 1]
            if not char or (char == "]" and self.text[start : self.at] in ("", "^")):
                raise ValueError("a class without its end, or that begins with one")
            self.at += 2 if char == "\\" else 1
            depth += {"[": 1, "]": -1}.get(char, 0)

    def _repeated(self, found: Shape) -> Shape:
        while quantifier := _QUANTIFIER.match(self.text, self.at):
            self.at = quantifier.end()
            found = _times(found, *_counts(quantifier))
        return found


def _counts(quantifier: re.Match[str]) -> tuple[int, int | None]:
    """(least, most) repetitions; None: any number."""
    text, (exact, least, most) = quantifier.group(), quantifier.groups()
    if text[0] in "*+?":
        return (1 if text[0] == "+" else 0), (1 if text[0] == "?" else None)
    if exact is not None:
        return int(exact), int(exact)
    return int(least or 0), int(most) if most else None


def _times(part: Shape, least: int, most: int | None) -> Shape:
    if part.varies and least != most and most != 1:
        raise ValueError("it repeats what itself repeats, which can take for ever")
    written, varies = max(least, most or 1), part.varies or (least != most and most != 1)
    return Shape(part.empty or least == 0, varies, part.runs * written + (most is None), part.atoms * written)
