"""The spiking encoder that lowers exactly, in one readable module (after SpikingBERT, arXiv 2308.10873, and 2405.02543).

    x   = LIF(embedding current, the same at each of T steps)            host; its spikes enter the chip
    q,k,v = LIF(W x + b)
    a_ij  = LIF(w_s * sum_d q_id AND k_jd)                               per head; causal: j <= i
    c_id  = LIF(w_c * sum_j a_ij AND v_jd)
    y   = LIF(W_o c + g x + b);   z = LIF(W_2 LIF(W_1 y + b_1) + g' y + b_2)
    logits = W_cls z, summed over steps (and positions, for a mean readout)

No softmax, LayerNorm or GELU. `fold` turns the float student into integers in place; the forward pass is then the chip's.
Tokens are packed: there is no padding except in the attention grid, where silent cells stay silent (they have no bias).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tritspike.models.data import Batch
from tritspike.models.nets.current import Current
from tritspike.models.spiking import QUANTISERS, Synapses, Weight, lif, rounded
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import INT32, KINDS


@dataclass(frozen=True)
class BertConfig:
    """Sizes and choices of one student. Attention is heads * head_dim wide, narrower than `hidden` where coincidence neurons (two
    for each pair of positions and channel) must fit a chip. `keep` is the share of the membrane kept a step, k/4096, per population kind."""

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


class Embedding(Current):
    """The current that drives `x`."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config.vocabulary, config.hidden, config.embedding_rank, config.max_length)

    def forward(self, batch: Batch) -> Tensor:  # type: ignore[override]
        """(tokens, hidden)."""
        return super().forward(batch.ids, batch.positions, batch.segments)


class Layer(nn.Module):
    """One encoder layer: spiking attention and a spiking FFN, each behind an identity synapse around it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        d, kind, width = config.hidden, config.weights, config.heads * config.head_dim
        self.config = config
        self.query_key_value = Synapses(d, width, kind, parts=3)
        self.score, self.context = Weight(0.5), Weight(0.5)
        self.attended, self.attended_skip = Synapses(width, d, kind), Weight(0.8)
        self.hidden = Synapses(d * config.window, config.ffn, kind)
        self.output, self.output_skip = Synapses(config.ffn, d, kind), Weight(0.8)

    def forward(self, x: Tensor, batch: Batch, vth: int | None, probe: dict[str, Tensor] | None = None) -> Tensor:
        """(T, tokens, hidden) spikes to the same. `probe` collects attention counts and every population's spikes."""
        keep = self.config.keep
        q, k, v = lif(self.query_key_value(x), keep["query_key_value"], vth).chunk(3, -1)
        q_grid, k_grid, v_grid = (self._grid(part, batch) for part in (q, k, v))
        counts = _sums(q_grid, k_grid.transpose(-1, -2))
        scores = lif(counts * self.score(), keep["score"], vth)
        if self.config.causal:
            scores = scores * torch.ones(counts.shape[-2:], dtype=scores.dtype).tril()
        mixed = self._packed(_sums(scores, v_grid), batch)
        context = lif(mixed * self.context(), keep["context"], vth)
        y = lif(self.attended(context) + self.attended_skip() * x.float(), keep["residual"], vth)
        hidden = lif(self.hidden(batch.windows(y, self.config.window, self.config.causal)), keep["hidden"], vth)
        z = lif(self.output(hidden) + self.output_skip() * y.float(), keep["residual"], vth)
        if probe is not None:
            probe |= dict(query=q, key=k, value=v, score=scores, context=context, attended=y, hidden=hidden, output=z, counts=counts)
        return z

    def _grid(self, spikes: Tensor, batch: Batch) -> Tensor:
        """(T, tokens, heads * head_dim) -> (T, sentences, heads, longest, head_dim), silent where there is no token."""
        (sentences, longest), steps, heads = batch.shape, spikes.shape[0], self.config.heads
        cells = spikes.new_zeros(steps, sentences * longest, spikes.shape[-1])
        cells = cells.index_copy(1, batch.place, spikes)
        return cells.view(steps, sentences, longest, heads, -1).transpose(2, 3)

    def _packed(self, grid: Tensor, batch: Batch) -> Tensor:
        """The inverse of `_grid`."""
        flat = grid.transpose(2, 3).reshape(grid.shape[0], batch.shape[0] * batch.shape[1], -1)
        return flat[:, batch.place]


