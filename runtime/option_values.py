"""The numbers that options take, each with its range in the refusal, before any work."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(low: int, high: int) -> Callable[[str], int]:
    """Whole numbers in low..high."""

    def number(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = low - 1
        if not low <= found <= high:
            raise _refused(text, f"a whole number in {low:,}..{high:,}")
        return found

    return number


def real(low: float, high: float, also: float | None = None) -> Callable[[str], float]:
    """Numbers in low..high, and `also`."""

    def number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not (low <= found <= high or found == also):
            raise _refused(text, f"a number in {_shown(low)}..{_shown(high)}" + ("" if also is None else f", or {_shown(also)}"))
        return found

    return number


def _shown(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _refused(text: str, allowed: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text if len(text) <= 40 else text[:40] + ' ...'} is not {allowed}")
