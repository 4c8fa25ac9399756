"""Spike-aware alignment distillation (`spad.py`) of a model through which tokens flow: what each token's spikes learn from the teacher's states.

The teacher reads a window, the student has no limit: of each crop the teacher reads as many tokens before it, too, and is asked for the crop alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritspike.models.distil import mapped
from tritspike.models.flow import Flow
from tritspike.models.nets.listening import heard_of, listening
from tritspike.models.nets.values import Going, Spikes
from tritspike.models.spad import standard
from tritspike.models.spiking import lif
from tritspike.models.student_options import SpadWeights
from tritspike.models.teacher import CausalTeacher


class StreamDistiller(nn.Module):
    """The loss of one batch. Owns the learned maps, which are trained with the student and thrown away after."""

    def __init__(self, student: Flow, teacher: CausalTeacher, weights: SpadWeights) -> None:
        super().__init__()
        config, c, self.weights = teacher.model.config, student.config, weights
        self.teacher = [teacher]  # in a list: its parameters are not ours to train or save
        self.outputs = [f"layer.{n}.output" for n in range(c.layers)]
        self.layers, self.steps, self.blocks = c.layers, c.steps, max(1, config.num_hidden_layers // c.layers)
        self.embedding_map = nn.Linear(c.hidden, teacher.model.get_input_embeddings().weight.shape[1])
        self.feature_maps = nn.ModuleList(nn.Linear(c.hidden, config.hidden_size) for _ in range(2))  # to rates, to values

    def forward(self, student: Flow, ids: Tensor, crop: int, kept: dict[Any, Any], share: float = 1.0) -> Tensor:
        """Loss of the last `crop` tokens but one of (samples, tokens before and in the crop) ids; `kept` is the student's state, which goes on.
        share: of all samples, which this process has."""
        w, read, targets = self.weights, ids[:, -crop - 1 : -1], ids[:, -crop:]
        with listening({name: heard for name, heard in heard_of(student).items() if name in self.outputs}) as seen:
            logits = student(Going(read, kept)).flatten(0, 1)
        outputs = [_rates(seen[name][0]) for name in self.outputs]
        loss = torch.zeros(())
        if w.labels:
            loss = loss + w.labels * F.cross_entropy(logits, targets.flatten())
        loss = loss + self._taught(student, ids[:, :-1], crop, logits, outputs) if w.teacher else loss
        return loss * share

    def _taught(self, student: Flow, ids: Tensor, crop: int, logits: Tensor, outputs: list[Tensor]) -> Tensor:
        w, teacher, loss = self.weights, self.teacher[0], torch.zeros(())
        with torch.no_grad(), teacher.halved():
            states, soft = _asked(teacher, ids, crop)
        if w.logits:
            tau = w.temperature
            divergence = F.kl_div(F.log_softmax(logits / tau, -1), F.log_softmax(soft / tau, -1), reduction="batchmean", log_target=True)
            loss = loss + w.logits * tau**2 * divergence
        if w.embedding:
            driven = student.x.driven
            assert driven is not None
            rows = teacher.model.get_input_embeddings()(ids[:, -crop:].flatten()).detach().float()
            loss = loss + w.embedding * F.mse_loss(mapped(self.embedding_map, driven / student.threshold), standard(rows))
        if w.features:
            for layer, rates in enumerate(outputs, 1):
                loss = loss + w.features / self.layers * self._features(rates, states[layer * self.blocks])
        return loss

    def _features(self, rates: Tensor, states: Tensor) -> Tensor:
        values = standard(states[:, -rates.shape[1] :].float())
        to_rates, to_values = self.feature_maps
        constant = values.detach().expand(self.steps, *values.shape).contiguous()
        by_rate = F.mse_loss(mapped(to_rates, rates), lif(constant, 3072, None).float().mean(0))
        return self.weights.rate_mix * by_rate + (1 - self.weights.rate_mix) * F.mse_loss(mapped(to_values, rates), values)


def _asked(teacher: CausalTeacher, ids: Tensor, crop: int) -> tuple[Any, Tensor]:
    """(hidden states of all layers, (samples * crop, vocabulary) logits of the last `crop` tokens)."""
    out = teacher.model.base_model(ids, output_hidden_states=True)
    head = teacher.model.get_output_embeddings()
    logits = head(out.last_hidden_state[:, -crop:].flatten(0, 1))
    return out.hidden_states, logits[:, : teacher.tokenizer.get_vocab_size()].float()


def _rates(spikes: Spikes) -> Tensor:
    """(samples, tokens, hidden) share of a token's steps in which each neuron spikes."""
    return spikes.tensor.unflatten(0, (-1, spikes.run.frame)).float().mean(1).transpose(0, 1)
