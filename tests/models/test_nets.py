"""Layers composed by hand: what they compute after folding is what the network that is traced from them computes, spike by spike."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tritspike import net as tn
from tritspike.models.nets.layers import Conv, Dense, Flatten, Lif, Readout, Skip
from tritspike.models.nets.trace import fold, trace
from tritspike.runtime.errors import InputError

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


class Mlp(nn.Module):
    def __init__(self, weights="ternary"):
        super().__init__()
        self.first, self.hidden = Dense(20, 30, weights), Lif()
        self.second, self.skip, self.deeper = Dense(30, 30, weights), Skip(0.7), Lif(2000)
        self.digit = Readout(30, 4, weights)

    def forward(self, x):
        hidden = self.hidden(self.first(x))
        return self.digit(self.deeper(self.second(hidden) + self.skip(hidden)))


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.seen = Conv(2, 5, 3, stride=2, padding=1), Lif()
        self.second, self.parts = Conv(5, 6, 2, weights="binary"), Lif()
        self.flat, self.digit = Flatten(), Readout(6 * 2 * 3, 3)

    def forward(self, x):
        return self.digit(self.flat(self.parts(self.second(self.seen(self.first(x))))))


CASES = {
    "mlp": (Mlp, (tn.Axis("features", 20),)),
    "binary mlp": (lambda: Mlp("binary"), (tn.Axis("features", 20),)),
    "pictures": (Pictures, (tn.Axis("row", 5), tn.Axis("column", 7), tn.Axis("channel", 2))),
}


@pytest.fixture(params=CASES, ids=str)
def folded(request):
    """A module with statistics of its own, in integers, and what it hears."""
    make, axes = CASES[request.param]
    torch.manual_seed(0)
    model = make().train()
    spikes = torch.from_numpy(np.random.default_rng(0).random((5, 12, *(a.size for a in axes))) < 0.4).bfloat16()
    for _ in range(30):
        model(spikes)
    fold(model.eval())
    return model, axes, spikes


def test_torch_s_integers_are_the_network_s_on_every_spike(folded):
    model, axes, spikes = folded
    seen = {}
    for name, layer in model.named_modules():
        if isinstance(layer, Lif):
            layer.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out) if isinstance(out, torch.Tensor) else None)
        if isinstance(layer, Readout):
            layer.register_forward_hook(lambda m, i, _o: seen.__setitem__("totals", m.totals(i[0])) if isinstance(i[0], torch.Tensor) else None)
    with torch.no_grad():
        model(spikes)
    program = tn.lower(trace(model, *axes), tn.Windows(5))
    for executor in ("reference", "fast"):
        found = tn.run(program, {"x": spikes.bool().numpy().swapaxes(0, 1)}, executor, record=True)
        assert (found.read["digit"] == 64 * seen["totals"].numpy()).all()
        for name in (n for n in seen if n != "totals"):
            ours = seen[name].bool().numpy().swapaxes(0, 1).reshape(12, 5, -1)
            assert ours.any() and (found.spikes[name] == ours).all(), name


def test_training_goes_on_in_integers(folded):
    model, _, spikes = folded
    loss = model(spikes).square().mean()
    loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(grads) > 4 and all(torch.isfinite(g).all() for g in grads) and any(g.abs().sum() > 0 for g in grads)


def test_what_is_not_folded_or_no_layer_is_refused():
    with pytest.raises(InputError, match=r"^first: not folded \(hint: fold\(module\)"):
        trace(Mlp(), tn.Axis("features", 20))
    with pytest.raises(InputError, match="Linear has no layers"):
        fold(nn.Linear(2, 2))


@pytest.mark.parametrize(
    "act, what",
    [
        (lambda x: torch.relu(x), "relu"),
        (lambda x: x * 2, r"\*"),
        (lambda x: x.mean(0), r"\.mean"),
        (lambda x: x[0], "indexing"),
        (lambda x: x + 1, r"\+ of a drive and something else|\*"),
        (lambda x: torch.cat([x, x]), "cat"),
        (lambda x: nn.functional.softmax(x, -1), "softmax"),
    ],
)
def test_an_operation_that_no_chip_does_is_named_with_its_line(act, what):
    class Bad(Mlp):
        def forward(self, x):
            return self.digit(self.hidden(act(self.first(x))))

    model = Bad()
    fold(model.eval())
    with pytest.raises(InputError, match=rf"test_nets\.py:\d+: ({what}) on spikes, which no chip's neuron does"):
        trace(model, tn.Axis("features", 20))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_runs_and_is_short(path, capsys):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    example = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = example
    spec.loader.exec_module(example)
    accuracy, same = example.main(float_steps=60, integer_steps=20)
    assert same and accuracy > 0.6 and "equal: reference == " in capsys.readouterr().out
    assert len(path.read_text().splitlines()) <= 70
