"""How much memory this process can still have."""

from __future__ import annotations

import resource
from pathlib import Path

_UNKNOWN = 1 << 62  # where the system does not say: nothing is refused


def available() -> int:
    """Bytes: what the system says is free or can be freed, and what the process's own limit leaves of its address space."""
    return min(_of_system(), _of_limit())


def _of_system() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return _UNKNOWN


def _of_limit() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return _UNKNOWN
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return limit
    return max(limit - pages * resource.getpagesize(), 0)
