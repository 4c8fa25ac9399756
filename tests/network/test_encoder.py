"""The shipped encoder written with the builder: the same spikes and answers as the program that the passes make of the checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.frontend.checkpoint import read_checkpoint
from tritspike.compiler.frontend.encoder import network
from tritspike.compiler.lower import lower as lowered
from tritspike.compiler.lower import lower_network as lower
from tritspike.runtime.fast import run as fast
from tritspike.runtime.fast.plan import plan
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import literal
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.simulator import reference

ZOO = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "models" / "zoo").glob("*/config.json"))
KINDS = [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")]


def of_texts(samples) -> Rows:
    return Rows({"x": samples.words}, samples.lengths, samples.positions)


@pytest.mark.parametrize("readout, head", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_random_checkpoints_give_the_same_spikes(seed, readout, head, tmp_path):
    folder = random_checkpoint.write(tmp_path / "c", seed, readout=readout, window=1 + seed % 3)
    old = lowered(folder, "loihi2", head=head)
    program = lower(network(read_checkpoint(folder), head=head), Windows(old.steps))
    assert plan(program)[0] is not None and program.network.neurons() == old.neurons()
    encoder = Encoder(old)
    samples = encoder.samples(encoder.tokens(random_checkpoint.texts(seed, 5, 12)))
    expected = reference.run(old, samples, record=True)
    for run in (literal.run, fast.run):
        found = run(program, of_texts(samples), record=True)
        (read,) = found.read.values()
        whole = samples.real_rows(read) if run is literal.run and old.each else read
        assert (whole == expected.read).all()
        for p in old.populations:
            if p.name in found.spikes and "p" not in p.axes:
                assert (np.packbits(found.spikes[p.name], axis=-1) == expected.spikes[p.name]).all(), p.name


@pytest.mark.parametrize("folder", ZOO, ids=lambda path: path.name)
def test_shipped_checkpoints_are_packed_and_answer_as_before(folder):
    old = lowered(folder, "hala-point", length=16)
    program = lower(network(read_checkpoint(folder), 16), Windows(old.steps))
    assert plan(program)[0] is not None and program.network.neurons() == old.neurons()
    rng, encoder = np.random.default_rng(0), Encoder(old)
    lengths = rng.integers(1, 17, 40).tolist()
    samples = encoder.samples([(rng.integers(0, len(old.host.front.token), n).tolist(), [0] * n) for n in lengths])
    from tritspike.runtime.simulator import fast as before

    (read,) = fast.run(program, of_texts(samples)).read.values()
    assert (read == before.run(old, samples).read).all()
