"""What bounds a run of `fast` unless told otherwise."""

from __future__ import annotations

import os

MEMORY = 256 << 20  # bytes of spikes at once, all threads together
MOST_THREADS = 256


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MOST_STREAMS = 1 << 16  # of one session
