"""Each register of each population and synapse changed by one: every executor equals the reference, or refuses. None trusts a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import RUNS, found
from shipped import ZOO
from tampering import tampered

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping.fit import map_network
from tritspike.hw_profiles.errors import TritspikeError, listed
from tritspike.hw_profiles.profile import load
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.executors import partitioned as board
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.lava.plan import plan
from tritspike.runtime.executors.table import EXECUTORS
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.rates import uniform_rates

SMALL = {
    "single": dict(layers=1, window=2, hidden=10, heads=2, head_dim=3, ffn=7, steps=3, max_length=4),
    "pair": dict(layers=1, readout="first", hidden=9, heads=1, head_dim=9, ffn=6, steps=4, max_length=5, weights="binary"),
    "language": dict(layers=1, readout="each", hidden=8, heads=2, head_dim=3, ffn=7, steps=2, max_length=4, window=2),
}
SHIPPED = {"single": "sst2-ternary", "pair": "rte-binary", "language": "lm-ternary-2"}
COMPUTED = {"vth", "keep", "bias mantissa", "code"}  # what the tampered network merely computes with, fast must compute with, not refuse


def executors(program: Program):
    """By name, (changed network, rows) -> outcome; the partitioned one on the unchanged program's slices."""
    mapping = map_network(program.scheduled, load(program.profile), uniform_rates(program.scheduled)).mapping()

    def by_core(changed, rows):
        return board.run(replace(mapping, program=changed), rows, record=True)

    return {"fast": RUNS["fast"], "lava": on_lava, "partitioned": by_core}


def on_lava(changed, rows):
    """Its model classes, of what the executor would let pass."""
    if refused := tuple(EXECUTORS["lava"].refuses(changed, How())):
        raise ExecutorError(listed(refused))
    return RUNS["lava"](changed, rows)


def attempt(run, program: Program, rows: Rows):
    """The result, or the refusal."""
    try:
        return program.result(rows, run(program.scheduled, rows))
    except TritspikeError as refusal:
        return refusal


def some(changes: Iterable[tuple[str, Program]], step: int) -> list[tuple[str, str, Program]]:
    """(what, its register, the program) of every `step`th change of each register, so that none is left out."""
    kinds: dict[str, list] = {}
    for what, changed in changes:
        register = what.rsplit(".", 1)[1]
        kinds.setdefault(register, []).append((what, register, changed))
    return [change for found in kinds.values() for change in found[::step]]


def check(program: Program, rows: Rows, step: int = 1) -> dict[str, Counter]:
    """By executor, how many changed programs it computed and refused, by what was changed."""
    runs, counts = executors(program), dict[str, Counter]()
    for what, register, changed in some(tampered(program), step):
        expected = attempt(RUNS["reference"], changed, rows)
        for name, run in runs.items():
            got = attempt(run, changed, rows)
            refused = isinstance(got, TritspikeError)
            assert refused or not isinstance(expected, TritspikeError), f"{what}: {name} computes what the reference refuses: {expected}"
            if not refused:
                require_equal(changed, expected, got, (f"{what}: reference", name))
            counts.setdefault(name, Counter())[register, "refused" if refused else "equal"] += 1
    return counts


def rows_of(program: Program, lengths: list[int], seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    return Encoder(program).rows([(rng.integers(0, len(program.host.front.token), n).tolist(), [0] * n) for n in lengths])


def small(kind: str, folder: Path, step: int) -> None:
    config = SMALL[kind]
    program = lower(random_checkpoint.write(folder / "c", 5, **config), "loihi2")
    counts = check(program, rows_of(program, [config["max_length"], 1, 3], 1), step)
    for name in ("lava", "partitioned"):
        assert sum(n for (_, how), n in counts[name].items() if how == "equal") > sum(counts[name].values()) / 3
    for register in COMPUTED:
        assert counts["fast"][register, "equal"] > 0, register
    assert counts["fast"]["resets", "equal"] and counts["fast"]["latency", "refused"]


@pytest.mark.parametrize("kind", SMALL)
def test_small_programs_here_and_there(kind, tmp_path):
    """Every 7th change of each register; `make test-all` makes all of them."""
    small(kind, tmp_path, 7)


@pytest.mark.long
@pytest.mark.parametrize("kind", SMALL)
def test_small_programs(kind, tmp_path):
    small(kind, tmp_path, 1)


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_programs_here_and_there(kind):
    """Every 41st change of each register; `make test-all` makes all of them."""
    program = lower(ZOO / SHIPPED[kind], "kapoho-point", length=3)
    check(program, rows_of(program, [3, 2], 2), step=41)


@pytest.mark.long
@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_programs(kind):
    program = lower(ZOO / SHIPPED[kind], "kapoho-point", length=3)
    counts = check(program, rows_of(program, [3, 2], 2))
    assert all(counts["fast"][register, "equal"] for register in COMPUTED)


def test_two_synapses_between_the_same_neurons_stay_two_on_lava(tmp_path):
    """A mask that outweighs what earlier positions add may take several weights; in one matrix they would be added up, and clipped."""
    gains = {f"layer.0.hidden.{name}": value for name, value in (("gain", np.full(24, 127, np.int8)), ("vth", np.array([60], np.int32)))}
    wide = dict(layers=1, hidden=440, ffn=24, window=2, weights="binary", max_length=4, causal=True, readout="first", steps=2)
    program = lower(random_checkpoint.write(tmp_path / "c", 7, gains, **wide), "kapoho-point")
    masks = [s for s in program.network.inputs("layer.0.hidden") if s.source.startswith("mask")]
    assert len(masks) > 1 and len({s.exponent for s in masks}) < len(masks)
    assert max(abs(link.weights).max() for link in plan(program.scheduled).links) == 127
    rows = rows_of(program, [2, 4, 1], 3)
    require_equal(program, found("reference", program, rows), found("lava", program, rows), ("reference", "lava"))
