"""By which rule a population was taken."""

from __future__ import annotations

from dataclasses import dataclass

GENERIC = "generic"


@dataclass(frozen=True)
class Taken:
    """population: by which rule it was taken (`GENERIC`: by none), and why each rule before it declined."""

    population: str
    rule: str
    declined: tuple[tuple[str, str], ...]
