"""`fast`: the plan's stages on packed rows; where there is no plan, the generic engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from tritspike.runtime import bits
from tritspike.runtime.executors.fast import flow_run
from tritspike.runtime.executors.fast.counting import Counter
from tritspike.runtime.executors.fast.flow import flow
from tritspike.runtime.executors.fast.plan import Plan, plan
from tritspike.runtime.executors.fast.recorded import windows
from tritspike.runtime.executors.fast.rows import Buffers
from tritspike.runtime.executors.generic import run as generic
from tritspike.runtime.network.activity import counted
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import Ask, Outcome
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.sequences import Sequences, apart
from tritspike.runtime.simulator import chosen


def run(program: Scheduled, inputs: Inputs, record: bool | Collection[str] = False, count: bool = False, plainly: bool | None = None) -> Outcome:
    """What `literal.run` gives, in the calling thread; with `record` the spikes of all populations or of those named, with `count` how many.

    plainly: in numpy instead of compiled kernels, or not; by default for a little work (`simulator/chosen.py`).
    Raises `RangeError` where some input could leave a register, whether this one does or not.
    """
    (found, _), ask = plan(program), Ask(record, count)
    if isinstance(inputs, Rows | Sequences):
        inputs.require(program)
    if isinstance(inputs, Rows) and found is not None:
        return _packed(program, found, inputs, ask, plainly)
    if isinstance(inputs, Sequences):
        return _sequences(program, inputs, ask, plainly)
    return _generic(program, inputs, ask, plainly)


def _sequences(program: Scheduled, inputs: Sequences, ask: Ask, plainly: bool | None) -> Outcome:
    found, _ = flow(program)
    if found is not None and flow_run.can(found, inputs, ask):
        return flow_run.run(program, found, inputs, ask, plainly)
    return apart(lambda some: _generic(program, some, ask, plainly), inputs)


def _generic(program: Scheduled, inputs: Inputs, ask: Ask, plainly: bool | None) -> Outcome:
    whole = generic.run(program, inputs, bool(ask.record) or ask.count, plainly)
    spikes = whole.spikes or {}
    kept = {name: some for name, some in spikes.items() if ask.wants(name)} if ask.record else None
    return Outcome(whole.read, kept, counted(program, spikes) if ask.count else None)


def _packed(program: Scheduled, found: Plan, rows: Rows, ask: Ask, plainly: bool | None) -> Outcome:
    """Stage after stage; a buffer goes after its last use, unless spikes are recorded."""
    steps, count = program.timing.steps, len(rows.window)
    using = chosen.module(found.weights() * count * steps, plainly)
    buffers, used, longest = played(program, found, rows.words), found.last_use(), int(rows.lengths.max(initial=0))
    counter = Counter(program, found, rows, buffers, chosen.counting(using)) if ask.count else None
    for n, stage in enumerate(found.stages):
        buffers |= {name: np.zeros((count, steps, *words), np.uint64) for name, words in stage.writes(longest).items()}
        stage.run(rows, buffers, using)
        if counter:
            counter.take(stage, buffers)
        if not ask.record:
            buffers = {name: words for name, words in buffers.items() if used.get(name, -1) > n}
    read = {name: reader.read(rows, buffers, using) for name, reader in found.readers.items()}
    spikes = windows(program, found, rows, buffers, ask) if ask.record else None
    return Outcome(read, spikes, counter.activity() if counter else None)


def played(program: Scheduled, found: Plan, words: Mapping[str, bits.Words]) -> Buffers:
    """Words by what a port plays, as the buffers of populations; padding has none."""
    return {port.population: words[port.plays] for port in program.network.ports if port.population in found.places}


def packed(spikes: Mapping[str, np.ndarray]) -> Rows:
    """Rows of a network that knows no texts: spikes by what a port plays, (windows, steps, neurons)."""
    words = {name: bits.pack(np.asarray(some, np.bool_)) for name, some in spikes.items()}
    windows = len(next(iter(words.values())))
    widths = {name: np.shape(some)[-1] for name, some in spikes.items()}
    return Rows(words, np.ones(windows, np.int64), 1, widths)
