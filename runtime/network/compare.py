"""Two runs, every population, every step of every window: the first difference, by `==`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tritspike.runtime.errors import MismatchError
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.outcome import Bools, Outcome

Names = tuple[str, str]
Spikes = Mapping[str, Bools]


def require_equal(program: Scheduled, expected: Outcome, got: Outcome, names: Names) -> int:
    """Raises `MismatchError` at the first spike in time order, or else the first reading, that differs; returns the (neuron, step) cells compared."""
    cells = require_equal_spikes(program, expected.spikes or {}, got.spikes or {}, names)
    for probe, read in expected.read.items():
        for window, n in np.argwhere(read != got.read[probe])[:1]:
            raise MismatchError(f"{probe}[{n}], window {window}: {names[0]} {read[window, n]} != {names[1]} {got.read[probe][window, n]}")
    return cells


def require_equal_spikes(program: Scheduled, expected: Spikes, got: Spikes, names: Names) -> int:
    """The same of spikes alone."""
    found = list(_differences(program, expected, got, names))
    if found:
        (sample, _, step), text = min(found, key=lambda item: item[0])
        raise MismatchError(f"sample {sample}, step {step}, {text}")
    return sum(spikes.size for spikes in expected.values())


def _differences(program: Scheduled, expected: Spikes, got: Spikes, names: Names) -> Iterator[tuple[tuple[int, int, int], str]]:
    """The first difference of each population, with (window, latency, step) to order them by."""
    for name, a in expected.items():
        b = got[name]
        if np.array_equal(a, b):
            continue
        window, step = (int(i) for i in np.argwhere((a != b).any(-1))[0])
        neuron = int(np.argmax(a[window, step] != b[window, step]))
        said = f"{name}[{neuron}]: {names[0]} {int(a[window, step, neuron])} != {names[1]} {int(b[window, step, neuron])}"
        yield (window, program.latency[name], step), said


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
