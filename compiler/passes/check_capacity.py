"""Whether the board has room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.mapping.capacity import require_room
from tritspike.compiler.passes.base import FITS, PROVED, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.network import Population, Reads
from tritspike.runtime.network.neuron import numbers


@dataclass(frozen=True)
class CheckCapacity(Pass):
    """Refuse a program that needs more neurons, synapses or bits than the profile has in all."""

    name: ClassVar[str] = "check-capacity"
    requires: ClassVar[tuple[str, ...]] = (PROVED,)
    ensures: ClassVar[tuple[str, ...]] = (FITS,)
    on_profile: ClassVar[bool] = True

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """With thresholds that nothing reaches as high as the profile has them. Raises `DoesNotFit` naming resource, need and supply."""
        if profile is None:
            return given
        read = {probe.population for probe in given.network.probes if probe.reads is Reads.MEMBRANE}
        populations = tuple(_lowered(p, profile) if p.name in read else p for p in given.network.populations)
        same = populations == given.network.populations
        found = given if same else replace(given, network=replace(given.network, populations=populations))
        require_room(found.scheduled(), profile)
        return found


def _lowered(p: Population, profile: HardwareProfile) -> Population:
    """A threshold that no input reaches may be any that no input reaches."""
    assert p.neuron is not None
    most = min(int(numbers(p.neuron.vth).min()), (1 << profile.vth_bits) - 1)
    return p if p.neuron.vth == most else replace(p, neuron=replace(p.neuron, vth=most))
