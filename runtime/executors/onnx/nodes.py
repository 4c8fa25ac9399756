"""Nodes as they are made, named after what they compute, and the constants that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from tritspike.runtime.network.state import Ints

DOMAIN = "ai.tritspike"  # of our functions, whose bodies are standard operators
STREAMS, STEPS = "streams", "steps"  # free dimensions
_INT2 = (-2, 1)  # what two bits hold


def scaled(weights: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ints]:
    """(rows, columns) codes and (rows,) gains whose products are the weights; of a row of -g, 0 and g the codes are -1, 0 and 1."""
    gains = np.maximum(np.gcd.reduce(weights.astype(np.int64), axis=1), 1)
    return weights // gains[:, None].astype(np.int32), gains


@dataclass(eq=False)
class Constants:
    """arrays: by name, those of equal content once. compact: codes in two bits, which need a cast, a node of the outer graph."""

    compact: bool = False
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    packed: set[str] = field(default_factory=set)
    casts: list[NodeProto] = field(default_factory=list)
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def of(self, name: str, array: NDArray[Any]) -> str:
        """The name of a constant, which is this one unless its content is there already."""
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = name
            self.arrays[name] = array
        return self._known[key]

    def number(self, value: int, dtype: Any = np.int32) -> str:
        """One number."""
        found = np.array(value, dtype)
        return self.of(f"constant/{found.dtype}/{value}", found)

    def shape(self, *sizes: int) -> str:
        """Sizes, or axes."""
        return self.of(f"constant/shape/{'x'.join(map(str, sizes))}", np.array(sizes, np.int64))

    def holds(self, codes: NDArray[np.int32]) -> bool:
        """Whether these become two bits each."""
        return self.compact and bool(codes.size) and _INT2[0] <= int(codes.min()) <= int(codes.max()) <= _INT2[1]

    def two_bits(self, name: str, codes: NDArray[np.int32]) -> str:
        """int8 codes that the file holds in two bits each."""
        stored = self.of(f"{name}/int2", codes.astype(np.int8))
        if stored not in self.packed:
            self.packed.add(stored)
            self.casts.append(helper.make_node("Cast", [stored], [name], name, to=TensorProto.INT8))
        return stored.removesuffix("/int2")


@dataclass(eq=False)
class Nodes:
    """The body of the loop over steps, in the order of its making. taken: names that are others'."""

    constants: Constants
    taken: set[str] = field(default_factory=set)
    made: list[NodeProto] = field(default_factory=list)

    def op(self, name: str, kind: str, *inputs: str, **attributes: Any) -> str:
        """The one output of a node; both have its name, or one like it where that is taken."""
        name = self._free(name)
        self.made.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def call(self, name: str, function: str, inputs: list[str], outputs: Sequence[str], **attributes: Any) -> list[str]:
        """The outputs of one of our functions."""
        name, found = self._free(name), [self._free(f"{name}/{output}") for output in outputs]
        self.made.append(helper.make_node(function, inputs, found, name, domain=DOMAIN, **attributes))
        return found

    def _free(self, name: str) -> str:
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return name

    def wide(self, name: str, spikes: str) -> str:
        """Spikes as int32, to be added up."""
        return self.op(name, "Cast", spikes, to=TensorProto.INT32)

    def reshaped(self, name: str, tensor: str, *shape: int) -> str:
        """Behind the streams, which stay."""
        return self.op(name, "Reshape", tensor, self.constants.shape(0, *shape))

    def added(self, name: str, terms: list[str]) -> str:
        """Of one or more."""
        total, *others = terms
        for number, term in enumerate(others):
            total = self.op(f"{name}/{number}" if number < len(others) - 1 else name, "Add", total, term)
        return total
