"""Compiled kernels on disk: compiled once for a CPU, checked before they are loaded, compiled again where they are damaged.

They lie in $TRITSPIKE_CACHE, or tritspike/ in $XDG_CACHE_HOME or ~/.cache, in a folder named for what they were compiled from and for: our
sources, numba, Python, the CPU. Beside them `digests.json` holds their SHA-256. A folder that cannot be written, a disk that is full, no home
to have a folder in: the kernels are compiled for this process alone, which is told.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numba
from numba.core import config
from numba.core.registry import cpu_target

from tritspike.hw_profiles.errors import printable
from tritspike.hw_profiles.reading import reason
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import write_atomic
from tritspike.runtime.simulator import contracts
from tritspike.runtime.streams import say

_HERE = Path(__file__).parent
_COMPILED = ("kernels", "counting", "timelines", "lasting", "vocabulary")
_MODULES = tuple(f"tritspike.runtime.simulator.{name}" for name in _COMPILED)
_SOURCES = tuple(_HERE / f"{name}.py" for name in ("lanes", *_COMPILED, "cache", "../arith", "../bits"))
_KERNELS: list[Kernel] = []
_LOCK = threading.Lock()


class Kernel:
    """A function that numba compiles for one signature: when the first of all kernels is called, and then all of them.

    `contract`, of the same name in `contracts.py`, says what it may be called with, and is asked at every call.
    """

    def __init__(self, function: Callable[..., None], signature: str) -> None:
        where = folder()
        self.unkept = _unusable(where)  # why its machine code is not kept, where it is not
        self.compiled = _for_numba(function, where if self.unkept is None else None)
        self.signature, self.__doc__ = signature, function.__doc__
        self.name, self.contract = function.__name__, getattr(contracts, function.__name__)
        self.ready = False
        _KERNELS.append(self)

    def compile(self) -> None:
        """Load or compile it; where that cannot be read or saved, compile it for this process alone."""
        try:
            self.compiled.compile(self.signature)
        except OSError as error:
            self.unkept = reason(error)
            if not self.compiled.signatures:  # numba saves last
                self.compiled = _for_numba(self.compiled.py_func, None)
                self.compiled.compile(self.signature)
        self.compiled.disable_compile()
        self.ready = True

    def __call__(self, *args: Any) -> None:
        """Run it."""
        if not self.ready:
            prepare()
        contracts.require(self.name, self.contract(*args))
        self.compiled(*args)

    def bound(self, *args: Any) -> Callable[[], None]:
        """A call with arrays that stay: asked once here, and never again."""
        if not self.ready:
            prepare()
        contracts.require(self.name, self.contract(*args))
        return partial(self.compiled, *args)


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
        where, usable = folder(), all(k.unkept is None for k in _KERNELS)
        found = _intact(where) if where is not None and usable else None
        if found is False:
            _say(f"the compiled kernels in {where} are damaged")
            _remove(where)
        if not found:
            _say("compiling kernels for this CPU" + ("; that is done once" if usable else ""))
        start = time.perf_counter()
        _compile(where)
        if not found:
            _say(f"compiled in {time.perf_counter() - start:.0f} s")
        if not found or any(k.unkept is not None for k in _KERNELS):
            _keep(where, usable)


def _say(text: str) -> None:
    say(f"tritspike: {printable(text)}")


def _compile(where: Path | None) -> None:
    try:
        _compile_all()
    except Exception:  # whatever a damaged file that no digest vouched for may raise in numba's loader
        _remove(where)
        _compile_all()


def _compile_all() -> None:
    for k in _KERNELS:
        k.compile()


def _remove(where: Path | None) -> None:
    if where is not None:
        shutil.rmtree(where, ignore_errors=True)


def _keep(where: Path | None, usable: bool) -> None:
    """Vouch for what was saved. Where that is not all, half a cache is not left on a disk that is full."""
    why = next((k.unkept for k in _KERNELS if k.unkept is not None), None)
    if why is None and where is not None:
        try:
            return _write_digests(where)
        except (OSError, FileError) as error:
            why = str(error)
    if usable:
        _remove(where)
    _say(f"they are not kept{'' if where is None else f' in {where}'}: {why}; TRITSPIKE_CACHE may name another folder")


def folder() -> Path | None:
    """Where the kernels compiled from these sources for this CPU lie; None where no folder is named and there is no home."""
    home = _home()
    target = cpu_target.target_context.codegen().magic_tuple()
    what = hashlib.sha256(repr((str(_HERE), numba.__version__, platform.python_version(), target)).encode())
    for source in _SOURCES:
        what.update(source.read_bytes())
    return None if home is None else home / f"kernels-{what.hexdigest()[:16]}"


def _home() -> Path | None:
    """By the environment; else below the home folder, which a user without an entry in passwd does not have (containers)."""
    if given := os.environ.get("TRITSPIKE_CACHE"):
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tritspike"
    except RuntimeError:
        return None


def _unusable(where: Path | None) -> str | None:
    """Why nothing can be kept there; None where it can, made for it if need be."""
    if where is None:
        return "there is no home folder"
    try:
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=where):
            return None
    except OSError as error:
        return reason(error)


def _for_numba(function: Callable[..., None], where: Path | None) -> Any:
    """To be compiled by numba, and kept in `where`."""
    with _numba_folder(where):
        return numba.njit(nogil=True, error_model="numpy", cache=where is not None)(function)


@contextlib.contextmanager
def _numba_folder(where: Path | None) -> Iterator[None]:
    """Let numba choose `where` for a function that is declared meanwhile."""
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = "" if where is None else str(where)
        yield
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
    write_atomic(where / "digests.json", json.dumps(_digests(where), indent=1).encode())
