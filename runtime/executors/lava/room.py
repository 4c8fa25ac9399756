"""What Lava's processes take of the machine, and what of it is missing. Known by measuring: Lava itself hangs, or dies of SIGBUS."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from tritspike.hw_profiles.errors import Finding

FILES_A_PROCESS = 12  # measured: file descriptors that one leaf process needs in the parent
SPARE_FILES = 128
MOST_PROCESSES = 160  # the most that was measured to run (162, with the file limit raised)
SHM = Path("/dev/shm")


def findings(processes: int, memory: int) -> Iterator[Finding]:
    """What so many processes and so many bytes of shared memory are refused for. A soft limit of open files is none: `raise_files` lifts it."""
    if processes > MOST_PROCESSES:
        yield Finding(
            "Lava",
            "the number of processes that neurons and synapses of so many kinds need",
            processes,
            f"up to {MOST_PROCESSES}: share thresholds and leaks",
        )
    free = shutil.disk_usage(SHM).free
    if memory > free:
        yield Finding(str(SHM), "what Lava's channels need of it, in MiB,", memory >> 20, f"up to {free >> 20}, which are free: mount a larger one")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < _files(processes):
        yield Finding("Lava", f"the number of open files for {processes} processes", _files(processes), f"up to {hard}: ulimit -n")


def raise_files(processes: int) -> None:
    """The soft limit of open files, where it is too low for so many processes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _files(processes):
        resource.setrlimit(resource.RLIMIT_NOFILE, (_files(processes), hard))


def _files(processes: int) -> int:
    return processes * FILES_A_PROCESS + SPARE_FILES
