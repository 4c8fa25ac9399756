"""Train a classifier through which tokens flow (`flow.py`): a recipe of the family "stream" and a GLUE task (`train.py` has the command)."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from tritspike.models import processes
from tritspike.models.distil import Answers
from tritspike.models.earlier import begin_from
from tritspike.models.export import export
from tritspike.models.flow import Flow
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.listening import FIRING, heard_of, listening
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.texts import Verdict
from tritspike.models.phases import Phases
from tritspike.models.recipe import Recipe
from tritspike.models.sizes import FlowConfig
from tritspike.models.start import start_regression, start_words
from tritspike.models.student_options import LossWeights
from tritspike.models.teacher import Teacher
from tritspike.models.train import Trainer, embedding_note
from tritspike.models.training_set import Material
from tritspike.runtime.errors import InputError
from tritspike.runtime.tasks import labelled

_TAUGHT = ("logits", "labels", "rate")  # of the terms of `LossWeights`, those that are there without attention and windows


class FlowTrainer(Trainer):
    """A run."""

    student: Flow  # type: ignore[assignment]

    def __init__(self, recipe: Recipe, teacher: Teacher, material: Material, out: Path, earlier: Path | None = None) -> None:
        Phases.__init__(self, recipe, out)
        assert isinstance(recipe.loss, LossWeights)
        require_taught(recipe.loss)
        self.task, self.material, self.set = labelled.task_named(recipe.task), material, material.training
        model = FlowConfig(vocabulary=teacher.tokenizer.get_vocab_size(), classes=max(1, len(self.task.labels)), **recipe.model)
        self.student = Flow(model)
        start_words(self.student.x.current, teacher, self.set.corpus.ids, recipe.start.embedding)
        if not self.task.labels:
            start_regression(*self.answering(), self.set.soft)
        if earlier is not None:
            begin_from(self.student, earlier, self.task.name, recipe.start.loosened)
        self.distiller = Judged(self.task, recipe.loss)
        self.card |= {"task": self.task.name, "vocabulary": model.vocabulary, "classes": model.classes}

    def loss(self, name: str, step: int) -> Tensor:
        """Of a batch drawn from the task's texts and the others."""
        loss: Tensor = self.distiller(self.student, *self.batches.at(name, step))
        return loss

    def populations(self) -> list[dict[str, Tensor]]:
        """Spikes by population, batch by batch of `probe`."""
        self.student.eval()
        with torch.no_grad():
            return [fired(self.student, batch)[1] for batch in self.probe()]

    def answering(self) -> tuple[Tensor, Tensor]:
        """(biases of the classes in their unit, that unit in logits)."""
        assert isinstance(self.student.answer, Verdict)
        return self.student.answer.bias, self.student.answer.unit

    def embedding_note(self) -> str:
        """How many numbers the tables have, in words."""
        c = self.student.config
        return embedding_note(c.vocabulary, c.hidden, c.rank)

    def export(self, tokenizer: Tokenizer) -> None:
        """The checkpoint."""
        export(self.student, tokenizer, self.task.name, self.out, self.card, self.task.answers)


class Judged(nn.Module):
    """The loss of one batch: the teacher's logits, labels, and a price on spikes."""

    def __init__(self, task: labelled.Task, weights: LossWeights) -> None:
        super().__init__()
        self.task, self.weights = task, weights

    def forward(self, student: Flow, batch: Batch, answers: Answers) -> Tensor:
        """Of a batch, or of a process' share of it."""
        w = self.weights
        logits, spikes = fired(student, batch)
        loss = answers.loss(self.task, logits, w)
        if w.rate:
            rates = torch.stack([some.mean(dtype=torch.float32) for some in spikes.values()])
            loss = loss + w.rate * F.relu(processes.summed(rates * batch.share.tokens).mean() - w.rate_target)
        return loss * batch.share.texts


def fired(student: Flow, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """(logits, spikes by population)."""
    found: dict[str, Layer] = {name: layer for name, layer in heard_of(student).items() if isinstance(layer, FIRING)}
    with listening(found) as seen:
        logits = student(batch)
    return logits, {name: some[0].tensor for name, some in seen.items()}


def require_taught(loss: LossWeights) -> None:
    """Raises `InputError` for terms of a loss that are of other models."""
    others = [name for name in ("hidden", "attention", "operations") if getattr(loss, name)]
    if others:
        raise InputError(f"loss.{others[0]} of a model through which tokens flow", f"0, and any of {', '.join(_TAUGHT)}")
