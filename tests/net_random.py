"""Random streams of layers: a recurrence with current memory over positions, attention, a delay, two outputs."""

from __future__ import annotations

import numpy as np
import torch
from net_modules import POSITION, spikes
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import Context, Count, Delay, Dense, Input, Lif, Neurons, Readout, Recurrent, Score, Skip, fold

F, G = tn.Axis("f", 6), tn.Axis("g", 11)
HEADS = (tn.Axis("head", 2), tn.Axis("channel", 3))


def neurons(rng, *resets) -> Lif:
    return Lif(int(rng.integers(0, 4097)), keep_u=int(rng.choice([0, rng.integers(1, 4000)])), resets=resets[rng.integers(len(resets))])


class Cell(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.back, self.skip = Dense(G, G, rng.choice(["ternary", "binary"])), Skip(0.1 + float(rng.random()))
        self.fires = neurons(rng, tn.Resets.SEQUENCE)

    def forward(self, drive, past):
        return self.fires(drive + self.back(past) + self.skip(past))


class Random(nn.Module):
    def __init__(self, rng, timing):
        super().__init__()
        self.x = Input(POSITION, F, timing=timing)
        self.first, self.seen = Dense(F, G, taps=2, causal=bool(rng.integers(2))), neurons(rng, tn.Resets.WINDOW, tn.Resets.SEQUENCE)
        self.ahead, self.cell = Dense(G, G), Recurrent(Cell(rng), (POSITION, G))
        self.query, self.key = Neurons(G, HEADS), Neurons(G, HEADS)
        self.score, self.context = Score("channel", causal=bool(rng.integers(2)), start=0.9), Context(0.8)
        self.ago, self.then, self.now, self.last = Delay(), Dense(HEADS, 4), Dense(HEADS, 4), neurons(rng, tn.Resets.WINDOW)
        self.digit, self.many = Readout(4, 3, pool=["position"]), Count()

    def forward(self, x):
        heard = self.cell(self.ahead(self.seen(self.first(self.x(x)))))
        query, key = self.query(heard), self.key(heard)
        context = self.context(self.score(query, key), key)
        last = self.last(self.now(context) + self.then(self.ago(context)))
        return self.digit(last), self.many(last)


def stream(seed):
    """(a folded module, what it hears, its timing)."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    steps, slot = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    timing = tn.Stream(steps, int(rng.integers(4, 9)), slot=slot)
    model, given = Random(rng, timing).train(), spikes(steps, 5, slot, POSITION.size, F.size, seed=seed)
    for norm in (part for part in model.modules() if isinstance(part, nn.BatchNorm1d)):
        nn.init.constant_(norm.bias, 0.5)
        norm.momentum = 0.3
    for _ in range(5):
        model(given)
    fold(model.eval(), int(rng.choice([20, 100, 127])))
    return model, given, timing
