"""`fast`: the plan's stages on packed rows; where there is no plan, the generic engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.fast.plan import Plan, plan
from tritspike.runtime.fast.recorded import windows
from tritspike.runtime.fast.rows import Buffers
from tritspike.runtime.network import generic
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.simulator import chosen


def run(program: Scheduled, inputs: Inputs, record: bool = False, plainly: bool | None = None) -> Outcome:
    """What `literal.run` gives. plainly: in numpy instead of compiled kernels, or not; by default for a little work (`simulator/chosen.py`).

    Raises `RangeError` where some input could leave a register, whether this one does or not.
    """
    found, _ = plan(program)
    if isinstance(inputs, Rows):
        inputs.require(program)
    if found is None or not isinstance(inputs, Rows):
        return generic.run(program, inputs, record)
    buffers = _run(program, found, inputs, record, plainly)
    using = chosen.module(0, plainly)
    read = {name: reader.read(inputs, buffers, using) for name, reader in found.readers.items()}
    return Outcome(read, windows(program, found, inputs, buffers) if record else None)


def _run(program: Scheduled, found: Plan, rows: Rows, record: bool, plainly: bool | None) -> Buffers:
    steps, count = program.timing.steps, len(rows.window)
    using = chosen.module(found.weights() * count * steps, plainly)
    ports = {port.population: rows.words[port.plays] for port in program.network.ports if port.population in found.places}
    buffers, used, longest = dict(ports), found.last_use(), int(rows.lengths.max(initial=0))
    for n, stage in enumerate(found.stages):
        for name, words in stage.writes(longest).items():
            buffers[name] = np.zeros((count, steps, words), np.uint64)
        stage.run(rows, buffers, using)
        if not record:
            buffers = {name: words for name, words in buffers.items() if used.get(name, -1) > n}
    return buffers


def packed(spikes: Mapping[str, np.ndarray]) -> Rows:
    """Rows of a network that knows no texts: spikes by what a port plays, (windows, steps, neurons)."""
    words = {name: bits.pack(np.asarray(some, np.bool_)) for name, some in spikes.items()}
    windows = len(next(iter(words.values())))
    widths = {name: np.shape(some)[-1] for name, some in spikes.items()}
    return Rows(words, np.ones(windows, np.int64), 1, widths)
