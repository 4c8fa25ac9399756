"""The shipped students, composed of the layers of `models/nets`: the network that a version 2 checkpoint is, and what it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from shipped import WINDOWED
from traced import network, require_checkpoint

from tritspike import net as tn
from tritspike.models.data import Corpus, pack
from tritspike.models.load import load
from tritspike.models.nets import first_difference, outcome
from tritspike.runtime.host.checkpoint import read_checkpoint

LENGTH = 5


@pytest.mark.parametrize("folder", WINDOWED, ids=lambda path: path.name)
def test_what_is_traced_is_the_compiler_s_network_of_the_checkpoint(folder):
    require_checkpoint(load(folder), folder, LENGTH)


@pytest.mark.parametrize(
    "folder", [path for path in WINDOWED if path.name in ("sst2-one-chip", "lm-ternary", "rte-binary")], ids=lambda path: path.name
)
def test_its_integers_are_those_of_the_compiler_s_network(folder):
    ck, model, rng = read_checkpoint(folder), load(folder), np.random.default_rng(0)
    model.x.axes = (replace(model.x.axes[0], size=LENGTH), model.x.axes[1])
    starts = np.cumsum([0, *rng.integers(1, LENGTH + 1, 6)])
    corpus = Corpus(rng.integers(0, ck.config.vocabulary, starts[-1]), rng.integers(0, 2, starts[-1]), starts)
    with torch.no_grad():
        played, ours = outcome(model, pack(corpus, range(6)))
    program = tn.lower(network(ck, LENGTH), tn.Windows(ck.config.steps))
    theirs = tn.run(program, played, record=True)
    assert first_difference(ours, theirs) is None and any(some.any() for some in ours.read.values())
