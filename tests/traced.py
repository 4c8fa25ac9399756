"""Whether a student in torch is a version 2 checkpoint: the network that it is traced to, and what its host would do."""

from __future__ import annotations

import numpy as np

from tritspike.compiler import pipeline
from tritspike.models.export import trained
from tritspike.runtime.host import encoder
from tritspike.runtime.host.checkpoint import read_checkpoint


def require_checkpoint(student, folder, length=None) -> None:
    """Every register and weight of every population by ==, and all that stays off the chip."""
    ck = read_checkpoint(folder)
    found = trained(student, ck.tokenizer, ck.config.task, ck.config.labels)
    require_network(found.network if length is None else found.network.at_length(length), network(ck, length))
    ours, theirs = found.host, encoder.host(ck)
    for name, value in vars(theirs).items():
        if name == "logit_scale" and theirs.head is not None:  # which a head keeps as its inverse
            assert np.isclose(ours.logit_scale, value, rtol=1e-15)
        elif name != "front":
            assert np.array_equal(getattr(ours, name), value), name
    for name, value in vars(theirs.front).items():
        assert np.array_equal(getattr(ours.front, name), value), name


def network(ck, length=None):
    """The compiler's, its registers folded and its padding silenced, as the traced one comes."""
    read = encoder.trained(ck, length)
    return pipeline.run(read.network, read.timing, passes=pipeline.DEFAULT[:2]).network


def require_network(found, expected) -> None:
    """The same populations, ports and probes, and what each neuron hears and is."""
    assert found.by_name.keys() == expected.by_name.keys()
    assert {(p.name, p.plays) for p in found.ports} == {(p.name, p.plays) for p in expected.ports}
    assert [(p.name, p.population, p.reads) for p in found.probes] == [(p.name, p.population, p.reads) for p in expected.probes]
    for name, p in expected.by_name.items():
        ours = found.by_name[name]
        assert ours.grid == p.grid and (ours.neuron is None) == (p.neuron is None), name
        if p.neuron is not None:
            a, b = ours.neuron, p.neuron
            assert (a.keep, a.vth, a.keep_u, a.resets) == (b.keep, b.vth, b.keep_u, b.resets), name
            assert (a.bias is None) == (b.bias is None) and (a.bias is None or (a.bias.each(p.grid) == b.bias.each(p.grid)).all()), name
        mine, theirs = weights(found, name), weights(expected, name)
        assert mine.keys() == theirs.keys() and all((mine[s] != theirs[s]).nnz == 0 for s in mine), name


def weights(net, name) -> dict:
    """Of everything that a population hears, by source."""
    found: dict = {}
    for s in net.inputs(name):
        found[s.source] = found.get(s.source, 0) + s.wiring.csr(*net.grids(s)) * (1 << s.exponent)
    return found
