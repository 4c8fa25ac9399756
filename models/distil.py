"""What a student learns from its teacher: logits, hidden states through a learned map, attention scores (papers: SpikingBERT, TinyBERT)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritspike.models.finetune_teacher import task_loss
from tritspike.models.nets.listening import firing
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.values import Spikes
from tritspike.models.spiking_bert import SpikingBert, SpikingEncoder
from tritspike.models.student_options import LossWeights, SpikePrice
from tritspike.models.teacher import Teacher
from tritspike.runtime.tasks.labelled import Task


def priced(weights: SpikePrice, student: SpikingEncoder, seen: dict[str, Spikes]) -> Tensor:
    """What a student's spikes cost (`SpikePrice.price`)."""
    terms = [torch.zeros(())]
    if weights.rate:
        terms.append(weights.rate * (mean_rate(seen) - weights.rate_target).clamp_min(0))
    if weights.operations:
        terms.append(weights.operations * (operation_rate(seen, student.driven()) - weights.operations_target).clamp_min(0))
    return torch.stack(terms).sum()


class Distiller(nn.Module):
    """The loss of one batch. Owns the learned maps, which are trained with the student and thrown away after."""

    def __init__(self, student: SpikingBert, teacher: Teacher, task: Task, weights: LossWeights) -> None:
        super().__init__()
        self.task, self.weights = task, weights
        self.teacher = [teacher]  # in a list: its parameters are not ours to train or save
        self.map = nn.Linear(student.config.hidden, teacher.model.config.hidden_size)
        self.attention_scale = nn.Parameter(torch.tensor(1.0))
        self.blocks = teacher.model.config.num_hidden_layers // student.config.layers

    def wants_states(self, step: int) -> bool:
        """Whether this step runs the teacher."""
        return self.weights.hidden + self.weights.attention > 0 and step % self.weights.states_every == 0

    def forward(self, student: SpikingBert, batch: Batch, soft: Tensor, labels: Tensor, step: int) -> Tensor:
        """Loss of a batch. soft: (sentences, classes) teacher logits; labels: (sentences,), NaN where a text has none."""
        with firing(student) as seen:
            logits = student(batch)
        loss = self.weights.logits * soft_loss(self.task, logits, soft, self.weights.temperature)
        known = ~labels.isnan()
        if self.weights.labels and known.any():
            loss = loss + self.weights.labels * task_loss(self.task, logits[known], labels[known]) * known.float().mean()
        loss = loss + self.weights.price(student, seen)
        return loss + self._states(student, seen, batch) if self.wants_states(step) else loss

    def _states(self, student: SpikingBert, seen: dict[str, Spikes], batch: Batch) -> Tensor:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            out = self.teacher[0].outputs(batch, states=True)
        loss = torch.zeros(())
        for n, layer in enumerate(student.blocks()):
            target = out.hidden_states[(n + 1) * self.blocks].float().flatten(0, 1)[batch.place]
            loss = loss + self.weights.hidden * F.mse_loss(self.map(seen[f"layer.{n}.output"].tensor.float().mean(0)), target)
            counts, _ = layer.score.hears.counts(seen[f"layer.{n}.query"], seen[f"layer.{n}.key"])
            met = counts.mean(0).movedim(-1, 1)
            loss = loss + self.weights.attention * self._attention(met, out.attentions[(n + 1) * self.blocks - 1].float(), batch)
        return loss / len(student.layer)

    def _attention(self, counts: Tensor, probabilities: Tensor, batch: Batch) -> Tensor:
        """MSE of centred scores. log softmax is the teacher's pre-softmax score up to a constant a row, which centring removes."""
        heads = counts.shape[1]  # of (texts, heads, queries, keys)
        scores = probabilities.clamp_min(1e-6).log().unflatten(1, (heads, -1)).mean(2)
        mask = batch.mask().float()
        cells = (mask[:, :, None] * mask[:, None, :])[:, None].expand_as(scores)
        difference = _centred(counts * self.attention_scale, mask) - _centred(scores, mask)
        return (difference.square() * cells).sum() / cells.sum()


def soft_loss(task: Task, logits: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """KL divergence from the teacher's classes at a temperature; squared difference where there is one number."""
    if not task.labels:
        return F.mse_loss(logits, soft)
    return F.kl_div(F.log_softmax(logits / temperature, -1), F.softmax(soft / temperature, -1), reduction="batchmean") * temperature**2


def mean_rate(seen: dict[str, Spikes]) -> Tensor:
    """Mean over populations of their spike rates, each counted once."""
    return torch.stack([spikes.rate() for spikes in seen.values()]).mean()


def operation_rate(seen: dict[str, Spikes], driven: dict[str, int]) -> Tensor:
    """Share of the synapses behind these populations that are reached in a step (`SpikingEncoder.driven`)."""
    every = {name: fan * seen[name].tensor[0, 0].numel() for name, fan in driven.items()}
    return torch.stack([seen[name].rate() * reached for name, reached in every.items()]).sum() / sum(every.values())


def _centred(scores: Tensor, mask: Tensor) -> Tensor:
    keys = mask[:, None, None, :]
    return scores - (scores * keys).sum(-1, keepdim=True) / keys.sum(-1, keepdim=True)
