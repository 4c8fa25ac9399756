"""A language model against a text: what the commands print and write of its score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tritspike.runtime.host import language
from tritspike.runtime.host.language import Score
from tritspike.runtime.host.program import Program

_SHOWN = {"per_token": "perplexity {:.3f} a token", "per_word": "{:.3f} a word", "bits_per_byte": "{:.4f} bits a byte"}


@dataclass(frozen=True)
class Perplexity:
    """how_read: window and stride in tokens; nothing where each token was read once. seconds: from text to score."""

    score: Score
    how_read: Mapping[str, int]
    executor: str
    seconds: float

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self.how_read.items()) or "one pass"
        shown = ", ".join(_SHOWN[name].format(value) for name, value in self._figures().items() if value is not None)
        counts = f"{self.score.tokens:,} tokens, {self.score.words:,} words, {self.score.size:,} bytes"
        return f"{shown}; {counts}; {said}, {self.executor}, {self.seconds:.1f} s"

    def report(self) -> dict[str, Any]:
        """As JSON."""
        return {**self._figures(), **vars(self.score), **self.how_read, "executor": self.executor, "seconds": round(self.seconds, 2)}

    def _figures(self) -> dict[str, float | None]:
        return {name: value if value is None else round(value, 6) for name, value in self.score.figures().items()}


def windows_of(program: Program, stride: int | None) -> dict[str, int]:
    """Window and stride in tokens of a program that reads windows; half a window apart unless `stride` says it. Raises `InputError`."""
    window = program.positions
    found = stride or max(1, window // 2)
    language.require_stride(found, window)
    return {"window": window, "stride": found}
