"""Spikes and synaptic events that `fast` counts without keeping spikes are those of all spikes, each times the synapses on its neuron."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import random_network
import text_network
from text_network import literally_counted, require_literal

from tritspike.compiler.lower import lower
from tritspike.runtime import bits
from tritspike.runtime.executors.fast.counting import FanOut
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.neuron import Values
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.wiring import Dense
from tritspike.runtime.network.wiring.maps import At, Follow

KINDS = [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")]


def checkpoint(tmp_path, seed, readout, head, **more):
    """(its program, random texts of all lengths up to the longest)."""
    folder = random_checkpoint.write(tmp_path / f"{seed}", seed, readout=readout, window=1 + seed % 3, steps=1 + seed % 5, **more)
    program = lower(folder, "hala-point", head=head).scheduled
    assert plan(program)[0] is not None
    rng = np.random.default_rng(seed)
    lengths = np.array([12, 1, *rng.integers(1, 13, 4)])
    return program, Rows({"x": bits.pack(rng.random((int(lengths.sum()), 1 + seed % 5, 16)) < 0.4)}, lengths, 12)


@pytest.mark.parametrize("plainly", [True, False])
@pytest.mark.parametrize("readout, head", KINDS)
def test_counts_of_texts_are_the_literal_ones(readout, head, plainly, tmp_path):
    for seed in range(6):
        require_literal(*checkpoint(tmp_path, seed, readout, head), plainly)


@pytest.mark.parametrize("causal", [True, False])
def test_no_count_is_of_nothing(causal, tmp_path):
    """Every population spikes but those whose membranes are read, every synapse carries events: nothing above is equal by being silent."""
    program, rows = checkpoint(tmp_path, 3, "mean", "host", causal=causal)
    activity = run(program, rows, count=True).activity
    assert {name for name, count in activity.spikes.items() if not count} == {"readout"}
    assert all(activity.events.values()) and activity.samples == 6


def test_only_what_is_named_is_recorded(tmp_path):
    packed, generic = checkpoint(tmp_path, 1, "mean", "host"), random_network.drawn(0)
    for program, inputs in (packed, generic):
        whole = run(program, inputs, record=True, count=True)
        names = [p.name for p in program.network.populations][::2]
        found = run(program, inputs, record=names, count=True)
        assert list(found.spikes) == names and found.activity == whole.activity == literally_counted(program, whole.spikes)
        assert all((found.spikes[name] == whole.spikes[name]).all() for name in names)
        assert run(program, inputs).spikes is None


@pytest.mark.parametrize(
    "rule, is_packed",
    [(At(0), True), (At(3), False), (Follow("position", 1, -4), False), (Follow("position", 1, 3), True), (Follow("position", 1, 9), True)],
)
def test_rows_that_a_matrix_treats_apart(rule, is_packed):
    """One row alone, or all but those whose targets would lie beyond the ends."""
    program = text_network.small()
    s = next(s for s in program.network.synapses if s.target == ("class" if isinstance(rule, At) else "hidden") and isinstance(s.wiring, Dense))
    changed = replace(s, wiring=replace(s.wiring, read={"position": rule}))
    synapses = tuple(changed if some is s else some for some in program.network.synapses)
    program = replace(program, network=replace(program.network, synapses=synapses))
    assert (plan(program)[0] is not None) == is_packed
    require_literal(program, text_network.rows(), True)


def test_synapses_on_a_neuron_are_kept_by_row_or_by_channel():
    grid = (Axis("position", 4, grows=True), Axis("hidden", 3))
    by_row = FanOut.of(Values(("position",), np.array([0, 2, 2, 5])), grid, "position")
    assert by_row.rows.tolist() == [0, 2, 2, 5] and not by_row.apart
    ends = FanOut.of(Values(("position", "hidden"), np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [0, 0, 0]])), grid, "position")
    assert ends.rows is None and ends.channels.tolist() == [1, 2, 3] and {row: more.tolist() for row, more in ends.apart.items()} == {3: [-1, -2, -3]}
    assert FanOut.of(7, (), "position").rows.tolist() == [7]