def _sums(left: Tensor, right: Tensor) -> Tensor:
    """Batched matrix product of spikes, exact in bfloat16 up to 256 terms and in float32 beyond."""
    if left.shape[-1] > 256:
        return left.float() @ right.float()
    return (left @ right).float()


class SpikingEncoder(nn.Module):
    """Host front end and layers: everything but what is read out."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.scale: int | None = None

    def blocks(self) -> Iterator[Layer]:
        """The layers in order."""
        for layer in self.layers:
            assert isinstance(layer, Layer)
            yield layer

    def driven(self) -> list[dict[str, int]]:
        """How many synapses each population's spikes reach, by its channel's rows: for the input and for each layer, as `spikes` fills its probes.
        Coincidence neurons are left out: one or two synapses a spike and pair of positions."""
        c = self.config
        width = c.heads * c.head_dim
        layer = {"context": c.hidden, "attended": c.window * c.ffn, "hidden": c.hidden, "output": 3 * width}
        return [{"x": 3 * width}, *({**layer} for _ in range(c.layers - 1)), {**layer, "output": c.classes}]

    @property
    def threshold(self) -> float:
        """One threshold in the units of drives: 1, or 1/64 synaptic units after `fold`."""
        return 1.0 if self.scale is None else float(self.scale * arith.ONE)

    def fold(self, scale: int) -> None:
        """From float student to integers at `scale` synaptic units a threshold (one for all populations: they share vth)."""
        for part in self.modules():
            if isinstance(part, Embedding | Synapses | Weight):
                part.fold(scale)
        self.scale = scale

    def spikes(self, batch: Batch, probes: list[dict[str, Tensor]] | None = None) -> Tensor:
        """(T, tokens, hidden) float32 spikes of the last layer; `probes` receives one dict for the input and one a layer."""
        drive = self.embedding(batch).expand(self.config.steps, -1, -1)
        x = lif(drive, self.config.keep["encoder"], self.scale)
        if probes is not None:
            probes.append({"x": x})
        for layer in self.blocks():
            probe: dict[str, Tensor] | None = None if probes is None else {}
            x = layer(x, batch, self.scale, probe)
            if probes is not None and probe is not None:
                probes.append(probe)
        return x


class SpikingBert(SpikingEncoder):
    """The encoder with a readout for the whole text."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.readout = nn.Parameter(torch.randn(config.classes, config.hidden) / math.sqrt(config.hidden))
        self.readout_bias = nn.Parameter(torch.zeros(config.classes))
        self.logit_scale = nn.Parameter(torch.tensor(0.1))
        self.quantise = QUANTISERS[config.weights]

    def integer_bias(self) -> Tensor:
        """Class biases in units of 1/64 per valid position (T steps included)."""
        return rounded(self.readout_bias * (arith.ONE * self.config.steps), INT32[1], INT32[0])

    def counts(self, spikes: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """(sentences, classes) class totals in 1/64 units with the bias in, exactly the chip's logits; and how many positions they sum.
        Totals are in the dtype of `readout_bias`: float64, as `models.load` makes it, holds whatever a checkpoint may say."""
        pooled = spikes.float().sum(0)
        per_class = exact_head(pooled, self.quantise(self.readout)) * arith.ONE
        if self.config.readout == "first":
            per_class = per_class * (batch.positions == 0)[:, None]
        total = torch.zeros(batch.shape[0], self.config.classes).index_add(0, batch.sentence, per_class)
        positions = torch.bincount(batch.sentence).float() if self.config.readout == "mean" else torch.ones(batch.shape[0])
        return total + positions[:, None] * self.integer_bias(), positions

    def forward(self, batch: Batch, probes: list[dict[str, Tensor]] | None = None) -> Tensor:
        """(sentences, classes) float logits for training: the integer totals per position and step, times a learned scale."""
        total, positions = self.counts(self.spikes(batch, probes), batch)
        return (total * (self.logit_scale / (arith.ONE * self.config.steps)) / positions[:, None]).float()


def exact_head(counts: Tensor, codes: Tensor) -> Tensor:
    """(tokens, D) spike counts times ternary codes, in float32 (sums stay far below 2^24)."""
    return counts @ codes.T
