"""The host's two ends of a model through which tokens flow: tokens in, and what it makes of the last layer's spikes or of a readout."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.current import Current
from tritspike.models.nets.inputs import FromHost
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.readout import Readout, counted, require_whole
from tritspike.models.nets.symbols import Blank, There
from tritspike.models.nets.values import Axes, Going, Joined, Spikes
from tritspike.models.spiking import affine_of, head_product, rounded
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import INT32
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream
from tritspike.runtime.network.neuron import Resets

_INT8 = 127


class Tokens(FromHost):
    """Token numbers of a stream as spikes: `Current`, which drives neurons of the host for as many steps as a token has input.

    rows: of the tables. The chip sees the spikes only, and where steps without input are not asked for they are not computed.
    """

    def __init__(self, vocabulary: int, hidden: Axis, timing: Stream, rank: int = 128, keep: int = 3072) -> None:
        super().__init__((hidden,), timing, whole=False)
        self.steps = timing.steps
        self.keep, self.current = keep, Current(vocabulary, hidden.size, rank, 1)
        self.current.position.requires_grad_(False).zero_()  # a stream has no end, and so no positions
        self.driven: Tensor | None = None

    takes = (Tensor, Going, Joined, Blank)

    def computed(self, x: Tensor | Going | Joined) -> Spikes:
        """(samples, tokens) of numbers -> spikes over the hidden axis."""
        if isinstance(x, Joined):
            return self.played(self._spikes(x.ids[None], x.segments), None, None, x.positions == 0)
        ids, kept = (x.of, x.kept) if isinstance(x, Going) else (x, None)
        return self.played(self._spikes(ids, torch.zeros_like(ids).flatten()), None, kept)

    def _spikes(self, ids: Tensor, segments: Tensor) -> Tensor:
        self.driven = self.current(ids.flatten(), torch.zeros_like(segments), segments)
        spikes = spiking.lif(self.driven.expand(self.steps, -1, -1).contiguous(), self.keep, self.scale)
        return spikes.unflatten(1, ids.shape)

    def fold(self, scale: int) -> None:
        """The tables too."""
        super().fold(scale)
        self.current.fold(scale)


class Head(Layer):
    """Logits over a vocabulary at each token: counts of spikes by a norm and a matrix, which the host multiplies; int8 after `fold`."""

    def __init__(self, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(hidden, momentum=0.02)
        self.weight = nn.Parameter(torch.randn(vocabulary, hidden) / math.sqrt(hidden))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def computed(self, x: Spikes) -> Tensor:
        """(samples, tokens, vocabulary)."""
        require_whole(self.name, x)
        counts = counted(x.tensor, x.run).flatten(2)
        flat = counts.flatten(0, 1)
        if self.scale is None:
            return (head_product(self.norm(flat), self.weight) + self.bias).unflatten(0, counts.shape[:2])
        weight, bias = self.integers()
        return ((head_product(flat, weight) + bias / arith.ONE) / self.unit).float().unflatten(0, counts.shape[:2])

    def integers(self) -> tuple[Tensor, Tensor]:
        """((vocabulary, hidden) int8 weights, (vocabulary,) biases in 1/64 units), integer-valued."""
        return rounded(self.weight * self.unit_at_fold, _INT8), rounded(self.bias * (self.unit_at_fold * arith.ONE), INT32[1], INT32[0])

    def fold(self, scale: int) -> None:
        """The affine into the matrix, which becomes int8 where it is used."""
        super().fold(scale)
        with torch.no_grad():
            gain, shift = affine_of(self.norm)
            self.bias.add_(self.weight @ shift)
            self.weight.mul_(gain)
            self.unit_at_fold = self.unit = _INT8 / float(self.weight.abs().max())
        del self.norm

    def written(self, x: There) -> There:
        """Counts, which the host reads: no neurons of its own."""
        x.writing.net.count(x.settled(), self.name)
        return x


class Verdict(Readout):
    """Logits of a sequence: what all its tokens add up to, over their number and that of steps, and biases that the host adds.

    columns: as of `Dense`. unit: of a logit, in spikes a step.
    """

    def __init__(self, columns: Axes, classes: int, weights: str = "ternary") -> None:
        super().__init__(columns, classes, weights, resets=Resets.SEQUENCE)
        self.bias = nn.Parameter(torch.zeros(classes))

    def computed(self, x: Spikes) -> Tensor:
        """(sequences, classes)."""
        found, tokens, steps = self.each(x), _lengths(x), x.run.timing.steps
        bias = self.bias if self.scale is None else self.integer_bias(steps) / (arith.ONE * steps)
        total = torch.segment_reduce(found.flatten(0, 1), "sum", lengths=tokens)
        logits: Tensor = (total / (tokens * steps)[:, None] + bias) * self.unit
        return logits.float()

    def integer_bias(self, steps: int) -> Tensor:
        """In 1/64 units a token, of all its steps together."""
        return rounded(self.bias * (arith.ONE * steps), INT32[1], INT32[0])


def _lengths(x: Spikes) -> Tensor:
    """(sequences,) tokens of each."""
    if x.run.begins is None:
        return torch.full((x.tensor.shape[1],), len(x.tensor) // x.run.frame)
    return x.run.ends.diff(prepend=torch.tensor([-1]))
