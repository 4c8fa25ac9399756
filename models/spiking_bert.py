"""The spiking encoder, composed as anyone may compose a network of their own (after SpikingBERT, arXiv 2308.10873, and 2405.02543).

    x   = LIF(embedding current, the same at each of T steps)            host; its spikes enter the chip
    q,k,v = LIF(W x + b)
    a_ij  = LIF(w_s * sum_d q_id AND k_jd)                               per head; causal: j <= i
    c_id  = LIF(w_c * sum_j a_ij AND v_jd)
    y   = LIF(W_o c + g x + b);   z = LIF(W_2 LIF(W_1 y + b_1) + g' y + b_2)
    logits = W_cls z, summed over steps (and positions, for a mean readout)

No softmax, LayerNorm or GELU. `fold` turns the float student into integers in place; the forward pass is then the chip's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from tritspike.models.nets.neurons import Context, Neurons, Score, together
from tritspike.models.nets.texts import Classes, Words
from tritspike.models.nets.trace import fold
from tritspike.models.sizes import BertConfig
from tritspike.runtime import arith
from tritspike.runtime.network.grid import Axis


class Layer(nn.Module):
    """Spiking attention and a spiking FFN, each behind an identity synapse around it."""

    def __init__(self, c: BertConfig) -> None:
        super().__init__()
        hidden, ffn, heads = c.x[1], Axis("ffn", c.ffn), (Axis("head", c.heads), Axis("channel", c.head_dim))
        own: dict[str, Any] = {"weights": c.weights}
        self.query, self.key, self.value = (Neurons(hidden, heads, keep=c.keep["query_key_value"], **own) for _ in range(3))
        self.score, self.context = Score("channel", causal=c.causal, keep=c.keep["score"]), Context(keep=c.keep["context"])
        self.attended = Neurons(heads, hidden, skip=0.8, keep=c.keep["residual"], **own)
        self.hidden = Neurons(hidden, ffn, taps=c.window, causal=c.causal, keep=c.keep["hidden"], **own)
        self.output = Neurons(ffn, hidden, skip=0.8, keep=c.keep["residual"], **own)

    def forward(self, x: Any) -> Any:
        """Over the same axes."""
        query, key, value = together(x, self.query, self.key, self.value)
        context = self.context(self.score(query, key), value)
        attended = self.attended(context, past=x)
        return self.output(self.hidden(attended), past=attended)


class SpikingEncoder(nn.Module):
    """Host front end and layers: everything but what is read out."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.x = Words(config.vocabulary, *config.x, config.steps, config.embedding_rank, config.keep["encoder"])
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.layers))

    def blocks(self) -> Iterator[Layer]:
        """The layers in order."""
        for layer in self.layer:
            assert isinstance(layer, Layer)
            yield layer

    def encoded(self, texts: Any) -> Any:
        """Spikes of the last layer."""
        x = self.x(texts)
        for layer in self.layer:
            x = layer(x)
        return x

    def driven(self) -> dict[str, int]:
        """How many synapses each population's spikes reach, by its channel's rows. Coincidence neurons are left out: one or two synapses a spike
        and pair of positions."""
        c = self.config
        width = c.heads * c.head_dim
        found = {"x": 3 * width}
        for n in range(c.layers):
            later = 3 * width if n + 1 < c.layers else c.classes
            own = {"context": c.hidden, "attended": c.window * c.ffn, "hidden": c.hidden, "output": later}
            found |= {f"layer.{n}.{name}": reached for name, reached in own.items()}
        return found

    @property
    def threshold(self) -> float:
        """One threshold in the units of drives: 1, or 1/64 synaptic units after `fold`."""
        return 1.0 if self.x.scale is None else float(self.x.scale * arith.ONE)

    def fold(self, scale: int) -> None:
        """From float student to integers at `scale` synaptic units a threshold (one for all populations: they share vth)."""
        fold(self, scale)


class SpikingBert(SpikingEncoder):
    """The encoder with a readout for the whole text: a packed batch to (texts, classes) logits."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.readout = Classes(config.x[1], config.classes, config.weights, first=config.readout == "first")

    def forward(self, texts: Any) -> Any:
        """Float logits."""
        return self.readout(self.encoded(texts))
