"""The shipped encoder and language model composed of the layers of `models/nets`: the network that the compiler's own makes of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tritspike import net as tn
from tritspike.compiler import pipeline
from tritspike.compiler.frontend import encoder
from tritspike.compiler.frontend.checkpoint import read_checkpoint
from tritspike.models.load import _as_stored, _fill_synapses, _fill_weight
from tritspike.models.nets import Context, Count, Input, Neurons, Readout, Score, Texts, first_difference, outcome, trace
from tritspike.models.nets.trace import layers
from tritspike.runtime.checkpoint import EACH

ZOO = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "models" / "zoo").glob("*/config.json"))
LENGTH = 5


class Block(nn.Module):
    def __init__(self, c, hidden, heads, ffn):
        super().__init__()
        own = {"weights": c.weights}
        self.query, self.key, self.value = (Neurons(hidden, heads, keep=c.keep["query_key_value"], **own) for _ in range(3))
        self.score, self.context = Score("channel", causal=c.causal, keep=c.keep["score"]), Context(keep=c.keep["context"])
        self.attended = Neurons(heads, hidden, skip=0.8, keep=c.keep["residual"], **own)
        self.hidden = Neurons(hidden, ffn, taps=c.window, causal=c.causal, keep=c.keep["hidden"], **own)
        self.output = Neurons(ffn, hidden, skip=0.8, keep=c.keep["residual"], **own)

    def forward(self, x):
        context = self.context(self.score(self.query(x), self.key(x)), self.value(x))
        attended = self.attended(context, past=x)
        return self.output(self.hidden(attended), past=attended)


class Shipped(nn.Module):
    def __init__(self, c):
        super().__init__()
        position, hidden, ffn = tn.Axis("position", LENGTH, grows=True), tn.Axis("hidden", c.hidden), tn.Axis("ffn", c.ffn)
        heads = (tn.Axis("head", c.heads), tn.Axis("channel", c.head_dim))
        self.x, self.layer = Input(position, hidden), nn.ModuleList(Block(c, hidden, heads, ffn) for _ in range(c.layers))
        where = {"at": {"position": 0}} if c.readout == "first" else {"pool": ["position"]}
        self.answer = Count() if c.readout == EACH else None
        self.readout = None if c.readout == EACH else Readout(hidden, c.classes, c.weights, **where)

    def forward(self, x):
        x = self.x(x)
        for block in self.layer:
            x = block(x)
        return (self.answer or self.readout)(x)


@torch.no_grad()
def filled(ck) -> Shipped:
    """With a checkpoint's registers, in integers."""
    c, model = ck.config, Shipped(ck.config)
    scale = ck.scalar("layer.0.query.vth")
    for layer in layers(model).values():
        layer.scale = scale
    for n, block in enumerate(model.layer):
        for name, one in block.named_children():
            at = f"layer.{n}.{name}"
            if isinstance(one, Neurons):
                _fill_synapses(one.hears.synapses, ck.tensors, (at,), one.hears.synapses.weight.shape[1], c.weights, scale)
                if one.skip is not None:
                    _fill_weight(one.skip.weight, ck.scalar(f"{at}.skip"), scale)
            else:
                _fill_weight(one.hears.weight, ck.scalar(f"{at}.gain"), scale)
    if model.readout is not None:
        model.readout.quantise = _as_stored
        model.readout.weight.copy_(torch.from_numpy(ck.codes("readout", c.hidden)).float())
    return model.eval()


def network(ck, length):
    """The compiler's, its registers folded and its padding silenced, as the traced one comes."""
    return pipeline.run(encoder.network(ck, length), encoder.timing(ck), passes=pipeline.DEFAULT[:2]).network


def weights(net, name) -> dict:
    """Of everything that a population hears, by source."""
    found: dict = {}
    for s in net.inputs(name):
        found[s.source] = found.get(s.source, 0) + s.wiring.csr(*net.grids(s)) * (1 << s.exponent)
    return found


@pytest.mark.parametrize("folder", ZOO, ids=lambda path: path.name)
def test_what_is_traced_is_the_compiler_s_network_of_the_checkpoint(folder):
    ck = read_checkpoint(folder)
    model, expected = filled(ck), network(ck, LENGTH)
    found = trace(model)
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


@pytest.mark.parametrize("folder", [path for path in ZOO if path.name in ("sst2-one-chip", "lm-ternary", "rte-binary")], ids=lambda path: path.name)
def test_its_integers_are_those_of_the_compiler_s_network(folder):
    ck, rng = read_checkpoint(folder), np.random.default_rng(0)
    lengths = torch.from_numpy(rng.integers(1, LENGTH + 1, 6))
    spikes = torch.from_numpy(rng.random((ck.config.steps, 6, LENGTH, ck.config.hidden)) < 0.3)
    played, ours = outcome(filled(ck), Texts(spikes, lengths))
    program = tn.lower(network(ck, LENGTH), tn.Windows(ck.config.steps))
    theirs = tn.run(program, played, record=True)
    assert first_difference(ours, theirs) is None and any(some.any() for some in ours.read.values())
