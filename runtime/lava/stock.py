"""Import Lava with the one change that Python 3.11 needs, and hand out what we use of it.

lava-nc 0.10.0 declares Python 3.10. On 3.11 a single import fails: `ByteEncoder` in `lava.magma.compiler.var_model` is an unhashable
instance used as a dataclass default. Giving that class a hash while it is being defined is all; Lava's own files stay untouched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tritspike.runtime.errors import ExecutorError

INSTALL = "pip install --no-deps --ignore-requires-python lava-nc==0.10.0"


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
        raise ExecutorError(f"Lava cannot be imported ({error})", INSTALL) from None
