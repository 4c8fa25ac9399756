"""What stands for tensors while a folded module's forward is called to write its network down.

A `There` is a population of the network; a `Heard` is what one would hear. Layers take and give them as they take and give spikes and drives
(`values.py`); anything else that a forward does with one is refused by name and line, in training as in tracing.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from tritspike.runtime.errors import InputError
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.neuron import RELAY
from tritspike.runtime.network.rows import ACTIVE, CONTINUES, IDLE, PADDING
from tritspike.runtime.network.terms import Handle, Sum, Term, same

_OURS = tuple(f"{Path(file).resolve().parent}/" for file in (__file__, torch.__file__))


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

    def __add__(self, other: Any) -> Any:
        refuse("+")

    def __bool__(self) -> bool:
        refuse("a condition")

    __radd__ = __add__
    __hash__ = object.__hash__


def line() -> str:
    """Of the user's own code that is being run: file:line."""
    frames = [f for f in traceback.extract_stack() if not f.filename.startswith("<") and not str(Path(f.filename).resolve()).startswith(_OURS)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "forward"


def refuse(what: str) -> NoReturn:
    """Raises `InputError` that names an operation and the line of the user's own forward that does it."""
    raise InputError(f"{line()}: {what} on spikes, which no chip's neuron does", "compose layers of tritspike.models.nets, and add their drives")


_REFUSED = {
    "a number of": "float int index complex round trunc floor ceil",
    "a loop or a length": "iter len contains reversed",
    "a comparison": "eq ne lt le gt ge",
    "a sign or a complement": "neg pos abs invert",
    "setting": "setitem delitem",
}  # of Python's own operations, which look a method up on the class
_OF_TWO = {
    **{"*": "mul", "/": "truediv", "-": "sub", "@": "matmul", "//": "floordiv", "%": "mod", "**": "pow"},
    **{"&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift"},
}


def _refusing(what: str) -> Any:
    return lambda *given: refuse(what)


for _what, _names in (*_REFUSED.items(), *((sign, f"{name} r{name}") for sign, name in _OF_TWO.items())):
    for _name in _names.split():
        setattr(Symbol, f"__{_name}__", _refusing(_what))


@dataclass(eq=False)
class Writing:
    """The network that is being written, and populations that its layers share.

    endless: whether it is for a stream of one sequence without end. rests: whether tokens have steps without input. living: populations that
    are not held silent in these. gates: populations that spike in steps with input of tokens alone.
    """

    net: Net = field(default_factory=Net)
    endless: bool = False
    rests: bool = False
    living: set[str] = field(default_factory=set)
    gates: set[str] = field(default_factory=set)
    ports: dict[str, Handle] = field(default_factory=dict)

    def padding(self, position: Axis) -> Handle:
        """Spikes at the positions behind a text's end."""
        return self._port("mask", PADDING, position)

    def continues(self) -> Handle:
        """One neuron, which spikes in each step with input of every token but the last of its sequence."""
        return self._port(CONTINUES, CONTINUES)

    def idle(self) -> Handle:
        """One neuron, which spikes in each step without input."""
        return self._port(IDLE, IDLE)

    def active(self) -> Handle:
        """One neuron, which spikes in each step with input."""
        return self._port(ACTIVE, ACTIVE)

    def also(self, made: Handle, *sides: There) -> None:
        """An AND lives on in steps without input where all its sides do."""
        if all(side.handle.name in self.living for side in sides):
            self.living.add(made.name)

    def _port(self, name: str, plays: str, *axes: Axis) -> Handle:
        if name not in self.ports:
            self.ports[name] = self.net.input(name, *axes, plays=plays)
        return self.ports[name]


@dataclass(frozen=True, eq=False)
class Blank(Symbol):
    """What a module is called with, which its inputs take the place of."""

    writing: Writing


@dataclass(frozen=True, eq=False)
class There(Symbol):
    """A population of the network that is being written, as it is or was. delay: tokens ago."""

    writing: Writing
    handle: Handle
    delay: int = 0

    def settled(self) -> Handle:
        """A population that is as this one is heard."""
        name = f"{self.handle.name}.ago"
        if not self.delay:
            return self.handle
        if name not in self.writing.ports:
            self.writing.ports[name] = self.writing.net.population(name, same(self.handle, 2, delay=self.delay), RELAY)
        return self.writing.ports[name]


@dataclass(frozen=True, eq=False)
class Heard(Symbol):
    """What a population would hear: terms, and biases in 1/64 synaptic units, each over the last axes."""

    writing: Writing
    terms: Sum
    biases: tuple[NDArray[np.int64], ...] = ()

    def __add__(self, other: Any) -> Heard:
        if not isinstance(other, Heard):
            refuse("+ of a drive and something else")
        return Heard(self.writing, self.terms + other.terms, self.biases + other.biases)

    __radd__ = __add__


def heard(spikes: There, term: Term | Sum, *biases: NDArray[np.int64]) -> Heard:
    """Of one way."""
    terms = (replace(one, delay=spikes.delay) for one in (Sum(()) + term).terms)
    return Heard(spikes.writing, Sum(tuple(terms)), biases)
