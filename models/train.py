"""Train a spiking student and write its integer checkpoint.

    python -m models.train --config models/configs/sst2.toml|lm.toml --teacher DIR --data DIR --out RUN
        [--unlabelled FILE ...] [--cache DIR] [--from RUN] [--set KEY=VALUE ...] [--no-dev]

Phase one trains floats with surrogate gradients; `fold` makes them integers; phase two trains on in the chip's own arithmetic, so
the accuracy reported is the chip's. A killed run goes on where it stopped when the same command is given again. Every choice is made
on a slice held out of *train* and on the distance to the teacher on unseen unlabelled texts; dev is scored once, at the end, or not
at all (`--no-dev`).
"""

from __future__ import annotations

if __name__ == "__main__":  # before what is imported below, which the command has too
    from tritspike.models.commands.table import alone

    alone("train", __spec__.name)

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tritspike.models import measure, processes
from tritspike.models.data import Corpus, encode, length_sorted_batches, pack, pack_own
from tritspike.models.devices import CPU
from tritspike.models.distil import Answers, Distiller
from tritspike.models.export import export
from tritspike.models.finetune_teacher import predictions
from tritspike.models.nets.packing import Batch
from tritspike.models.phases import Phases
from tritspike.models.recipe import STREAM, Recipe
from tritspike.models.sizes import BertConfig, FlowConfig
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.start import start_from, start_regression, start_student
from tritspike.models.student_options import LossWeights, Schedule
from tritspike.models.teacher import Teacher, load_teacher
from tritspike.models.training_set import Material, Source, prepare
from tritspike.runtime.files import make_folder, read_json, write_atomic
from tritspike.runtime.tasks import dataset, labelled


class Trainer(Phases):
    """A classifier's run: its student and its data."""

    student: SpikingBert

    def __init__(self, recipe: Recipe, teacher: Teacher, material: Material, out: Path, earlier: Path | None = None) -> None:
        super().__init__(recipe, out)
        assert isinstance(recipe.loss, LossWeights)
        self.task, self.material, self.set = labelled.task_named(recipe.task), material, material.training
        model = BertConfig(vocabulary=teacher.tokenizer.get_vocab_size(), classes=max(1, len(self.task.labels)), **recipe.model)
        self.student = SpikingBert(model)
        start_student(self.student, teacher, self.set.corpus.ids, recipe.start)
        if not self.task.labels:
            start_regression(*self.answering(), self.set.soft)
        if earlier is not None:
            start_from(self.student, earlier, self.task.name, recipe.start)
        self.distiller = Distiller(self.student, teacher, self.task, recipe.loss)
        self.card |= {"task": self.task.name, "vocabulary": model.vocabulary, "classes": model.classes}

    def given(self, name: str, step: int) -> tuple[Batch, Answers]:
        """A batch drawn from the task's texts and the others, or this process' part of it."""
        batch, own = pack_own(self.set.corpus, self._draw(name, step, self.recipe.schedule.batch))
        return batch.to(self.device), Answers.of(self.set.soft[own], self.set.labels[own]).to(self.device)

    def loss(self, name: str, step: int) -> Tensor:
        """Of a batch drawn from the task's texts and the others."""
        loss: Tensor = self.distiller(self.student, *self.batches.at(name, step), step)
        return loss

    def probe(self) -> list[Batch]:
        """A sixth of the held-out slice."""
        return [pack(self.material.held, rows) for rows in length_sorted_batches(self.material.held, 32)[::6]]

    def _draw(self, name: str, step: int, batch: int) -> np.ndarray:
        schedule = self.recipe.schedule
        return self.set.draw(self.random(name, step), batch, schedule.task_share)

    def calibration(self) -> Iterable[Batch]:
        """Of the same mixture."""
        return [pack(self.set.corpus, self._draw("calibration", n, 64)) for n in range(self.recipe.schedule.calibration_batches)]

    def settle(self) -> None:
        """Where the task is judged by F1 or Matthews, or no label was learned from: shift the second class's bias to where the metric is highest."""
        texts = self._unlearned()
        if len(self.task.labels) == 2 and (len(texts) > 1 or self.task.metrics[0] != "accuracy"):
            found = np.concatenate([measure.logits(self.student, corpus) for corpus, _ in texts])
            labels = [label for _, some in texts for label in some]
            shift = measure.best_shift(found, lambda guess: self._judge(guess, labels))
            with torch.no_grad():
                bias, unit = self.answering()
                bias[1] += shift / float(unit)
            self.card.setdefault("shifts", []).append(round(shift, 4))

    def answering(self) -> tuple[Tensor, Tensor]:
        """(biases of the classes in their unit, that unit in logits)."""
        return self.student.readout.bias, self.student.readout.unit

    def _unlearned(self) -> list[tuple[Corpus, list[float]]]:
        """Texts of train whose labels the student has not learned from: the held-out slice, and the rest under a loss without labels."""
        held, own = (self.material.held, self.material.held_labels), self.set.task_texts
        assert isinstance(self.recipe.loss, LossWeights)
        return [held] if self.recipe.loss.labels else [held, (self.set.corpus.part(0, own), self.set.labels[:own].tolist())]

    def _judge(self, guess: np.ndarray, labels: list[float]) -> float:
        return labelled.score(self.task, [float(g) for g in guess], labels)[self.task.metrics[0]]

    def check(self) -> float:
        """The task's first metric on the held-out slice."""
        return self.score(self.material.held, self.material.held_labels)[self.task.metrics[0]]

    def distance(self) -> float | None:
        """`measure.distance` to the teacher on texts that are never trained on; None where there are none."""
        texts, soft = self.set.probe()
        return round(measure.distance(measure.logits(self.student, texts), soft), 5) if len(texts) else None

    def embedding_note(self) -> str:
        """How many numbers the tables have, in words."""
        c = self.student.config
        return embedding_note(c.vocabulary, c.hidden, c.embedding_rank)

    def export(self, tokenizer: Tokenizer) -> None:
        """The checkpoint."""
        export(self.student, tokenizer, self.task.name, self.out, self.card, self.task.answers)

    def score(self, corpus: Corpus, labels: list[float]) -> dict[str, float]:
        """Metrics of the student as it is now."""
        guess = predictions(self.task, measure.logits(self.student, corpus))
        return {k: round(v, 6) for k, v in labelled.score(self.task, guess, labels).items()}


