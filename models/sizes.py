"""What sizes a student may have; without torch, for whoever only asks whether a recipe is sound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tritspike.runtime import arith
from tritspike.runtime.checkpoint import EACH, KINDS
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream, Windows

WEIGHTS = ("ternary", "binary")  # `spiking.QUANTISERS` rounds to these
MIXER_DEPTHS = {"none": 0, "traces": 2, "retention": 5, "both": 5}  # steps from x to the last of a mixer's parts (`mixers.py`)


@dataclass(frozen=True)
class BertConfig:
    """Sizes and choices of one student. Attention is heads * head_dim wide, narrower than `hidden` where coincidence neurons (two
    for each pair of positions and channel) must fit a chip. `keep` is the share of the membrane kept a step, k/4096, per population kind."""

    family: ClassVar[str] = "window"

    vocabulary: int
    classes: int
    hidden: int = 256
    layers: int = 2
    heads: int = 2
    head_dim: int = 24
    ffn: int = 512
    steps: int = 4
    max_length: int = 56
    embedding_rank: int = 128
    weights: str = "ternary"
    readout: str = "mean"  # or "first": the [CLS] position alone; "each": every position (`bispikclm.py`)
    window: int = 1  # positions that `hidden` hears: its own and the next ones (before it, where causal)
    causal: bool = False
    reset: str = "zero"
    keep: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 3072))

    @property
    def longest(self) -> int:
        """Tokens of a text."""
        return self.max_length

    @property
    def timing(self) -> Windows:
        """A window a text."""
        return Windows(self.steps)

    @property
    def x(self) -> tuple[Axis, Axis]:
        """Of what enters and leaves a layer."""
        return Axis("position", self.max_length, grows=True), Axis("hidden", self.hidden)


def language_config(vocabulary: int, **model: Any) -> BertConfig:
    """The config of a causal model whose classes are the vocabulary."""
    return BertConfig(vocabulary=vocabulary, classes=vocabulary, causal=True, readout=EACH, **model)


@dataclass(frozen=True)
class FlowConfig:
    """Sizes. mixer: of `mixers.MIXERS`. series: what is mixed has a stage of its own, before the FFN and beside a skip, not heard by both.
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
        if self.mixer not in MIXER_DEPTHS:
            raise ValueError(f"model.mixer is {self.mixer!r:.40}, allowed {', '.join(MIXER_DEPTHS)}")
        if self.weights not in WEIGHTS:
            raise ValueError(f"model.weights is {self.weights!r:.40}, allowed {', '.join(WEIGHTS)}")
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
        return self.layers * (MIXER_DEPTHS[self.mixer] + 2 + self.series)

    @property
    def x(self) -> Axis:
        """Of what enters and leaves a layer."""
        return Axis("hidden", self.hidden)


def keep_of(tokens: float, period: int) -> int:
    """keep_u whose time constant is nearest to `tokens` of `period` steps: du has 12 bits. Raises `InputError` where it has none."""
    if not (isinstance(tokens, int | float) and 0 < tokens < math.inf):
        raise InputError(f"a time constant of {tokens!r:.40} tokens", "a positive number")
    lost = round(arith.KEEP_ALL * (1 - math.exp(-1 / (tokens * period))))
    if lost < 1:
        most = int(-1 / math.log(1 - 1 / arith.KEEP_ALL) / period)
        raise InputError(f"a time constant of {tokens} tokens of {period} steps", f"up to {most} tokens: a current keeps at most 4095/4096 a step")
    return arith.KEEP_ALL - lost
