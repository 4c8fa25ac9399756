"""A model whose memory is its neurons: tokens flow through, one every `period` steps, and what was read lives on in what they are mixed by.

A language model answers each token; a classifier a whole text, in a slot of its own.

    m  = traces and retention of x, as `mixers.py` has them
    h  = LIF(W_1 [x, x a token ago, x two ago, m] + b)
    z  = LIF(W_2 [h, m] + 1.4 thresholds * x + b)            the next layer's x

A layer begins as one that passes on what it hears: the branches are quiet and the skip is above the threshold.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from tritspike.models.mixers import MIXERS
from tritspike.models.nets.language import Head, Tokens
from tritspike.models.nets.neurons import Neurons
from tritspike.models.nets.streams import Delay
from tritspike.models.nets.texts import Verdict
from tritspike.models.nets.trace import fold
from tritspike.models.sizes import FlowConfig
from tritspike.runtime import arith
from tritspike.runtime.network.grid import Axis


class Block(nn.Module):
    """A layer."""

    def __init__(self, c: FlowConfig) -> None:
        super().__init__()
        own: dict[str, Any] = {"weights": c.weights}
        h = Axis("ffn", c.ffn)
        self.mixers = MIXERS[c.mixer].parts
        for name, make in self.mixers.items():
            self.add_module(name, make(c))
        mixed = [getattr(self, name).axes for name in self.mixers]
        self.stage = Neurons(mixed, c.x, skip=c.skip, loud=c.loud, **own) if c.series and mixed else None
        beside = [] if self.stage is not None else mixed
        self.ago = nn.ModuleList(Delay() for _ in range(c.window - 1))
        self.ffn = Neurons([c.x] * c.window + beside, h, **own)
        self.output = Neurons([h, *beside], c.x, skip=c.skip, loud=c.loud, **own)

    def forward(self, x: Any) -> Any:
        """Over the same axes."""
        mixed = [getattr(self, name)(x) for name in self.mixers]
        if self.stage is not None:
            x, mixed = self.stage(*mixed, past=x), []
        tokens = [x]
        for ago in self.ago:
            tokens.append(ago(tokens[-1]))
        return self.output(self.ffn(*tokens, *mixed), *mixed, past=x)


class Flow(nn.Module):
    """Token numbers (samples, tokens), or `Going`, to logits of each token's next one; of a classifier a `Batch`, to logits of each text."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.x = Tokens(config.vocabulary, config.x, config.timing, config.rank)
        self.layer = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.answer = Verdict(config.x, config.classes, config.weights) if config.classes else Head(config.hidden, config.vocabulary)

    @property
    def threshold(self) -> float:
        """One threshold in the units of drives: 1, or 1/64 synaptic units after `fold`."""
        return 1.0 if self.x.scale is None else float(self.x.scale * arith.ONE)

    def fold(self, scale: int) -> None:
        """From here on integers, at `scale` synaptic units a threshold; traces have scales of their own."""
        fold(self, scale)

    def forward(self, x: Any) -> Any:
        """(samples, tokens, vocabulary), or (texts, classes)."""
        return self.answer(self.encoded(x))

    def encoded(self, x: Any) -> Any:
        """What the last layer fires."""
        x = self.x(x)
        for block in self.layer:
            x = block(x)
        return x
