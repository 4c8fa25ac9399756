"""`lava`: install Lava, or say whether it is there and runs."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator

from rich.console import Console

from tritspike.runtime import install
from tritspike.runtime.commands.arguments import time_limit
from tritspike.runtime.errors import ExecutorError, MismatchError
from tritspike.runtime.executors.lava import trial
from tritspike.runtime.executors.lava.board import Finding
from tritspike.runtime.executors.lava.stock import DISTRIBUTION, INSTALL, NEEDS, VERSION, installed, there

MISSING = 3  # exit code where Lava would not run
_ALSO = ("numpy", "scipy", "networkx", "scikit-learn")  # what it needs that we bring


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("what", choices=["install", "check"], help="install Lava for this Python; or say what is there, and try a small program")
    command.add_argument("--print", action="store_true", dest="shown", help="install: print the commands instead of running them")
    time_limit(command)


def run(o: argparse.Namespace, out: Console) -> int:
    """install: 0, or an error with pip's exit code. check: 0 where a program ran and gave the reference's spikes, 3 where something is missing."""
    return _install(o.shown, out) if o.what == "install" else _check(o.time_limit, out)


def commands() -> list[list[str]]:
    """What installs Lava for this Python: first, by pip's own rules, what it imports and is not here; then Lava itself without the list of
    needs that it declares, which asks for Python 3.10 and numpy 1."""
    pip = [sys.executable, "-m", "pip", "install"]
    missing = [needed for module, needed in NEEDS.items() if not there(module)]
    lava = [*pip, "--no-deps", "--ignore-requires-python", f"{DISTRIBUTION}=={VERSION}"]
    return [[*pip, *missing], lava] if missing else [lava]


def _install(shown: bool, out: Console) -> int:
    if shown:
        out.print("\n".join(map(shlex.join, commands())), soft_wrap=True)
        return 0
    if importlib.util.find_spec("pip") is None:
        raise ExecutorError(f"{sys.executable} has no pip", f"{sys.executable} -m ensurepip")
    for command in commands():
        if code := subprocess.run(command, check=False).returncode:
            raise ExecutorError(f"{shlex.join(command)}: exit code {code}")
    importlib.invalidate_caches()
    out.print(f"{DISTRIBUTION} {VERSION} is installed; tritspike lava check tries it", soft_wrap=True)
    return 0


def _check(limit: float, out: Console) -> int:
    complete = True
    for found in _findings(limit):
        out.print(str(found), soft_wrap=True)
        complete &= found.present
    return 0 if complete else MISSING


def _findings(limit: float) -> Iterator[Finding]:
    found = [_system(), _lava(), *_needs()]
    yield from found
    if all(f.present for f in found):
        yield _tried(limit)


def _system() -> Finding:
    return Finding(
        "system", sys.platform == "linux", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; Linux is needed"
    )


def _lava() -> Finding:
    version = _version(DISTRIBUTION) if installed() else None
    return Finding("Lava", version == VERSION, f"{DISTRIBUTION} {version or 'is not installed'}{'' if version == VERSION else f'; {INSTALL}'}")


def _needs() -> Iterator[Finding]:
    for name in (*_ALSO, *NEEDS):
        version = _version(name)
        yield Finding(name, version is not None, version or (INSTALL if name in NEEDS else install.command()))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _tried(limit: float) -> Finding:
    try:
        return Finding("a run", True, f"{trial.cells(limit):,} (neuron, step) cells are those of the reference")
    except (ExecutorError, MismatchError) as error:
        return Finding("a run", False, str(error))
