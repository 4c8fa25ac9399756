"""A spiking causal language model that lowers exactly (after BiSpikCLM, arXiv 2605.13859): the encoder's layers, and a head at every position.

    x, layers   as in `spiking_bert.py`, with a_ij only for j <= i: the 0/1 causal mask in place of a softmax
    n     = sum over the T steps of the last layer's spikes                    integers 0..T
    logits = W n + b at every position, W int8                                 on the host, or as synapses onto integrators

The paper's last LayerNorm is a per-channel affine here (batch norm in training), which folds into W and b.
"""

from __future__ import annotations

from typing import Any

from tritspike.models.nets.language import Head
from tritspike.models.sizes import BertConfig
from tritspike.models.spiking_bert import SpikingEncoder


class SpikingLM(SpikingEncoder):
    """The causal stack with its head: a packed batch to (tokens, vocabulary) logits of each token's next one."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.answer = Head(config.hidden, config.vocabulary)

    def forward(self, texts: Any) -> Any:
        """Float logits."""
        return self.answer(self.encoded(texts))
