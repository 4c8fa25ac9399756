"""Import Lava with the one change that Python 3.11 and later need, and say whether it is there.

lava-nc 0.10.0, the last, declares Python 3.10 and numpy 1. On 3.11 and later a single import fails: `ByteEncoder` in
`lava.magma.compiler.var_model` is an unhashable instance used as a dataclass default. Giving that class a hash while it is being defined is
all; Lava's own files stay untouched. On numpy 2 its graded processes fail; LIF, LIFReset and Sparse, which are all that we use, give the same
integers (run: Python 3.10 and 3.11 with numpy 1.26, 3.11 with 2.4, 3.12 and 3.13 with 2.5).
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tritspike.runtime.errors import ExecutorError

DISTRIBUTION, VERSION = "lava-nc", "0.10.0"
NEEDS = {"asteval": "asteval>=1.0"}  # by module, what Lava imports and we do not bring: the extra `lava`
INSTALL = "tritspike lava install"


def there(module: str) -> bool:
    """Whether it could be imported; only the packages that it lies in are."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def installed() -> bool:
    """Whether Lava is; a folder of that name, which Python takes for a package, is not it."""
    return there("lava.magma")


def require_here() -> None:
    """`ExecutorError` where Lava cannot be run at all."""
    if sys.platform != "linux":
        raise ExecutorError("Lava is run on Linux alone", "the other executors give the same spikes")
    if not installed():
        raise ExecutorError("Lava is not installed", INSTALL)


@contextmanager
def _hashable_byte_encoder() -> Iterator[None]:
    original = dataclasses.dataclass

    def patched(cls: Any = None, /, **options: Any) -> Any:
        def wrap(c: Any) -> Any:
            ours = (c.__module__, c.__name__) == ("lava.magma.compiler.var_model", "ByteEncoder")
            return original(c, **(options | ({"unsafe_hash": True} if ours else {})))

        return wrap if cls is None else wrap(cls)

    dataclasses.dataclass = patched
    try:
        yield
    finally:
        dataclasses.dataclass = original


def require() -> None:
    """Import Lava's compiler once under the remedy. Raises `ExecutorError` where Lava is not installed."""
    try:
        with _hashable_byte_encoder():
            import lava.magma.compiler.var_model
            import lava.magma.core.process.process  # noqa: F401
    except ImportError as error:
        raise ExecutorError(f"Lava cannot be imported ({error})" if installed() else "Lava is not installed", INSTALL) from None
