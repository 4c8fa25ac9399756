"""Where two runs differ first."""

from __future__ import annotations

import numpy as np

from tritspike.runtime.network.outcome import Outcome


def first_difference(a: Outcome, b: Outcome) -> str | None:
    """As `hidden: window 2, step 3, neuron 17`; None where every spike that both recorded, and all that was read, is the same."""
    for name, spikes in (a.spikes or {}).items():
        other = (b.spikes or {}).get(name)
        if other is not None and (where := np.argwhere(spikes != other)).size:
            window, step, neuron = where[0]
            return f"{name}: window {window}, step {step}, neuron {neuron}"
    for name, read in a.read.items():
        if (where := np.argwhere(read != b.read[name])).size:
            return f"{name}: window {where[0][0]}, {read[tuple(where[0])]} != {b.read[name][tuple(where[0])]}"
    return None
