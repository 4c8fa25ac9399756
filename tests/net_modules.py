"""Small modules composed of `models/nets`, one for each thing that a network may have, with what each hears."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import (
    Both,
    Context,
    Conv,
    Count,
    Delay,
    Dense,
    Embedding,
    Input,
    Lif,
    Neurons,
    Pool,
    Readout,
    Recurrent,
    Score,
    Skip,
    Texts,
)

POSITION, TEXT = tn.Axis("position", 6), tn.Axis("position", 6, grows=True)
HIDDEN, HEAD, CHANNEL = tn.Axis("hidden", 12), tn.Axis("head", 2), tn.Axis("channel", 5)
STREAM = tn.Stream(3, 7, slot=4)
ENDLESS = tn.Stream(3, 7)


def spikes(*shape, rate=0.4, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random(shape) < rate).bfloat16()


class Mlp(nn.Module):
    def __init__(self, weights="ternary", **neurons):
        super().__init__()
        self.x = Input(tn.Axis("features", 20))
        self.first, self.hidden = Dense(20, 30, weights), Lif(**neurons)
        self.second, self.skip, self.deeper = Dense(30, 30, weights), Skip(0.7), Lif(2000)
        self.digit = Readout(30, 4, weights)

    def forward(self, x):
        hidden = self.hidden(self.first(self.x(x)))
        return self.digit(self.deeper(self.second(hidden) + self.skip(hidden)))


class TwoWays(nn.Module):
    """Two inputs, two outputs, a sum of two biases, a gate, a count."""

    def __init__(self):
        super().__init__()
        self.x, self.other = Input(tn.Axis("features", 20)), Input(tn.Axis("others", 7))
        self.first, self.second, self.meet = Dense(20, 15), Dense(7, 15), Lif()
        self.side, self.open, self.gate = Dense(7, 15), Lif(), Both()
        self.digit, self.many = Readout(15, 4), Count()

    def forward(self, x, other):
        x, other = self.x(x), self.other(other)
        meet = self.meet(self.first(x) + self.second(other))
        gated = self.gate(meet, self.open(self.side(other)))
        return self.digit(gated), self.many(meet)


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("row", 5), tn.Axis("column", 7), tn.Axis("channel", 2))
        self.first, self.seen = Conv(2, 5, 3, stride=2, padding=1), Lif()
        self.second, self.parts = Conv(5, 6, 2, weights="binary"), Lif()
        self.digit = Readout(6 * 2 * 3, 3)

    def forward(self, x):
        return self.digit(self.parts(self.second(self.seen(self.first(self.x(x))))))


class Pooled(nn.Module):
    """Sums of neighbours, and over a whole axis; a matrix that hears one axis of several."""

    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("row", 5), tn.Axis("column", 7), tn.Axis("channel", 2))
        self.few, self.fewer = Pool(row=2, column=3, start=0.3), Lif()
        self.mixed, self.mixes = Dense(tn.Axis("channel", 2), tn.Axis("more", 4)), Lif()
        self.all, self.one = Pool("row", start=1.2), Lif()
        self.digit = Readout(tn.Axis("more", 4), 3, pool=["column"])

    def forward(self, x):
        mixed = self.mixes(self.mixed(self.fewer(self.few(self.x(x)))))
        return self.digit(self.one(self.all(mixed)))


class Attention(nn.Module):
    """A block of an encoder; where positions grow it hears token numbers."""

    def __init__(self, position=POSITION, causal=False, readout="mean"):
        super().__init__()
        self.x = Embedding(9, position, HIDDEN, steps=4) if position.grows else Input(position, HIDDEN)
        self.query, self.key, self.value = (Neurons(HIDDEN, (HEAD, CHANNEL)) for _ in range(3))
        self.score, self.context = Score("channel", causal=causal, start=0.8), Context(0.7)
        self.attended = Neurons((HEAD, CHANNEL), HIDDEN, skip=0.9)
        self.hidden = Neurons(HIDDEN, tn.Axis("ffn", 16), taps=3, causal=causal)
        where = {"mean": {"pool": ["position"]}, "first": {"at": {"position": 0}}, "each": {}}[readout]
        self.answer = Readout(tn.Axis("ffn", 16), 3, **where)

    def forward(self, x):
        x = self.x(x)
        context = self.context(self.score(self.query(x), self.key(x)), self.value(x))
        return self.answer(self.hidden(self.attended(context, past=x)))


class Cell(nn.Module):
    def __init__(self, **neurons):
        super().__init__()
        self.back, self.fires = Dense(16, 16), Lif(keep_u=2048, **neurons)

    def forward(self, drive, past):
        return self.fires(drive + self.back(past))


class Streamed(nn.Module):
    """A recurrent layer with current memory, state that lasts a sequence, and what a token ago was."""

    def __init__(self, resets=tn.Resets.SEQUENCE, timing=STREAM):
        super().__init__()
        self.x = Input(tn.Axis("features", 8), timing=timing)
        self.first, self.lasting = Dense(8, 16), Lif(keep_u=3000, resets=resets)
        self.ahead, self.cell = Dense(16, 16), Recurrent(Cell(resets=resets), 16)
        self.ago, self.earlier, self.now, self.last = Delay(), Dense(16, 10), Dense(16, 10), Lif()
        self.digit = Readout(10, 3)

    def forward(self, x):
        cell = self.cell(self.ahead(self.lasting(self.first(self.x(x)))))
        return self.digit(self.last(self.now(cell) + self.earlier(self.ago(cell))))


class Deep(nn.Module):
    """A recurrence over two layers, with a delay inside, so that the first hears the second."""

    def __init__(self):
        super().__init__()
        self.ahead, self.back, self.first = Dense(8, 12), Dense(9, 12), Lif(resets=tn.Resets.SEQUENCE)
        self.ago, self.earlier, self.up, self.second = Delay(), Dense(12, 9), Dense(12, 9), Lif()

    def forward(self, x, past):
        first = self.first(self.ahead(x) + self.back(past))
        return self.second(self.up(first) + self.earlier(self.ago(first)))


class Looped(nn.Module):
    def __init__(self):
        super().__init__()
        self.x, self.loop, self.digit = Input(tn.Axis("features", 8), timing=STREAM), Recurrent(Deep(), 9), Readout(9, 3)

    def forward(self, x):
        return self.digit(self.loop(self.x(x)))


class Endless(nn.Module):
    """Neurons that are never reset but by their own spikes."""

    def __init__(self):
        super().__init__()
        self.x = Input(tn.Axis("features", 8), timing=ENDLESS)
        self.first, self.trace = Dense(8, 16, bias=False), Lif(keep_u=3500, resets=tn.Resets.NEVER)
        self.second, self.last, self.digit = Dense(16, 10), Lif(), Readout(10, 3)

    def forward(self, x):
        return self.digit(self.last(self.second(self.trace(self.first(self.x(x))))))


class Ago(nn.Module):
    """What a token ago was and what two were, as all layers hear it."""

    def __init__(self):
        super().__init__()
        self.x = Input(POSITION, tn.Axis("features", 7), timing=tn.Stream(3, 12, slot=4))
        self.ago, self.before, self.gate = Delay(), Delay(), Both()
        self.score, self.context = Score("features", start=0.8), Context(0.7)
        self.skip, self.pool, self.last = Skip(0.9), Pool("position", start=0.6), Lif()
        self.gated, self.pooled = Lif(), Neurons(tn.Axis("features", 7), 5)
        self.digit, self.many = Readout(5, 3), Count()

    def forward(self, x):
        x = self.x(x)
        ago = self.ago(x)
        context = self.context(self.score(x, ago), ago)
        gated = self.gated(self.skip(self.gate(self.before(ago), x)))
        return self.digit(self.pooled(self.last(self.pool(ago) + self.pool(context) + self.pool(gated)))), self.many(ago)


def texts(samples=12):
    rng = np.random.default_rng(0)
    lengths = torch.from_numpy(rng.integers(1, 7, samples))
    return Texts(torch.from_numpy(rng.integers(0, 9, (samples, 6))), lengths)


FLAT, PICTURE = spikes(5, 12, 20), spikes(5, 12, 5, 7, 2)
SEEN, SEQUENCES = spikes(5, 12, 6, 12), spikes(3, 10, 4, 8)

CASES = {
    "mlp": (Mlp, (FLAT,), tn.Windows(5)),
    "binary mlp": (lambda: Mlp("binary"), (FLAT,), tn.Windows(5)),
    "mlp with current memory": (lambda: Mlp(keep_u=1500), (FLAT,), tn.Windows(5)),
    "two ways": (TwoWays, (FLAT, spikes(5, 12, 7, seed=1)), tn.Windows(5)),
    "pictures": (Pictures, (PICTURE,), tn.Windows(5)),
    "pooled": (Pooled, (PICTURE,), tn.Windows(5)),
    "attention": (Attention, (SEEN,), tn.Windows(5)),
    "causal attention": (lambda: Attention(causal=True, readout="each"), (SEEN,), tn.Windows(5)),
    "attention over texts": (lambda: Attention(TEXT, readout="first"), (texts(),), tn.Windows(4)),
    "causal attention over texts": (lambda: Attention(TEXT, causal=True), (texts(),), tn.Windows(4)),
    "stream": (Streamed, (SEQUENCES,), STREAM),
    "stream of windows": (lambda: Streamed(tn.Resets.WINDOW), (SEQUENCES,), STREAM),
    "loop over two layers": (Looped, (SEQUENCES,), STREAM),
    "tokens ago": (Ago, (spikes(3, 10, 4, 6, 7),), tn.Stream(3, 12, slot=4)),
    "never reset": (Endless, (spikes(3, 1, 40, 8),), ENDLESS),
}
