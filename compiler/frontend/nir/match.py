"""How many of the spikes of a lowered network are those of the float network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.frontend.nir.floats import FloatNetwork, run

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Match:
    """Of one layer: spikes that both have, and that either has."""

    layer: str
    both: int
    either: int

    @property
    def share(self) -> float:
        """|A and B| / |A or B|; 1 of none."""
        return self.both / self.either if self.either else 1.0

    def __str__(self) -> str:
        return f"{self.layer}: {self.share:.2%} of {self.either:,} spikes that it or the float64 run fires are in both"


def random_input(floats: FloatNetwork, samples: int = 16, steps: int = 256, rate: float = 0.1, seed: int = 0) -> dict[str, Bools]:
    """Spikes for each input, (samples, steps, neurons)."""
    rng = np.random.default_rng(seed)
    return {layer.name: rng.random((samples, steps, layer.size)) < rate for layer in floats.layers if layer.plays}


def matches(floats: FloatNetwork, played: dict[str, Bools], ours: dict[str, Bools]) -> tuple[Match, ...]:
    """Of every layer that fires. ours: (samples, steps, neurons) by layer."""
    theirs = run(floats, played)
    firing = [layer.name for layer in floats.layers if not layer.plays and layer.threshold is not None]
    return tuple(Match(name, int((ours[name] & theirs[name]).sum()), int((ours[name] | theirs[name]).sum())) for name in firing)
