"""What is promised a row is what is held a row, and a budget is shared among threads."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import random_checkpoint
import random_network

from tritspike.compiler.lower import lower
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.fast.memory import batch_rows, bytes_per_row
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.network.rows import Rows


@pytest.fixture()
def program(tmp_path):
    return program_of(tmp_path)


def program_of(tmp_path, **config):
    return lower(random_checkpoint.write(tmp_path / "c", 0, **config), "hala-point").scheduled


def held(program, rows: Rows, count: bool) -> int:
    """Bytes at the most, without what is read; a first run has made what is made once."""
    run(program, rows, count=count, plainly=False)
    tracemalloc.start()
    try:
        outcome = run(program, rows, count=count, plainly=False)
        return tracemalloc.get_traced_memory()[1] - sum(read.nbytes for read in outcome.read.values())
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [False, True])
@pytest.mark.parametrize(
    "config",
    [dict(layers=6, hidden=128), dict(layers=1, window=8, hidden=256, ffn=8), dict(readout="each", hidden=128)],
    ids=["deep", "window", "each"],
)
def test_the_promise_is_kept(config, count, tmp_path):
    """Buffers go after their last use, counting or not; a window's copy is among them. Where every position is read, the most is held as the last
    ones are, beside a third of it."""
    program, lengths = program_of(tmp_path, **config), np.random.default_rng(0).integers(1, 13, 400)
    words = bits.pack(np.random.default_rng(1).random((int(lengths.sum()), 4, config["hidden"])) < 0.3)
    promised = bytes_per_row(program, 12) * len(words)
    assert promised / 3 < held(program, Rows({"x": words}, lengths, 12), count) + words.nbytes <= promised * 1.05 + (200 << 10)


def test_the_budget_shares_memory_among_threads(program):
    row = bytes_per_row(program, 12)
    assert batch_rows(program, 1, row * 100) == 100 and batch_rows(program, 4, row * 100) == 25
    assert batch_rows(program, 1, 1 << 40) == 1024 and batch_rows(program, 4, row * 12 * 4) == 12
    with pytest.raises(InputError):
        batch_rows(program, 4, row * 12 * 4 - 1)


def test_what_is_too_little_is_said(program):
    too_small = "a memory budget of 0 MiB is too small"
    with pytest.raises(InputError, match=rf"^{too_small}: 2 texts of 12 tokens at once need 1 MiB \(hint: --memory 1, or --threads 1\)$"):
        batch_rows(program, 2, 0)
    with pytest.raises(InputError, match=rf"^{too_small}: 1 texts of 12 tokens at once need 1 MiB \(hint: --memory 1\)$"):
        batch_rows(program, 1, 0)
    for threads in (0, -3, 257):
        with pytest.raises(InputError, match=rf"^{threads} threads, allowed 1\.\.256 \(hint: this machine has \d+ cores\)$"):
            batch_rows(program, threads, 1 << 30)


def test_a_network_without_a_plan_is_promised_what_generic_holds():
    program = next(p for p, _ in map(random_network.drawn, range(400)) if plan(p)[0] is None)
    assert 1 <= batch_rows(program, 1, 1 << 30) <= 1024 and bytes_per_row(program, 1) > 0
