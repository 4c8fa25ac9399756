"""What two executors found of texts: the first difference, by `==`."""

from __future__ import annotations

import numpy as np

from tritspike.runtime.errors import MismatchError
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.network.compare import Names, require_equal_spikes


def require_equal(program: Program, expected: Result, got: Result, names: Names) -> int:
    """Raises `MismatchError` at the first spike in time order, or number of an answer, that differs; returns the (neuron, step) cells compared."""
    cells = require_equal_spikes(program.scheduled, expected.spikes or {}, got.spikes or {}, names)
    require_equal_answers(expected, got, names)
    return cells


def require_equal_answers(expected: Result, got: Result, names: Names) -> None:
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
