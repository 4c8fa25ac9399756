"""What stands for tensors while a folded module's forward is called to write its network down.

A `Spikes` is a population that is there; a `Drive` is what one would hear. Layers take and give them as they take and give tensors; anything
else that a forward does with one is refused by name and line.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.terms import Handle, Sum, Term

_OURS = ("models/nets/", "torch/", "<frozen")


class Symbol:
    """Refuses what is no layer."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        refuse(getattr(func, "__name__", str(func)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse(f".{name}")

    def __getitem__(self, at: Any) -> Any:
        refuse("indexing")

    def __mul__(self, other: Any) -> Any:
        refuse("*")

    __rmul__ = __truediv__ = __sub__ = __matmul__ = __bool__ = __iter__ = __len__ = __mul__


def refuse(what: str) -> NoReturn:
    """Raises `InputError` that names an operation and the line of the user's own forward that does it."""
    frames = [f for f in traceback.extract_stack() if not any(part in f.filename.replace("\\", "/") for part in _OURS)]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "forward"
    raise InputError(f"{where}: {what} on spikes, which no chip's neuron does", "compose layers of tritspike.models.nets, and add their drives")


@dataclass(frozen=True, eq=False)
class Spikes(Symbol):
    """A population of the network that is being written."""

    net: Net
    handle: Handle


@dataclass(frozen=True, eq=False)
class Drive(Symbol):
    """What a population would hear: terms and a bias in 1/64 synaptic units, one number a channel."""

    net: Net
    terms: Sum
    bias: NDArray[np.int64] | None

    def __add__(self, other: Any) -> Drive:
        if not isinstance(other, Drive):
            refuse("+ of a drive and something else")
        biases = [b for b in (self.bias, other.bias) if b is not None]
        return Drive(self.net, self.terms + other.terms, sum(biases[1:], biases[0]) if biases else None)

    __radd__ = __add__


def drive(spikes: Spikes, term: Term | Sum, bias: NDArray[np.int64] | None = None) -> Drive:
    """Of one way."""
    return Drive(spikes.net, Sum(()) + term, bias)
