"""torch integer mode == reference == fast == Lava's model classes, on every population, step and logit."""

from __future__ import annotations

from functools import partial

import lava_network
import numpy as np
import torch

from tritspike.models.data import Corpus, pack
from tritspike.models.load import load_language_model, load_student
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast.run import run as fast
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.host.text import Encoder
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
    student = (load_language_model if program.each else load_student)(path)
    starts = np.cumsum([0, *(len(ids) for ids, _ in tokens)])
    corpus = Corpus(*(np.concatenate([pair[side] for pair in tokens]) for side in (0, 1)), starts)
    batch, probes = pack(corpus, range(len(tokens))), []
    with torch.no_grad():
        spikes = student.spikes(batch, probes)
        total = student.integer_logits(spikes) if program.each else student.counts(spikes, batch)[0]
    assert total.long().tolist() == expected.logits.tolist()
    for n, probe in enumerate(probes):
        for name in ("query", "key", "value", "context", "attended", "hidden", "output") if n else ("x",):
            population = f"layer.{n - 1}.{name}" if n else name
            ours = expected.spikes[population].reshape(len(tokens), program.steps, program.positions, -1)
            theirs = probe[name].float().numpy()
            grid = ours[batch.sentence.numpy(), :, batch.positions.numpy()].swapaxes(0, 1)
            assert (grid == theirs).all(), (population, np.argwhere(grid != theirs)[0])
            assert ours.sum() == theirs.sum(), f"{population} fires at a padded position"
