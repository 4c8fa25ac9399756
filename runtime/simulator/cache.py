"""Compiled kernels on disk: compiled once for a CPU, checked before they are loaded, compiled again where they are damaged.

They lie in $TRITSPIKE_CACHE, or tritspike/ in $XDG_CACHE_HOME or ~/.cache, in a folder named for what they were compiled from and for: our
sources, numba, Python, the CPU. Beside them `digests.json` holds their SHA-256. A folder that cannot be written means no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core import config
from numba.core.registry import cpu_target

from runtime.files import write_atomic
from runtime.simulator import contracts

_HERE = Path(__file__).parent
_MODULES = ("runtime.simulator.kernels", "runtime.simulator.counting")
_SOURCES = (*(_HERE / f"{name}.py" for name in ("lanes", "kernels", "counting", "cache")), _HERE.parent / "arith.py")
_KERNELS: list[Kernel] = []
_LOCK = threading.Lock()


class Kernel:
    """A function that numba compiles for one signature: when the first of all kernels is called, and then all of them.

    `contract`, of the same name in `contracts.py`, says what it may be called with, and is asked at every call.
    """

    def __init__(self, function: Callable[..., None], signature: str) -> None:
        with _numba_folder(folder()) as writable:
            self.compiled = numba.njit(nogil=True, error_model="numpy", cache=writable)(function)
        self.signature, self.__doc__ = signature, function.__doc__
        self.name, self.contract = function.__name__, getattr(contracts, function.__name__)
        self.ready = False
        _KERNELS.append(self)

    def __call__(self, *args: Any) -> None:
        """Run it."""
        if not self.ready:
            prepare()
        contracts.require(self.name, self.contract(*args))
        self.compiled(*args)


def kernel(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Mark a function as a kernel of that numba signature."""
    return lambda function: Kernel(function, signature)


def prepare() -> None:
    """Load or compile every kernel; tell on stderr when that takes a while, or when what was found is damaged."""
    for module in _MODULES:
        importlib.import_module(module)
    with _LOCK:
        if all(k.ready for k in _KERNELS):
            return
        where = folder()
        found = _intact(where)
        if found is False:
            _say(f"the compiled kernels in {where} are damaged")
            shutil.rmtree(where, ignore_errors=True)
        if not found:
            _say("compiling kernels for this CPU; that is done once")
        start = time.perf_counter()
        _compile(where)
        if not found:
            _say(f"compiled in {time.perf_counter() - start:.0f} s")
            _write_digests(where)


def _say(text: str) -> None:
    print(f"tritspike: {text}", file=sys.stderr)


def _compile(where: Path) -> None:
    try:
        _compile_all()
    except Exception:  # whatever a damaged file that no digest vouched for may raise in numba's loader
        shutil.rmtree(where, ignore_errors=True)
        _compile_all()


def _compile_all() -> None:
    for k in _KERNELS:
        k.compiled.compile(k.signature)
        k.compiled.disable_compile()
        k.ready = True


def folder() -> Path:
    """Where the kernels compiled from these sources for this CPU lie."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tritspike"
    target = cpu_target.target_context.codegen().magic_tuple()
    what = hashlib.sha256(repr((str(_HERE), numba.__version__, platform.python_version(), target)).encode())
    for source in _SOURCES:
        what.update(source.read_bytes())
    return Path(os.environ.get("TRITSPIKE_CACHE") or home) / f"kernels-{what.hexdigest()[:16]}"


@contextlib.contextmanager
def _numba_folder(where: Path) -> Iterator[bool]:
    """Let numba choose `where` for a function that is decorated meanwhile; whether it can be written."""
    before = config.CACHE_DIR
    try:
        where.mkdir(parents=True, exist_ok=True)
        config.CACHE_DIR = str(where)
        yield os.access(where, os.W_OK)
    except OSError:
        yield False
    finally:
        config.CACHE_DIR = before


def _digests(where: Path) -> dict[str, str]:
    files = sorted(p for p in where.rglob("*") if p.suffix in (".nbi", ".nbc"))
    return {p.relative_to(where).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _intact(where: Path) -> bool | None:
    """Whether the cached files are those that were written; None where nothing was."""
    path = where / "digests.json"
    if not path.exists():
        return None
    try:
        written = json.loads(path.read_text())
        return bool(written) and written.items() <= _digests(where).items()
    except (ValueError, AttributeError, OSError):
        return False


def _write_digests(where: Path) -> None:
    if digests := _digests(where):  # none where the folder cannot be written
        write_atomic(where / "digests.json", json.dumps(digests, indent=1).encode())
