"""What a field may hold, as values that answer questions and print as what is allowed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.checkpoint import LONGEST_LINE, is_line


class Kind(Protocol):
    """Some set of values; `str()` says which."""

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""


@dataclass(frozen=True)
class Whole:
    """Integers low..high; a truth value is none."""

    low: int
    high: int

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""
        return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True)
class OneOf:
    """Strings of a list."""

    names: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""
        return isinstance(value, str) and value in self.names

    def __str__(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True)
class Exactly:
    """Values of one Python type; `says` names them."""

    type: type
    says: str

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""
        return isinstance(value, self.type)

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True)
class Finite:
    """Numbers that are not infinite and not NaN."""

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1.7e308 and math.isfinite(value)

    def __str__(self) -> str:
        return "a finite number"


FLAG, TEXT = Exactly(bool, "true or false"), Exactly(str, "text")


@dataclass(frozen=True)
class Line:
    """Texts of some printable characters, which a terminal shows as they are."""

    least: int

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""
        return isinstance(value, str) and self.least <= len(value) and is_line(value)

    def __str__(self) -> str:
        return f"{self.least} to {LONGEST_LINE} printable characters"


NAME, LINE = Line(1), Line(0)


def held(where: str, record: object, table: Mapping[str, Kind]) -> Iterator[Finding]:
    """A finding for each field of `record` that `table` does not allow."""
    for name, kind in table.items():
        value = getattr(record, name)
        if not kind.holds(value):
            yield Finding(where, name, value, kind)


def array(where: str, what: str, value: Any, dtype: str, shape: Collection[int | None], limits: Whole | None = None) -> Iterator[Finding]:
    """Findings of an array that must be `dtype`, `shape` (None: of any length) and within `limits`; what it holds is looked at last."""
    wanted = f"{dtype}[{', '.join('any' if n is None else str(n) for n in shape)}]"
    if not isinstance(value, np.ndarray):
        yield Finding(where, what, type(value).__name__, wanted)
    elif str(value.dtype) != dtype or value.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, value.shape)):
        yield Finding(where, what, f"{value.dtype}{list(value.shape)}", wanted)
    elif limits is not None and value.size and not limits.low <= int(value.min()) <= int(value.max()) <= limits.high:
        yield Finding(where, what, f"{value.min()}..{value.max()}", limits)
