"""What a run on a board needs, and whether it is there. Nothing is imported from Lava, so asking costs nothing and cannot hang.

Intel's extension is for members of its research community; what is asked for here is known from public code: the module by which
`lava.utils.loihi.is_installed` recognises it, its host-chip adapters, the environment variables, `sinfo` and `ping`.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.executors.lava.stock import INSTALL, installed, there

_EXTENSION, _ADAPTERS = "lava.utils.loihi2_profiler", "lava.proc.embedded_io.spike"
_PATIENCE = 10.0  # seconds for `ping` or `sinfo` to answer


@dataclass(frozen=True)
class Finding:
    """One thing that is needed. `detail`: what was found, or what to do."""

    what: str
    present: bool
    detail: str

    def __str__(self) -> str:
        return f"{'present' if self.present else 'missing'}  {self.what}: {self.detail}"


def preflight(profile: HardwareProfile, run: Callable[[list[str]], str | None] | None = None) -> list[Finding]:
    """Everything that a run on `profile`'s board needs, present or missing. `run` executes a command: its output, or None where it fails."""
    return [_lava(), *_extension(), *_variables(), _board(run or _output), _reset(profile)]


def _lava() -> Finding:
    if not installed():
        return Finding("Lava", False, INSTALL)
    try:
        return Finding("Lava", True, f"lava-nc {importlib.metadata.version('lava-nc')}")
    except importlib.metadata.PackageNotFoundError:
        return Finding("Lava", True, "of unknown version")


def _extension() -> Iterator[Finding]:
    for what, module in (("Intel's Lava extension for Loihi", _EXTENSION), ("host-chip adapters", _ADAPTERS)):
        found = there(module)
        yield Finding(what, found, module if found else f"no module {module}: it comes with Intel's extension, for INRC members")


def _variables() -> Iterator[Finding]:
    """LOIHI_GEN, and how the board is reached: SLURM with PARTITION or BOARD, or NOSLURM with NXSDKHOST and HOST_BINARY."""
    yield _set("LOIHI_GEN", "the chip's generation, such as N3B3 or N3C1")
    if "NOSLURM" in os.environ:
        yield _set("NXSDKHOST", "the address of the board's host")
        yield _set("HOST_BINARY", "the driver on the board's host, such as nxcore/bin/nx_driver_server")
    elif "SLURM" in os.environ:
        named = [name for name in ("BOARD", "PARTITION") if name in os.environ]
        yield Finding("BOARD or PARTITION", bool(named), f"{named[0]}={os.environ[named[0]]}" if named else "not set: the board, or its partition")
    else:
        yield Finding("SLURM or NOSLURM", False, "not set: SLURM=1 where boards are scheduled, NOSLURM=1 for one on the network")


def _set(name: str, meaning: str) -> Finding:
    return Finding(name, name in os.environ, f"={os.environ[name]}" if name in os.environ else f"not set: {meaning}")


def _board(run: Callable[[list[str]], str | None]) -> Finding:
    """Whether something answers: a host on the network to ping, or a board or partition that sinfo calls up."""
    what, env = "board reachable", os.environ
    if "NOSLURM" in env and "NXSDKHOST" in env:
        answer = run(["ping", "-c", "1", env["NXSDKHOST"]])
        return Finding(what, answer is not None, f"ping {env['NXSDKHOST']}: {'answers' if answer is not None else 'no answer'}")
    if "SLURM" in env and ("BOARD" in env or "PARTITION" in env):
        chosen = ["-n", env["BOARD"]] if "BOARD" in env else ["-p", env["PARTITION"]]
        states = (run(["sinfo", "-h", *chosen, "-o", "%T"]) or "").split()
        up = [s for s in states if not s.startswith(("down", "drain", "fail", "unk"))]
        return Finding(what, bool(up), f"sinfo {' '.join(chosen)}: {', '.join(states) or 'no answer'}")
    return Finding(what, False, "no board is named by the environment")


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _reset(profile: HardwareProfile) -> Finding:
    there = bool(profile.sample_reset)
    return Finding("periodic reset on the chip", there, "LIFReset" if there else f"{profile.name} has none; the host code for it is not written")
