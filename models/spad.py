"""Spike-aware alignment distillation (SpAD, after BiSpikCLM, arXiv 2605.13859): what a causal student learns from a causal teacher.

    L = 0.2 embedding + 0.1 attention + 0.1 features + 0.3 tau^2 KL(logits) + 0.3 cross-entropy

Attention and features are each g * RateMSE + (1 - g) * MSE. MSE compares the student's spike rates with the teacher's tensor; RateMSE with the
spike rates that the tensor itself has as a constant current into the student's own LIF. Widths differ, so embedding and features go through
learned maps; the student's layer n learns from the last teacher layer of the n-th of equal blocks. What the paper leaves open is fixed here:
hidden states are standardised over their channels, attention is relative to a query's strongest key (an AND can say no more), and heads are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritspike.models.bispikclm import SpikingLM
from tritspike.models.distil import mapped
from tritspike.models.nets.listening import firing
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.values import Spikes
from tritspike.models.spiking import lif
from tritspike.models.student_options import SpadWeights
from tritspike.models.teacher import CausalTeacher


class SpadDistiller(nn.Module):
    """The loss of one batch. Owns the learned maps, which are trained with the student and thrown away after."""

    def __init__(self, student: SpikingLM, teacher: CausalTeacher, weights: SpadWeights) -> None:
        super().__init__()
        config, self.weights = teacher.model.config, weights
        self.teacher = [teacher]  # in a list: its parameters are not ours to train or save
        self.config, self.blocks = student.config, max(1, config.num_hidden_layers // student.config.layers)
        width = teacher.model.get_input_embeddings().weight.shape[1]
        self.embedding_map = nn.Linear(student.config.hidden, width)
        self.feature_maps = nn.ModuleList(nn.Linear(student.config.hidden, config.hidden_size) for _ in range(2))  # to rates, to values

    def forward(self, student: SpikingLM, batch: Batch, targets: Tensor) -> Tensor:
        """Loss of a batch, or of a process' share of it. targets: (tokens,) the token after each."""
        w, loss = self.weights, torch.zeros(())
        with firing(student) as seen:
            logits = student(batch)
        if w.labels:
            loss = loss + w.labels * F.cross_entropy(logits, targets)
        loss = loss + w.price(student, seen)
        loss = loss + self._taught(student, batch, logits, seen) if w.teacher else loss
        return loss * batch.share.tokens  # of pairs it has the same share: all texts are of one length

    def _taught(self, student: SpikingLM, batch: Batch, logits: Tensor, seen: dict[str, Spikes]) -> Tensor:
        w, loss = self.weights, torch.zeros(())
        with torch.no_grad(), self.teacher[0].halved():
            out = self.teacher[0].outputs(batch, states=w.attention + w.features > 0)
        if w.logits:
            soft, tau = self.teacher[0].token_logits(out, batch), w.temperature
            divergence = F.kl_div(F.log_softmax(logits / tau, -1), F.log_softmax(soft / tau, -1), reduction="batchmean", log_target=True)
            loss = loss + w.logits * tau**2 * divergence
        if w.embedding:
            loss = loss + w.embedding * self._embedding(student, batch)
        for n in range(self.config.layers):
            later, share = (n + 1) * self.blocks, 1 / self.config.layers
            if w.features:
                loss = loss + w.features * share * self._features(seen[f"layer.{n}.output"].tensor, out.hidden_states[later], batch)
            if w.attention:
                loss = loss + w.attention * share * self._attention(seen[f"layer.{n}.score"].tensor, out.attentions[later - 1], batch)
        return loss

    def _embedding(self, student: SpikingLM, batch: Batch) -> Tensor:
        """MSE of the student's current, in thresholds, mapped to the teacher's standardised rows."""
        driven = student.x.driven
        assert driven is not None
        rows = self.teacher[0].model.get_input_embeddings()(batch.ids).detach().float()
        return F.mse_loss(mapped(self.embedding_map, driven / student.threshold), standard(rows))

    def _features(self, spikes: Tensor, states: Tensor, batch: Batch) -> Tensor:
        rates, values = spikes.float().mean(0), standard(states.flatten(0, 1)[batch.place].float())
        to_rates, to_values = self.feature_maps
        by_rate = F.mse_loss(mapped(to_rates, rates), self._rates(values, "residual"))
        return self._mixed(by_rate, F.mse_loss(mapped(to_values, rates), values))

    def _attention(self, scores: Tensor, probabilities: Tensor, batch: Batch) -> Tensor:
        """scores: (T, texts, queries, keys, heads) spikes; probabilities: (texts, heads, queries, keys)."""
        relative = probabilities.float() / probabilities.float().amax(-1, keepdim=True).clamp_min(1e-6)
        rates, cells = scores.float().mean((0, -1)), batch.pairs().tril().float()
        by_rate = (rates - self._rates(relative, "score").mean(1)).square()
        by_value = (rates - relative.mean(1)).square()
        return self._mixed((by_rate * cells).sum() / cells.sum(), (by_value * cells).sum() / cells.sum())

    def _rates(self, current: Tensor, kind: str) -> Tensor:
        """Spike rate of each element of a constant current, in thresholds, through the student's LIF of that kind."""
        drive = current.detach().expand(self.config.steps, *current.shape).contiguous()
        return lif(drive, self.config.keep[kind], None).float().mean(0)

    def _mixed(self, by_rate: Tensor, by_value: Tensor) -> Tensor:
        return self.weights.rate_mix * by_rate + (1 - self.weights.rate_mix) * by_value


def standard(values: Tensor) -> Tensor:
    """Each row with mean 0 and variance 1: some channels of a transformer's states are hundreds of times the others."""
    return F.layer_norm(values, values.shape[-1:])
