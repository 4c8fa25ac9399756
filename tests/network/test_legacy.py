"""Version 2's programs as networks: the same synapses, bounds and counts, and the same spikes."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import generic, literal
from tritspike.runtime.network.legacy import converted, stage
from tritspike.runtime.simulator import reference
from tritspike.runtime.wiring import Shift

KINDS = [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")]


class Texts:
    """A text host's samples as a network's inputs."""

    def __init__(self, samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def played(self, plays: str, grid) -> np.ndarray:
        return self.samples.source(plays)


@pytest.fixture(params=[(seed, *kind) for seed in range(3) for kind in KINDS], ids=str)
def program(request, tmp_path):
    seed, readout, head = request.param
    return lower(random_checkpoint.write(tmp_path / "c", seed, readout=readout), "loihi2", head=head)


def test_synapses_counts_and_bounds(program):
    network = converted(program).network
    assert network.neurons() == program.neurons()
    ours = {s.name: s for s in network.synapses}
    for old in (s for s in program.synapses if not isinstance(s.wiring, Shift)):
        new, axes = ours[old.name], (program.by_name[old.source].axes, program.by_name[old.target].axes)
        source, target = network.grids(new)
        expected = old.wiring.csr(*axes, program.dims)
        assert (expected != new.wiring.csr(source, target)).nnz == 0
        assert new.wiring.count(source, target) == expected.count_nonzero()
        assert new.wiring.bounds(source, target) == old.wiring.bounds(*axes, program.dims)
    assert all(network.input_bounds(stage(p, 0)) == program.input_bounds(p.name) for p in program.populations if p.stages == 1)


def test_every_spike(program):
    encoder = Encoder(program)
    samples = encoder.samples(encoder.tokens(random_checkpoint.texts(5, 4, 12)))
    expected, network = reference.run(program, samples, record=True), converted(program)
    for run in (literal.run, generic.run):
        found = run(network, Texts(samples), record=True)
        read = samples.real_rows(found.read["answer"]) if program.each else found.read["answer"]
        assert (read == expected.read).all()
        for p in program.populations:
            bits = np.concatenate([found.spikes[stage(p, k)] for k in range(p.stages)], -1)
            assert (np.packbits(bits, axis=-1) == expected.spikes[p.name]).all(), p.name


@pytest.mark.parametrize("length", [1, 3, 7])
def test_cut_to_a_length_as_the_program_is(program, length):
    cut, expected = converted(program).network.at_length(length), converted(program.at_length(length)).network
    assert [p.grid for p in cut.populations] == [p.grid for p in expected.populations]
    for a, b in zip(cut.synapses, expected.synapses):
        assert (a.wiring.csr(*cut.grids(a)) != b.wiring.csr(*expected.grids(b))).nnz == 0
