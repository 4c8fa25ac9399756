"""What a student learns from its teacher: logits, hidden states through a learned map, attention scores (papers: SpikingBERT, TinyBERT)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritspike.models import devices, processes
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
    terms = [torch.zeros((), device=next(student.parameters()).device)]
    if weights.rate:
        terms.append(weights.rate * (mean_rate(seen) - weights.rate_target).clamp_min(0))
    if weights.operations:
        terms.append(weights.operations * (operation_rate(seen, student.driven()) - weights.operations_target).clamp_min(0))
    return torch.stack(terms).sum()


@dataclass(frozen=True, eq=False)
class Answers:
    """What a batch's texts should answer. soft: (texts, classes) logits of the teacher; labels: those of the texts `known`."""

    soft: Tensor
    known: Tensor
    labels: Tensor

    @classmethod
    def of(cls, soft: Tensor, labels: Tensor) -> Answers:
        """labels: (texts,), NaN where a text has none."""
        known = (~labels.isnan()).nonzero().squeeze(1)
        return cls(soft, known, labels[known])

    def to(self, device: torch.device) -> Answers:
        """On a device."""
        return Answers(*(devices.moved(part, device) for part in (self.soft, self.known, self.labels)))

    def loss(self, task: Task, logits: Tensor, weights: LossWeights) -> Tensor:
        """The teacher's and the labels' terms, means over texts."""
        loss = weights.logits * soft_loss(task, logits, self.soft, weights.temperature)
        if weights.labels and len(self.known):
            loss = loss + weights.labels * task_loss(task, logits[self.known], self.labels) * (len(self.known) / len(logits))
        return loss


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

    def forward(self, student: SpikingBert, batch: Batch, answers: Answers, step: int) -> Tensor:
        """Loss of a batch, or of a process' share of it."""
        with firing(student) as seen:
            logits = student(batch)
        loss = answers.loss(self.task, logits, self.weights) + self.weights.price(student, seen)
        loss = loss * batch.share.texts
        return loss + self._states(student, seen, batch) if self.wants_states(step) else loss

    def _states(self, student: SpikingBert, seen: dict[str, Spikes], batch: Batch) -> Tensor:
        with torch.no_grad(), self.teacher[0].halved():
            out = self.teacher[0].outputs(batch, states=True)
        loss, share = torch.zeros(()), batch.share
        for n, layer in enumerate(student.blocks()):
            target = out.hidden_states[(n + 1) * self.blocks].float().flatten(0, 1)[batch.place]
            rates = mapped(self.map, seen[f"layer.{n}.output"].tensor.float().mean(0))
            loss = loss + self.weights.hidden * F.mse_loss(rates, target) * share.tokens
            counts, _ = layer.score.hears.counts(seen[f"layer.{n}.query"], seen[f"layer.{n}.key"])
            met = counts.mean(0).movedim(-1, 1)
            loss = loss + self.weights.attention * self._attention(met, out.attentions[(n + 1) * self.blocks - 1].float(), batch) * share.pairs
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


def mapped(by: nn.Module, values: Tensor) -> Tensor:
    """What is the student's as what is the teacher's, by a learned map of floats."""
    with devices.halved(values.device):
        found: Tensor = by(values)
    return found.float()


def mean_rate(seen: dict[str, Spikes]) -> Tensor:
    """Mean over populations of their spike rates, each counted once."""
    return torch.stack(rates(seen)).mean()


def rates(seen: dict[str, Spikes]) -> list[Tensor]:
    """Spike rate of each population in a whole batch, of which every process has its share."""
    own = [spikes.rate() for spikes in seen.values()]
    if processes.count() == 1:
        return own
    shares = torch.tensor([_share(spikes) for spikes in seen.values()], device=own[0].device)
    return list(processes.summed(torch.stack(own) * shares).unbind())


def _share(spikes: Spikes) -> float:
    """Of the cells of its population."""
    run = spikes.run
    assert isinstance(run.packing, Batch)
    return run.packing.share.pairs if run.packed(spikes.grid) is None and not run.stream else run.packing.share.tokens


def operation_rate(seen: dict[str, Spikes], driven: dict[str, int]) -> Tensor:
    """Share of the synapses behind these populations that are reached in a step (`SpikingEncoder.driven`)."""
    every = {name: fan * seen[name].tensor[0, 0].numel() for name, fan in driven.items()}
    found = rates({name: seen[name] for name in every})
    return torch.stack([rate * reached for rate, reached in zip(found, every.values())]).sum() / sum(every.values())


def _centred(scores: Tensor, mask: Tensor) -> Tensor:
    keys = mask[:, None, None, :]
    return scores - (scores * keys).sum(-1, keepdim=True) / keys.sum(-1, keepdim=True)
