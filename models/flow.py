"""A model whose memory is its neurons: tokens flow through, one every `period` steps, and what was read lives on in what they are mixed by.

A language model answers each token; a classifier a whole text, in a slot of its own.

    m  = traces and retention of x, as `mixers.py` has them
    h  = LIF(W_1 [x, x a token ago, x two ago, m] + b)
    z  = LIF(W_2 [h, m] + 1.4 thresholds * x + b)            the next layer's x

A layer begins as one that passes on what it hears: the branches are quiet and the skip is above the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from tritspike.models.mixers import MIXERS
from tritspike.models.nets.language import Head, Tokens
from tritspike.models.nets.neurons import Neurons
from tritspike.models.nets.streams import Delay
from tritspike.models.nets.texts import Verdict
from tritspike.models.nets.trace import fold
from tritspike.models.nets.traces import keep_of
from tritspike.models.spiking import QUANTISERS
from tritspike.runtime import arith
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream


@dataclass(frozen=True)
class FlowConfig:
    """Sizes. mixer: of `MIXERS`. series: what is mixed has a stage of its own, before the FFN and beside a skip, instead of being heard by both.
    memory: time constants of the traces in tokens, to each as many of `traces`; recall: of the heads of retention, each with `key` queries and
    keys and `value` values. classes: of a classifier, whose texts have up to `slot` tokens; 0 of a language model. period 0: the fewest steps at
    which a token that is made of the last one comes in time; of a classifier, whose tokens are known, as many as have input."""

    family: ClassVar[str] = "stream"

    vocabulary: int
    hidden: int = 320
    layers: int = 2
    ffn: int = 768
    mixer: str = "traces"
    series: bool = False
    traces: int = 96
    memory: tuple[float, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    recall: tuple[float, ...] = (8, 16, 32, 64)
    key: int = 12
    value: int = 24
    window: int = 3
    steps: int = 4
    period: int = 0
    rank: int = 128
    weights: str = "ternary"
    skip: float = 1.4
    loud: float = 0.25
    classes: int = 0
    slot: int = 0

    def __post_init__(self) -> None:
        for name in ("memory", "recall"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.mixer not in MIXERS:
            raise ValueError(f"model.mixer is {self.mixer!r:.40}, allowed {', '.join(MIXERS)}")
        if self.weights not in QUANTISERS:
            raise ValueError(f"model.weights is {self.weights!r:.40}, allowed {', '.join(QUANTISERS)}")
        if not self.memory or self.traces % len(self.memory):
            raise ValueError(f"model.traces is {self.traces}, must be as many for each of {len(self.memory)} time constants")
        if bool(self.classes) != bool(self.slot):
            raise ValueError(f"model.slot is {self.slot} of {self.classes} classes, must be the most tokens of a text that is classified")
        if self.period and self.period < self.steps:
            raise ValueError(f"model.period is {self.period}, must be at least the {self.steps} steps that have input")
        for tokens in (*self.memory, *self.recall):
            keep_of(tokens, self.timing.period)

    @property
    def longest(self) -> int:
        """Tokens of a text that is classified."""
        return self.slot

    @property
    def timing(self) -> Stream:
        """A stream without end, or of slots."""
        return Stream(self.steps, self.period or self.steps + (0 if self.classes else self.depth), self.slot)

    @property
    def depth(self) -> int:
        """Steps from a token's first input to the last layer's first spike."""
        return self.layers * (MIXERS[self.mixer].depth + 2 + self.series)

    @property
    def x(self) -> Axis:
        """Of what enters and leaves a layer."""
        return Axis("hidden", self.hidden)


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
