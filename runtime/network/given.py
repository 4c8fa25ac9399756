"""What callers hand in, as what is needed; or refused by name, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis, Grid, Pairs

_AXES = 'axes, as Axis("features", 64); the keyword features=64 is one too where a population is made'


def array(found: ArrayLike, what: str) -> NDArray[Any]:
    """Raises `InputError` for what numpy makes no array of: rows of several lengths, numbers beyond 64 bits."""
    try:
        return np.asarray(found)
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{what}: {type(found).__name__} that makes no array", "rows of one length, of numbers") from None


def told(found: NDArray[Any]) -> str:
    """As `int64 of shape (3, 4), -5..200`."""
    sized = f", {found.min()}..{found.max()}" if found.size and found.dtype.kind in "iuf" else ""
    return f"{found.dtype} of shape {found.shape}{sized}"


def number(found: Any, what: str, low: int, high: int) -> int:
    """A whole number in low..high, of any integer type. Raises `InputError`."""
    if isinstance(found, bool) or not isinstance(found, int | np.integer) or not low <= int(found) <= high:
        raise InputError(f"{what} is {found!r}", f"a whole number in {low}..{high}")
    return int(found)


def axes(found: Any, what: str) -> Grid:
    """A grid: one axis, or several. Raises `InputError`."""
    several = (found,) if isinstance(found, Axis | Pairs) else tuple(found) if isinstance(found, tuple | list) else None
    if several is None or not all(isinstance(axis, Axis | Pairs) for axis in several):
        raise InputError(f"{what}: {found!r}", _AXES)
    return several


def table(found: Any, what: str, low: int, high: int) -> dict[str, int]:
    """Whole numbers in low..high by axis; nothing is none. Raises `InputError`."""
    if not isinstance(found, Mapping | None):
        raise InputError(f"{what} is {found!r}", 'by axis, as {"position": 1}')
    return {name: number(value, f"{what} along {name}", low, high) for name, value in (found or {}).items()}


def names(found: Any, what: str) -> list[str]:
    """Names of different axes. Raises `InputError`."""
    if isinstance(found, str) or not isinstance(found, tuple | list) or not all(isinstance(name, str) for name in found):
        raise InputError(f"{what} is {found!r}", 'names of axes, as ["position"]')
    if len(set(found)) < len(found):
        raise InputError(f"{what} is {found!r}", "each axis once")
    return list(found)
