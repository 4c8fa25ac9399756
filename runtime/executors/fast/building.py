"""What rules know of the populations before the one that they look at, and what each asks of membranes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.fast.rows import Place, channels, row_axis
from tritspike.runtime.executors.fast.stages import Attention, Lanes, Linear, Reader
from tritspike.runtime.network.grid import Axis, Grid, Pairs
from tritspike.runtime.network.network import Network, Population, Scheduled, Synapse
from tritspike.runtime.network.neuron import Neuron, Values, numbers
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.network.wiring import Dense, Join
from tritspike.runtime.network.wiring.maps import Follow


@dataclass(frozen=True, eq=False)
class Product:
    """An AND that no population stores: by how its sides are found along rows, the populations that it meets. inner: perhaps heads, and channels."""

    query: str
    key: str
    pairs: Pairs
    inner: tuple[Axis, ...]


@dataclass(frozen=True, eq=False)
class Score:
    """What sums a product over channels: the product, and (gain, keep, threshold, bounded)."""

    product: str
    how: Lanes


@dataclass(eq=False)
class Building:
    """What is known of the populations seen so far."""

    program: Scheduled
    along: str | None = field(init=False)
    places: dict[str, Place] = field(default_factory=dict)
    repeats: dict[str, str] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    summed: set[str] = field(default_factory=set)
    stages: list[Linear | Attention] = field(default_factory=list)
    readers: dict[str, Reader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.along = row_axis(self.network)
        self.padding = {port.population for port in self.network.ports if port.plays == PADDING}

    @property
    def network(self) -> Network:
        """Of the program."""
        return self.program.network

    def origin(self, name: str) -> str:
        """The population whose spikes these are, repeated or not."""
        return self.repeats.get(name, name)

    def masks(self, p: Population) -> tuple[list[Synapse], list[Synapse]]:
        """(synapses from the padding, the others)."""
        inputs = self.network.inputs(p.name)
        mask = [s for s in inputs if self.origin(s.source) in self.padding]
        return mask, [s for s in inputs if s not in mask]

    def channels(self, p: Population) -> Grid | None:
        """Within a row; None where `p` is not laid out in rows."""
        return channels(p.grid, self.along)


def membranes(b: Building, p: Population) -> str | None:
    """Why a population's membranes cannot be computed window by window on real rows alone; None where they can."""
    neuron = p.neuron
    assert neuron is not None
    if not facts.window_local(neuron):
        return "it is not reset with each window"
    if not facts.memoryless_current(neuron):
        return "its current has a memory"
    if facts.shared(neuron) is None:
        return "its neurons differ in leak or threshold"
    if neuron.bias is not None and isinstance(neuron.bias.mantissa, Values) and b.along in neuron.bias.mantissa.along:
        return "its bias differs between rows"
    mask, heard = b.masks(p)
    if not all(_is_mask(b, s) for s in mask):
        return "it hears the padding otherwise than at its own row"
    return _fires_at_padding(b, neuron, mask, heard)


def _is_mask(b: Building, s: Synapse) -> bool:
    source, target = b.network.grids(s)
    if not isinstance(s.wiring, Join):
        return False
    (rule,) = s.wiring.read.values() if len(s.wiring.read) == 1 else (None,)
    sides = {b.along, *(name for axis in target if isinstance(axis, Pairs) for name in axis.names)}
    here = isinstance(rule, Follow) and (rule.stride, rule.offset) == (1, 0) and rule.target in sides
    return here and [axis.names for axis in source] == [(b.along,)]


def _fires_at_padding(b: Building, neuron: Neuron, mask: list[Synapse], heard: list[Synapse]) -> str | None:
    """At a padded row only bias, mask and matrices from real rows before it act: run one there, for every channel, at the worst."""
    if b.along is None:
        return None
    bias = np.zeros(1, np.int64) if neuron.bias is None else numbers(neuron.bias.mantissa).reshape(-1) << neuron.bias.exponent
    drive = sum(facts.weight(s) for s in mask) >> arith.INPUT_SHIFT
    drive += sum(_spill(b, s) for s in heard)
    keep, vth = facts.shared(neuron) or (0, 0)
    fires = arith.lif_scan(np.full((b.program.timing.steps, len(bias)), drive, np.int64), bias, keep, vth).any()
    return "it may fire at padded rows" if fires else None


def _spill(b: Building, s: Synapse) -> int:
    """The most that real rows can add, in synaptic units, to a neuron at a padded one: padding follows a text, so they lie before it."""
    rule = s.wiring.read.get(b.along or "") if isinstance(s.wiring, Dense) else None
    earlier = isinstance(rule, Follow) and rule.offset < 0
    return s.wiring.bounds(*b.network.grids(s))[0] << s.exponent if earlier else 0
