"""What a NIR file says: nodes with their parameters as they stand there, and edges between them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """name: with those of the graphs around it before it, as `hidden/lif`. kind: what NIR calls it."""

    name: str
    kind: str


@dataclass(frozen=True, eq=False, kw_only=True)
class End(Node):
    """Input or Output, of the whole or of a graph in it. shape: as the file declares it. inner: of a graph in it, where it only passes on."""

    shape: Shape
    inner: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(Node):
    """Linear and Affine: y = weight x + bias. weight: (rows, columns); bias: (rows,) or None."""

    weight: Floats
    bias: Floats | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Scale(Node):
    """y = scale * x, one by one."""

    scale: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Node):
    """Conv1d and Conv2d. weight: (out, in of a group, height, width), of height 1 in one dimension; bias: (out,) or None.

    stride, padding, dilation: (height, width). padding None: "same".
    """

    weight: Floats
    bias: Floats | None
    stride: tuple[int, int]
    padding: tuple[int, int] | None
    dilation: tuple[int, int]
    groups: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Node):
    """SumPool2d and AvgPool2d. size, stride, padding: (height, width)."""

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Flatten(Node):
    """The same numbers in one row."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Delay(Node):
    """y(t) = x(t - seconds). seconds: one number, or one a neuron."""

    seconds: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Cell(Node):
    """I, IF, LI, LIF, CubaLI, CubaLIF and Threshold.

        tau_syn dI/dt = -I + w_in S;   tau_mem dv/dt = (v_leak - v) + r I;   a spike where v > threshold, then v = v_reset

    Each a number, or one a neuron. tau_syn None: I is S. tau_mem None: dv/dt = r I. threshold None: it never fires.
    """

    r: Floats
    tau_mem: Floats | None = None
    tau_syn: Floats | None = None
    w_in: Floats | None = None
    leak: Floats = field(default_factory=lambda: np.zeros(()))
    threshold: Floats | None = None
    reset: Floats = field(default_factory=lambda: np.zeros(()))

    @property
    def shape(self) -> Shape:
        """Of its parameters; () where all are single numbers, and what it hears says how many neurons it has."""
        found = (self.r, self.tau_mem, self.tau_syn, self.w_in, self.leak, self.threshold, self.reset)
        return np.broadcast_shapes(*(a.shape for a in found if a is not None))

    @property
    def remembers(self) -> bool:
        """All but Threshold."""
        return self.kind != "Threshold"


@dataclass(frozen=True, eq=False)
class Graph:
    """nodes: by name, those of inner graphs among them. edges: (from, to). said: the metadata of all nodes together, of numbers and texts."""

    nodes: dict[str, Node]
    edges: tuple[tuple[str, str], ...]
    said: dict[str, object]

    def into(self, name: str) -> list[str]:
        """Who leads into a node, once for each edge."""
        return [a for a, b in self.edges if b == name]

    def out_of(self, name: str) -> list[str]:
        """Where a node leads."""
        return [b for a, b in self.edges if a == name]
