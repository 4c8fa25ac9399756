"""Programs that are given arrays, on random spikes: executors against each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor as executor_named
from tritspike.runtime.executors.table import require_different
from tritspike.runtime.host.arrays import Arrays, inputs, played, sample_steps
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.compare import require_equal
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks.evaluation import Verified


def random(program: Scheduled, samples: int, seed: int, steps: int = 32, rate: float = 0.2) -> dict[str, NDArray[np.bool_]]:
    """Spikes for each port. steps: of samples that may have any number."""
    rng, length = np.random.default_rng(seed), sample_steps(program) or steps
    sizes = {port.plays: grids.size(program.network.by_name[port.population].grid) for port in program.network.ports}
    return {name: rng.random((samples, length, sizes[name])) < rate for name in played(program)}


def verify(program: Scheduled, given: Arrays, names: Sequence[str], against: str, how: How) -> Verified:
    """Every spike of every population, of two or more executors. Raises `MismatchError` at the first difference."""
    return compared(program, inputs(program, given), len(next(iter(given.values()))), names, against, how)


def compared(program: Scheduled, found: Inputs, samples: int, names: Sequence[str], against: str, how: How) -> Verified:
    """The same of what an executor takes. samples: how many it is."""
    names = require_different(names, against)
    engines = {name: executor_named(name).prepare(program, how) for name in (against, *names)}
    expected = engines[against].run(found, Ask(record=True))
    cells = max(require_equal(program, expected, engines[name].run(found, Ask(record=True)), (against, name)) for name in names)
    return Verified((against, *names), samples, len(program.network.populations), cells)
