"""Whether onnx and onnxruntime are here, which an extra brings; asked without importing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import install
from tritspike.runtime.errors import ExecutorError

OPSET, OLDEST, NEWEST = 17, 15, 28  # of the standard: the default, the first with functions, and the newest that was tried
COMPACT = 25  # the first with two bits
WRITES, RUNS = ("onnx",), ("onnx", "onnxruntime")  # what each needs
_EXTRA = "onnx"


def findings() -> Iterator[Finding]:
    """What a run needs and is not."""
    for name in RUNS:
        if find_spec(name) is None:
            yield Finding("onnx", name, "not installed", f"installed: {install.command(_EXTRA)}")


def require_here(names: Iterable[str]) -> None:
    """Raises `ExecutorError` for the first of these that is not."""
    missing = next((name for name in names if find_spec(name) is None), None)
    if missing is not None:
        raise ExecutorError(f"this needs {missing}, which is not installed", install.command(_EXTRA))


def newest() -> int:
    """The newest version that the onnx which is here writes too."""
    from onnx import defs

    return min(NEWEST, defs.onnx_opset_version())
