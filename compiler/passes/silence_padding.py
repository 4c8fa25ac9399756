"""Keep padded positions silent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.passes.base import FOLDED, SILENT, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.inhibition import inhibiting
from tritspike.runtime.network.network import Network, Population, Port, Synapse
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.network.terms import Handle


@dataclass(frozen=True)
class SilencePadding(Pass):
    """Inhibit populations at padded positions from a mask that the host plays, where a bias or real positions before them could excite them.

    Padding follows a text. At a padded position every other input is silent, by induction from the host's silent tokens. What is left is bias, and
    matrices that hear earlier positions; inhibition of at least the most of both keeps v <= 0 at every step, whatever the leak.
    """

    name: ClassVar[str] = "silence-padding"
    requires: ClassVar[tuple[str, ...]] = (FOLDED,)  # biases of zero, which folding drops, need no inhibition
    ensures: ClassVar[tuple[str, ...]] = (SILENT,)

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """Add the mask and its synapses; nothing where no bias is positive or the mask is there already."""
        network, along = given.network, _along(given.network)
        if along is None or any(port.plays == PADDING for port in network.ports):
            return given
        mask = Population(name="mask", grid=(along,))
        added = [s for p in network.populations for s in _synapses(network, mask, p, along)]
        if not added:
            return given
        ports = (*network.ports, Port(name=mask.name, population=mask.name, plays=PADDING))
        return replace(given, network=replace(network, populations=(mask, *network.populations), synapses=(*network.synapses, *added), ports=ports))


def _along(network: Network) -> Axis | None:
    """The axis that texts run along: the one that the ports' populations grow along."""
    played = [network.by_name[port.population].grid for port in network.ports]
    return next((grid[0] for grid in played if grid and isinstance(grid[0], Axis) and grid[0].grows), None)


def _synapses(network: Network, mask: Population, p: Population, along: Axis) -> list[Synapse]:
    terms = inhibiting(Handle(mask.name, mask.grid), p.grid, _inhibition(network, p, along))
    return [
        Synapse(name=f"{p.name}<{mask.name}" + (f"#{n}" if n else ""), source=mask.name, target=p.name, wiring=t.wiring, exponent=t.exponent)
        for n, t in enumerate(terms)
    ]


def _inhibition(network: Network, p: Population, along: Axis) -> int:
    """Synaptic units that outweigh the largest positive bias and all that earlier positions can add; 0 if there is neither."""
    if p.neuron is None or along.name not in grids.names(p.grid):
        return 0
    bias = p.neuron.bias
    need = 0 if bias is None else -(-max(int(numbers(bias.mantissa).max()) << bias.exponent, 0) // arith.ONE)
    earlier = [s for s in network.inputs(p.name) if s.wiring.behind(along.name)]
    return need + sum(s.wiring.bounds(*network.grids(s))[0] << s.exponent for s in earlier)
