"""Program files of version 2, as the compiler wrote them at commit 428c1cb, are the programs that it makes of the same checkpoints now."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.outcome import Ask

FOLDER = Path(__file__).resolve().parents[1] / "version2"
ANSWERS = json.loads((FOLDER / "answers.json").read_text())  # logits of `TOKENS`, by the reference of then
TOKENS = random_checkpoint.tokens(0, 5, 6)
_SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=6)
_WINDOW = dict(layers=2, heads=2, window=3, weights="binary", readout="first", causal=True, classes=3, labels=["a", "b", "c"], steps=3)
SHAPES = {  # name of the file: seed and config of `random_checkpoint`, where its head is made
    "small": (0, _SMALL, "host"),
    "window": (1, _SMALL | _WINDOW, "host"),
    "language": (2, _SMALL | dict(readout="each", window=2), "host"),
    "language-on-chip": (3, _SMALL | dict(readout="each"), "chip"),
}


@pytest.mark.parametrize("executor", ["reference", "fast"])
@pytest.mark.parametrize("name", SHAPES)
def test_it_answers_as_it_did(name, executor):
    program = program_file.load(FOLDER / f"{name}.tsp")
    found = batches.run(program, Encoder(program).rows(TOKENS), executor)
    assert found.logits.tolist() == ANSWERS[name]


def now(name: str) -> str:
    """What version 2 calls the padding, and a relay of one stage."""
    return name.replace("pad", "mask") + (".0" if name.endswith(".relay") else "")


def in_order_of(program, spikes, name, grid):
    """(samples, steps, neurons) of one population, its neurons in the order of another grid over the same axes."""
    return spikes[name][..., grids.flat(program.network.by_name[name].grid, grids.coordinates(grid))]


@pytest.mark.parametrize("name", SHAPES)
def test_every_spike_is_that_of_the_checkpoint_lowered_now(name, tmp_path):
    """Of every neuron of every population; heads and pairs lie in another order."""
    seed, config, head = SHAPES[name]
    old, new = program_file.load(FOLDER / f"{name}.tsp"), lower(random_checkpoint.write(tmp_path / "c", seed, **config), "loihi2", head=head)
    a, b = (batches.run(p, Encoder(p).rows(TOKENS), "reference", ask=Ask(record=True)) for p in (old, new))
    assert (a.logits == b.logits).all() and (a.read == b.read).all()
    assert {now(n) for n in a.spikes} == b.spikes.keys() and old.scheduled.depth == new.scheduled.depth
    for n, spikes in a.spikes.items():
        assert np.array_equal(spikes, in_order_of(new, b.spikes, now(n), old.network.by_name[n].grid)), n


@pytest.mark.parametrize("name", SHAPES)
def test_written_again_it_is_of_version_3_and_the_same(name, tmp_path):
    old = program_file.load(FOLDER / f"{name}.tsp")
    program_file.save(old, tmp_path / "p.tsp")
    new = program_file.load(tmp_path / "p.tsp")
    assert (tmp_path / "p.tsp").read_bytes() == program_file.to_bytes(new) != (FOLDER / f"{name}.tsp").read_bytes()
    a, b = (batches.run(p, Encoder(p).rows(TOKENS), "fast", ask=Ask(record=True, count=True)) for p in (old, new))
    assert all(np.array_equal(a.spikes[n], b.spikes[n]) for n in a.spikes) and a.activity == b.activity