def train(
    recipe: Recipe,
    teacher_source: str,
    source: Source,
    out: Path,
    command: str,
    dev: bool = True,
    earlier: Path | None = None,
    device: torch.device = CPU,
) -> dict[str, Any]:
    """The whole run; returns the card that it, or the process that leads it, also writes. `dev` False leaves dev unscored: a search must not look
    at it. earlier: a run whose float student this one starts from."""
    make_folder(out)
    teacher, task = load_teacher(teacher_source).on(device), labelled.task_named(recipe.task)
    if processes.leads():
        write_atomic(out / "tokenizer.json", copy.deepcopy(teacher.tokenizer).to_str().encode())
    with processes.leading_first():
        material = prepare(teacher, task, source, longest(recipe))
    run = kind_of(recipe)(recipe, teacher, material, out, earlier).on(device)
    run.float_phase()
    run.integer_phase()
    if processes.leads():
        _finish(run, teacher, teacher_source, source.data if dev else None, command)
    return run.card


def _finish(run: Trainer, teacher: Teacher, teacher_source: str, data: str | None, command: str) -> None:
    """Score dev, which lies in `data`, and write the checkpoint and its card."""
    if data is not None:
        examples = dataset.read(run.task, data)
        texts = encode(teacher.tokenizer, [e.text for e in examples], longest(run.recipe))
        run.card["dev"] = run.score(texts, [e.label for e in examples])
    run.card |= {
        "command": command,
        "train_texts": len(run.set.corpus),
        "teacher_held_out": teacher_score(run),
        "teacher": _teacher_card(Path(teacher_source)),
        "embedding": run.embedding_note(),
        **run.ran_on(),
    }
    run.export(copy.deepcopy(teacher.tokenizer))


def kind_of(recipe: Recipe) -> type[Trainer]:
    """Who trains models of its family."""
    from tritspike.models.train_flow import FlowTrainer  # which is one of these trainers

    return FlowTrainer if recipe.family == STREAM else Trainer


def longest(recipe: Recipe) -> int:
    """Tokens that a model reads of a text."""
    if recipe.family == STREAM:
        return FlowConfig(vocabulary=1, classes=1, **recipe.model).longest
    return BertConfig(vocabulary=1, classes=1, **recipe.model).longest


def teacher_score(run: Trainer) -> float:
    """Its metric on the slice that the student is judged by."""
    guess = predictions(run.task, run.material.held_soft)
    return labelled.score(run.task, guess, run.material.held_labels)[run.task.metrics[0]]


def _teacher_card(folder: Path) -> dict[str, Any] | None:
    """What fine-tuning wrote about the teacher, where it did."""
    path = folder / "card.json"
    return read_json(path) if path.exists() else None


def embedding_note(vocabulary: int, hidden: int, rank: int) -> str:
    """How many numbers the tables have, in words."""
    return f"factorised: {vocabulary} x {rank} int8 rows times a {hidden} x {rank} int8 projection"


def source_of(schedule: Schedule, data: str, files: Sequence[Path], cache: Path) -> Source:
    """The texts that a schedule asks for."""
    return Source(data, tuple(files), cache, schedule.unlabelled, schedule.augmented, schedule.probes, schedule.held_out, schedule.parts)
