"""The shipped encoder as a network: every executor gives the same spikes and answers of it, whatever its readout."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
from agreement import executors_agree
from shipped import WINDOWED

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping.fit import map_network
from tritspike.hw_profiles.profile import load
from tritspike.runtime.executors import partitioned as board
from tritspike.runtime.executors.fast.memory import batch_rows, bytes_per_row
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.rates import uniform_rates

KINDS = [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")]


@pytest.mark.parametrize("readout, head", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_random_checkpoints_give_the_same_spikes(seed, readout, head, tmp_path):
    folder = random_checkpoint.write(tmp_path / "c", seed, readout=readout, window=1 + seed % 3)
    program = lower(folder, "loihi2", head=head)
    assert plan(program.scheduled)[0] is not None
    encoder = Encoder(program)
    rows = encoder.rows(encoder.tokens(random_checkpoint.texts(seed, 5, 12)))
    expected = executors_agree(program, rows)
    mapping = map_network(program.scheduled, load("loihi2"), uniform_rates(program.scheduled)).mapping()
    on_cores = program.result(rows, board.run(mapping, rows, record=True))
    require_equal(program, expected, on_cores, ("reference", "partitioned"))
    assert all(0 < spikes.mean() < 1 for name, spikes in expected.spikes.items() if name.endswith(("hidden", "query")))


@pytest.mark.parametrize("readout, head", KINDS)
@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_texts(length, readout, head, tmp_path):
    """A program of one position is what it is of many: an answer a position, or one of all."""
    program = lower(random_checkpoint.write(tmp_path / "c", 1, readout=readout, max_length=length), "loihi2", head=head)
    classes = len(random_checkpoint.WORDS) if readout == "each" else 2
    assert (program.each, program.positions, program.classes, program.hidden) == (readout == "each", length, classes, 16)
    rows = Encoder(program).rows(random_checkpoint.tokens(0, 3, length))
    read = rows.lengths.sum() if program.each else len(rows)
    assert executors_agree(program, rows).logits.shape == (read, classes)


@pytest.mark.parametrize("folder", WINDOWED, ids=lambda path: path.name)
def test_the_memory_that_shipped_programs_are_given_is_what_they_hold(folder):
    """Rows of a batch share the budget, and one text at least is in it."""
    program = lower(folder, "hala-point", length=16).scheduled
    row = bytes_per_row(program, 16)
    assert row > 0 and batch_rows(program, 2, row * 16 * 2) == 16
    assert np.all([bytes_per_row(program, n) <= row for n in (1, 8)])
