"""The host's two ends of a model through which tokens flow: tokens in, and what it makes of the last layer's spikes at each."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models import devices, spiking
from tritspike.models.nets.current import Current
from tritspike.models.nets.inputs import FromHost
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.norms import normed
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.readout import counted, require_whole
from tritspike.models.nets.symbols import Blank, There
from tritspike.models.nets.values import Going, Spikes
from tritspike.models.spiking import affine_of, head_product, rounded
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import INT32
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Stream

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

    takes = (Tensor, Going, Batch, Blank)

    def computed(self, x: Tensor | Going | Batch) -> Spikes:
        """(samples, tokens) of numbers -> spikes over the hidden axis."""
        device = self.current.token.device
        if isinstance(x, Batch):
            x = x.to(device)
            return self.played(self._spikes(x.ids[None], x.segments), None, joined=x)
        given, kept = (x.of, x.kept) if isinstance(x, Going) else (x, None)
        ids = devices.moved(given, device)
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
        """(samples, tokens, vocabulary) of a stream, (tokens, vocabulary) of texts."""
        require_whole(self.name, x)
        counts = counted(x.tensor, x.run)
        flat = counts.flatten(0, -2)
        if self.scale is None:
            with devices.halved(flat.device):
                found = head_product(normed(self.norm, flat), self.weight)
            return (found.float() + self.bias).unflatten(0, counts.shape[:-1])
        weight, bias = self.integers()
        return ((head_product(flat, weight) + bias / arith.ONE) / self.unit).float().unflatten(0, counts.shape[:-1])

    def exact(self, x: Spikes) -> Tensor:
        """(tokens, vocabulary) int64, the program's logits in 1/64 units."""
        return self.of_counts(counted(x.tensor, x.run).flatten(0, -2))

    @torch.no_grad()
    def of_counts(self, counts: Tensor) -> Tensor:
        """The same of (tokens, hidden) counts of spikes."""
        weight, bias = self.integers()
        return (counts.double() @ weight.double().T).long() * arith.ONE + bias.long()

    def said(self, steps: int) -> dict[str, Any]:
        """What the host must know."""
        weight, bias = self.integers()
        return {"class_bias": bias, "head": weight, "first_position_only": False, "logit_scale": steps / self.unit}

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
