"""torch integer mode == reference == fast == Lava's model classes, on every population, step and logit."""

from __future__ import annotations

from functools import partial

import lava_network
import numpy as np
import torch

from tritspike.models.data import Corpus, pack
from tritspike.models.export import answer_of
from tritspike.models.load import load
from tritspike.models.nets.listening import firing
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast.run import run as fast
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.rows import Rows

RUNS = {
    "reference": partial(literal.run, record=True),
    "fast": partial(fast, record=True, plainly=False),
    "plain": partial(fast, record=True, plainly=True),
    "lava": lava_network.run,
}


def found(name: str, program: Program, rows: Rows) -> Result:
    """By one of `RUNS`, with every spike."""
    return program.result(rows, RUNS[name](program.scheduled, rows))


def executors_agree(program: Program, rows: Rows) -> Result:
    """What the reference found, after every other executor has found the same."""
    expected = found("reference", program, rows)
    for name in RUNS:
        if name != "reference":
            require_equal(program, expected, found(name, program, rows), ("reference", name))
    return expected


def all_agree(path, program: Program, tokens) -> Result:
    """The same, and torch of the checkpoint at `path` too."""
    expected = executors_agree(program, Encoder(program).rows(tokens))
    _torch_agrees(path, program, tokens, expected)
    return expected


def _torch_agrees(path, program, tokens, expected):
    """Logits, and every spike of every population that torch has, at every step."""
    student = load(path)
    starts = np.cumsum([0, *(len(ids) for ids, _ in tokens)])
    corpus = Corpus(*(np.concatenate([pair[side] for pair in tokens]) for side in (0, 1)), starts)
    batch = pack(corpus, range(len(tokens)))
    with torch.no_grad(), firing(student) as seen:
        total = answer_of(student).exact(student.encoded(batch))
    assert total.tolist() == expected.logits.tolist()
    assert len(seen) == 1 + 8 * student.config.layers
    for name, spikes in seen.items():
        whole = spikes.run.spread(spikes.tensor, spikes.grid).movedim(1, 0) > 0  # (texts, steps, as far as the longest of them)
        grid = tuple(grids.extents(program.network.by_name[name].grid).values())
        ours = _cells(program.network.by_name[name], expected.spikes[name], grid)
        cut = tuple(slice(0, size) for size in whole.shape)
        assert (ours[cut] == whole.numpy()).all(), (name, np.argwhere(ours[cut] != whole.numpy())[0])
        assert ours.sum() == whole.sum(), f"{name} fires at a padded position"


def _cells(population, spikes, sizes):
    """(texts, steps, neurons) with a dimension for each coordinate, silent where the grid has no neuron."""
    found = np.zeros((*spikes.shape[:2], *sizes), bool)
    found[(slice(None), slice(None), *grids.coordinates(population.grid).values())] = spikes
    return found
