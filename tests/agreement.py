"""torch integer mode == reference == fast == Lava's model classes, on every population, step and logit."""

from __future__ import annotations

from functools import partial

import lava_inline
import numpy as np
import torch

from tritspike.models.data import Corpus, pack
from tritspike.models.load import load_language_model, load_student
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import fast, reference


def all_agree(path, program, tokens):
    """What the reference found, after every other executor has found the same."""
    samples = Encoder(program).samples(tokens)
    expected = reference.run(program, samples, record=True)
    for name, run in (("fast", fast.run), ("plain", partial(fast.run, plainly=True)), ("lava", lava_inline.run)):
        require_equal(program, expected, run(program, samples, record=True), ("reference", name))
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
            population = program.by_name[f"layer.{n - 1}.{name}" if n else name]
            ours = np.unpackbits(expected.spikes[population.name], axis=-1, count=program.size(population))
            ours = ours.reshape(len(tokens), program.steps, program.dims.positions, -1)
            theirs = probe[name].float().numpy()
            grid = ours[batch.sentence.numpy(), :, batch.positions.numpy()].swapaxes(0, 1)
            assert (grid == theirs).all(), (population.name, np.argwhere(grid != theirs)[0])
            assert ours.sum() == theirs.sum(), f"{population.name} fires at a padded position"
