"""Two executors, every population, every step of every window: the first difference, by `==`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tritspike.runtime.errors import MismatchError
from tritspike.runtime.program import Program, Result


def require_equal(program: Program, expected: Result, got: Result, names: tuple[str, str]) -> int:
    """Raise `MismatchError` at the first difference in time order; return the number of (neuron, step) cells compared."""
    assert expected.spikes is not None and got.spikes is not None
    found = list(_differences(program, expected, got, names))
    if found:
        (sample, _, step), text = min(found, key=lambda item: item[0])
        raise MismatchError(f"sample {sample}, step {step}, {text}")
    require_equal_answers(expected, got, names)
    return sum(program.size(p) for p in program.populations) * program.steps * len(expected.lengths)


def require_equal_answers(expected: Result, got: Result, names: tuple[str, str]) -> None:
    """Raise `MismatchError` at the first number of the answers that differs. Logits are one function of what was read."""
    wrong = np.argwhere(expected.read != got.read)
    if not len(wrong):
        return
    row, c = (int(i) for i in wrong[0])
    if not expected.program.each:
        raise MismatchError(f"sample {row}, logit {c}: {names[0]} {expected.logits[row, c]} != {names[1]} {got.logits[row, c]}")
    sample = int(np.searchsorted(np.cumsum(expected.lengths), row, "right"))
    at = f"sample {sample}, position {row - int(expected.lengths[:sample].sum())}, {expected.program.answering.name}[{c}]"
    raise MismatchError(f"{at}: {names[0]} {expected.read[row, c]} != {names[1]} {got.read[row, c]}")


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
