"""What a core has, by name: how much is used, and the limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index

NEURONS, MEMORY, SYNAPSES = "neurons", "bytes of memory", "bytes of synapses"
INPUT_AXONS, OUTPUT_AXONS, CONFIGURATIONS = "input axons", "output axons", "neuron configurations"
WAY_OUT = {
    NEURONS: "a profile with larger cores",
    MEMORY: "a narrower layer, or a profile with larger cores",
    SYNAPSES: "a narrower layer, or a profile with larger cores",
    INPUT_AXONS: "shorter texts or a smaller picture, or a profile with more axons",
    OUTPUT_AXONS: "shorter texts or a smaller picture, or a profile with more axons",
    CONFIGURATIONS: "fewer different registers side by side, or a profile with more configurations",
}
ADDED = tuple(name for name in WAY_OUT if name != CONFIGURATIONS)  # slices of one core may share those
Uses = Mapping[str, Index]  # by resource: (slices,) or (cores,) of each


@dataclass(frozen=True)
class Used:
    """Of one resource of one core."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """Above 1 it does not fit."""
        return self.used / self.limit


def limits(profile: HardwareProfile) -> dict[str, int]:
    """What a core has of each."""
    return {
        NEURONS: profile.neurons_per_core,
        MEMORY: profile.core_memory_bytes,
        SYNAPSES: profile.synapse_memory_bytes,
        INPUT_AXONS: profile.input_axons_per_core,
        OUTPUT_AXONS: profile.output_axons_per_core,
        CONFIGURATIONS: profile.configurations_per_core,
    }


def used(uses: Uses, number: int, profile: HardwareProfile) -> dict[str, Used]:
    """Of one slice or core."""
    return {name: Used(int(uses[name][number]), limit) for name, limit in limits(profile).items()}


def scarcest(of: Mapping[str, Used]) -> str:
    """The resource that is fullest."""
    return max(of, key=lambda name: of[name].share)


def shares(uses: Uses, profile: HardwareProfile, names: tuple[str, ...] = tuple(WAY_OUT)) -> NDArray[np.float64]:
    """(slices, resources) of the limits."""
    most = limits(profile)
    return np.stack([uses[name] / most[name] for name in names], 1)
