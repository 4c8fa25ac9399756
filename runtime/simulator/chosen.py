"""Compiled kernels, or numpy for a little work: to import numba takes as long as numpy takes for the first few sentences.

Both give the same spikes. Once the kernels are there they do everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from tritspike.runtime.simulator import plain

ALLOWED = 1 << 31  # products that numpy may do in a process: about 0.1 s, a fifth of what numba takes to import
_KERNELS = "tritspike.runtime.simulator.kernels"
_done = 0


def module(products: int, plainly: bool | None = None) -> ModuleType:
    """`plain` or `kernels`, as `plainly` says; where it says nothing by what `products` more weights times spikes come to in this process."""
    global _done
    if plainly is None and _KERNELS not in sys.modules:
        _done += products
        plainly = _done <= ALLOWED
    if plainly:
        return plain
    from tritspike.runtime.simulator import kernels

    return kernels


def counting(using: ModuleType) -> ModuleType:
    """What counts beside `using`."""
    if using is plain:
        return plain
    from tritspike.runtime.simulator import counting as compiled

    return compiled


def lasting(using: ModuleType) -> ModuleType:
    """What has state that lasts beside `using`."""
    if using is plain:
        return plain
    from tritspike.runtime.simulator import lasting as compiled

    return compiled


def bound(kernel: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    """A call with arrays that stay, of a kernel or its twin: what it may be called with is asked once."""
    made: Callable[[], None] = kernel.bound(*arguments) if hasattr(kernel, "bound") else partial(kernel, *arguments)
    return made


def vocabulary(products: int, plainly: bool | None = None) -> ModuleType:
    """What works on a language model's vocabulary, chosen as `module` chooses."""
    if module(products, plainly) is plain:
        return plain
    from tritspike.runtime.simulator import vocabulary as compiled

    return compiled
