"""The graph that passes rewrite: a tuple of ops in execution order, each with the edges that reach it.

Records are frozen and a pass returns a new graph. An op is a population-to-be; an edge is a projection-to-be. `latency` is None until
assigned. Wirings are the runtime's own, since what is emitted must mean what was proved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar

from tritspike.runtime.program import Bias, Host
from tritspike.runtime.wiring import Along, Dims, Shift, Wiring


class Stream(Enum):
    """What an edge carries. INTEGER is reserved for graded spikes (a membrane residual on Loihi 2)."""

    SPIKE = "spike"
    INTEGER = "integer"


@dataclass(frozen=True, eq=False, kw_only=True)
class Edge:
    """a[t] += (W s[t-1]) << exponent, from op `source`; `stage` taps one stage of a relay."""

    source: str
    wiring: Wiring
    exponent: int = 0
    stage: int = 0
    stream: Stream = Stream.SPIKE


@dataclass(frozen=True, eq=False, kw_only=True)
class ProductEdge:
    """a[t] += weight * (a product of two spike trains, summed over the axes that the op lacks). Gone after expand-products.

    `left` and `right` are sources with the axes that their channels are read as; `axes` those of the product before summing.
    """

    left: tuple[str, str]
    right: tuple[str, str]
    axes: str
    weight: Along
    exponent: int = 0


AnyEdge = Edge | ProductEdge


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    """A population-to-be over the grid `axes`."""

    mnemonic: ClassVar[str] = "op"
    name: str
    axes: str
    inputs: tuple[AnyEdge, ...] = ()
    latency: int | None = None

    def sources(self) -> list[str]:
        """Ops that this one hears."""
        return [name for e in self.inputs for name in ([e.source] if isinstance(e, Edge) else [e.left[0], e.right[0]])]


@dataclass(frozen=True, eq=False, kw_only=True)
class Source(Op):
    """Spikes that the host plays."""

    mnemonic: ClassVar[str] = "source"


@dataclass(frozen=True, eq=False, kw_only=True)
class Lif(Op):
    """v[t] = saturate(trunc(v[t-1] * keep / 4096) + 64 * a[t] + bias);   s[t] = v[t] > 64 * vth;   v = 0 where s.

    Reset to zero as each sample's window begins. One vth a population, since the chip has one.
    """

    mnemonic: ClassVar[str] = "lif"
    keep: int
    vth: int
    bias: Bias | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Coincidence(Op):
    """Memoryless AND: vth=1, keep=1 and two unit synapses; one input leaves v = 64, not above 64, and 64 * 1 >> 12 = 0 of it."""

    mnemonic: ClassVar[str] = "coincidence"


@dataclass(frozen=True, eq=False, kw_only=True)
class Relay(Op):
    """A shift register of `stages` memoryless repeaters; a weight of 2 against vth=1, so that it shares a coincidence neuron's parameters."""

    mnemonic: ClassVar[str] = "relay"
    stages: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Readout(Op):
    """A perfect integrator (keep=4096) with the highest threshold, whose membrane is read after a window's last step. It must not fire."""

    mnemonic: ClassVar[str] = "readout"


@dataclass(frozen=True, eq=False, kw_only=True)
class Graph:
    """Ops in execution order for one length and T."""

    dims: Dims
    steps: int
    ops: tuple[Op, ...]
    host: Host

    def op(self, name: str) -> Op:
        """The op of that name."""
        return next(op for op in self.ops if op.name == name)

    def with_ops(self, ops: list[Op]) -> Graph:
        """The same graph with other ops."""
        return replace(self, ops=tuple(ops))

    def map_edges(self, change: Callable[[Op, AnyEdge], AnyEdge]) -> Graph:
        """Every edge passed through `change(op, edge)`."""
        return self.with_ops([replace(op, inputs=tuple(change(op, e) for e in op.inputs)) for op in self.ops])


def self_edge(op: Op, edge: AnyEdge) -> bool:
    """Whether the edge is a relay's shift register, the only loop there is."""
    return isinstance(op, Relay) and isinstance(edge, Edge) and isinstance(edge.wiring, Shift)
