"""The host's two ends of a classifier or a windowed language model: a text's tokens in, all at once, and what it makes of a readout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.current import Current
from tritspike.models.nets.inputs import FromHost
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.readout import Readout
from tritspike.models.nets.symbols import Blank
from tritspike.models.nets.values import Axes, Run, Spikes
from tritspike.models.spiking import rounded
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import INT32
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.neuron import Resets


class Words(FromHost):
    """Token numbers of texts as spikes over positions and `hidden`: `Current`, the same at each of `steps` steps, drives neurons of the host.

    driven: that current at the last call, (tokens, hidden).
    """

    takes = (Batch, Blank)

    def __init__(self, vocabulary: int, position: Axis, hidden: Axis, steps: int, rank: int = 128, keep: int = 3072) -> None:
        super().__init__((position, hidden), Windows(steps))
        self.steps, self.keep, self.current = steps, keep, Current(vocabulary, hidden.size, rank, position.size)
        self.driven: Tensor | None = None

    def computed(self, texts: Batch) -> Spikes:
        """Packed."""
        texts = texts.to(self.current.token.device)
        self.driven = self.current(texts.ids, texts.positions, texts.segments)
        spikes = spiking.lif(self.driven.expand(self.steps, -1, -1).contiguous(), self.keep, self.scale)
        return Spikes(spikes, self.axes, Run(Windows(self.steps), texts))

    def fold(self, scale: int) -> None:
        """The tables too."""
        super().fold(scale)
        self.current.fold(scale)


class Classes(Readout):
    """Logits of a text: a `Readout` of all its positions or, where `first`, of the first alone, and biases that the host adds for each of them.

    unit: of a logit, in counts a step and position.
    """

    def __init__(self, columns: Axes, classes: int, weights: str = "ternary", *, first: bool = False, along: str = "position") -> None:
        super().__init__(columns, classes, weights, **({"at": {along: 0}} if first else {"pool": [along]}))
        self.first, self.bias = first, nn.Parameter(torch.zeros(classes))

    def computed(self, x: Spikes) -> Tensor:
        """(texts, classes) floats."""
        return self.scores(x).float()

    def scores(self, x: Spikes) -> Tensor:
        """The same in float64, rounded as `Program.scores` rounds: what a rank correlation takes for equal here is equal there."""
        total, positions = self.answered(x)
        return self.scaled(total, positions, x.run.timing.steps)

    def scaled(self, total: Tensor, positions: Tensor, steps: int) -> Tensor:
        """What `answered` found, as scores."""
        return total * (self.unit.double() / (arith.ONE * steps)) / positions[:, None]

    def answered(self, x: Spikes) -> tuple[Tensor, Tensor]:
        """((texts, classes) whole numbers in 1/64 units with the biases in, the program's logits; (texts,) how many positions they sum).

        In float64, which holds whatever a checkpoint may say.
        """
        if x.run.packing is None:
            raise InputError(f"{self.name}: spikes that are no text's", "positions along an axis that grows, or texts end to end")
        lengths = x.run.packing.lengths().double()
        positions = torch.ones_like(lengths) if self.first else lengths
        return self.texts(x).double() * arith.ONE + positions[:, None] * self.integer_bias(x.run.timing.steps), positions

    def texts(self, x: Spikes) -> Tensor:
        """(texts, classes) synaptic units."""
        return self.totals(x)

    def integer_bias(self, steps: int) -> Tensor:
        """In units of 1/64 for each position that is read, of all steps together."""
        return rounded(self.bias * (arith.ONE * steps), INT32[1], INT32[0])

    def exact(self, x: Spikes) -> Tensor:
        """(texts, classes) int64, the program's logits."""
        return self.answered(x)[0].long()

    def said(self, steps: int) -> dict[str, Any]:
        """What the host must know."""
        return {"class_bias": self.integer_bias(steps), "first_position_only": self.first, "logit_scale": float(self.unit.detach())}


class Verdict(Classes):
    """The same of texts that flow through, one token after another: what all of a text's tokens add up to, as its last one is over."""

    def __init__(self, columns: Axes, classes: int, weights: str = "ternary") -> None:
        Readout.__init__(self, columns, classes, weights, resets=Resets.SEQUENCE)
        self.first, self.bias = False, nn.Parameter(torch.zeros(classes))

    def texts(self, x: Spikes) -> Tensor:
        """(texts, classes) synaptic units."""
        assert x.run.packing is not None
        return x.run.packing.summed(self.each(x)[0])
