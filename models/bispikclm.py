"""A spiking causal language model that lowers exactly (after BiSpikCLM, arXiv 2605.13859): the encoder's layers, and a head at every position.

    x, layers   as in `spiking_bert.py`, with a_ij only for j <= i: the 0/1 causal mask in place of a softmax
    n     = sum over the T steps of the last layer's spikes                    integers 0..T
    logits = W n + b at every position, W int8                                 on the host, or as synapses onto integrators

The paper's last LayerNorm is a per-channel affine here (batch norm in training), which folds into W and b.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models.data import Batch
from tritspike.models.spiking import affine_of, head_product, rounded
from tritspike.models.spiking_bert import BertConfig, SpikingEncoder
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import EACH, INT32

_INT8 = 127


def language_config(vocabulary: int, **model: Any) -> BertConfig:
    """The config of a causal model whose classes are the vocabulary."""
    return BertConfig(vocabulary=vocabulary, classes=vocabulary, causal=True, readout=EACH, **model)


class SpikingLM(SpikingEncoder):
    """The causal stack with its head. After `fold` the head is int8: latent weights times `head_scale`, `unit` of them to one float logit."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.norm = nn.BatchNorm1d(config.hidden, momentum=0.02)
        self.head = nn.Parameter(torch.randn(config.vocabulary, config.hidden) / math.sqrt(config.hidden))
        self.head_bias = nn.Parameter(torch.zeros(config.vocabulary))

    def fold(self, scale: int) -> None:
        """The layers to integers at `scale`, the affine into the head, and the head to int8."""
        super().fold(scale)
        with torch.no_grad():
            gain, shift = affine_of(self.norm)
            self.head_bias.add_(self.head @ shift)
            self.head.mul_(gain)
            self.head_scale = self.unit = _INT8 / float(self.head.abs().max())
        del self.norm

    @property
    def logit_scale(self) -> float:
        """What the checkpoint says under this name: float logits of one integer logit a step."""
        return self.config.steps / self.unit

    def integer_head(self) -> tuple[Tensor, Tensor]:
        """((vocabulary, hidden) int8 weights, (vocabulary,) biases in 1/64 units), integer-valued."""
        return rounded(self.head * self.head_scale, _INT8), rounded(self.head_bias * (self.head_scale * arith.ONE), INT32[1], INT32[0])

    @torch.no_grad()
    def integer_logits(self, spikes: Tensor) -> Tensor:
        """(T, tokens, hidden) spikes -> (tokens, vocabulary) int64 logits in 1/64 units, exactly the program's."""
        weight, bias = self.integer_head()
        return (spikes.double().sum(0) @ weight.double().T).long() * arith.ONE + bias.long()

    def forward(self, batch: Batch, probes: list[dict[str, Tensor]] | None = None) -> Tensor:
        """(tokens, vocabulary) float logits of each token's next one."""
        counts = self.spikes(batch, probes).float().sum(0)
        if self.scale is None:
            return head_product(self.norm(counts), self.head) + self.head_bias
        weight, bias = self.integer_head()
        return ((head_product(counts, weight) + bias / arith.ONE) / self.unit).float()
