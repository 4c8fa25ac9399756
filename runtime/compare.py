"""Two executors, every population, every step of every window: the first difference, by `==`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from runtime.errors import MismatchError
from runtime.program import Program, Result


def require_equal(program: Program, expected: Result, got: Result, names: tuple[str, str]) -> int:
    """Raise `MismatchError` at the first difference in time order; return the number of (neuron, step) cells compared."""
    assert expected.spikes is not None and got.spikes is not None
    found = list(_differences(program, expected, got, names))
    if found:
        (sample, _, step), text = min(found, key=lambda item: item[0])
        raise MismatchError(f"sample {sample}, step {step}, {text}")
    wrong = np.argwhere(expected.logits != got.logits)
    if len(wrong):
        n, c = (int(i) for i in wrong[0])
        raise MismatchError(f"sample {n}, logit {c}: {names[0]} {expected.logits[n, c]} != {names[1]} {got.logits[n, c]}")
    return sum(program.size(p) for p in program.populations) * program.steps * len(expected.logits)


def _differences(program: Program, expected: Result, got: Result, names: tuple[str, str]) -> Iterator[tuple[tuple[int, int, int], str]]:
    """The first difference of each population, with (sample, latency, step) to order them by."""
    assert expected.spikes is not None and got.spikes is not None
    for p in program.populations:
        a, b = expected.spikes[p.name], got.spikes[p.name]
        if np.array_equal(a, b):
            continue
        sample, step = (int(i) for i in np.argwhere((a != b).any(-1))[0])
        left, right = (np.unpackbits(s[sample, step], count=program.size(p)) for s in (a, b))
        neuron = int(np.argmax(left != right))
        yield (sample, p.latency, step), f"{p.name}[{neuron}]: {names[0]} {left[neuron]} != {names[1]} {right[neuron]}"
