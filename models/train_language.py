"""Train a spiking causal language model; `python -m models.train` with a recipe whose task is "lm" comes here.

    python -m models.train --config models/configs/lm.toml --teacher DIR --data WIKITEXT --out RUN [--unlabelled FILE ...]

The same two phases as a classifier's. Text is read in crops of max_length tokens; what is chosen is chosen by perplexity on WikiText's
validation file. Its test file is scored once, at the end, or not at all (`--no-dev`).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tritspike.models import devices, processes
from tritspike.models.bigrams import start_head
from tritspike.models.bispikclm import SpikingLM
from tritspike.models.devices import CPU
from tritspike.models.export import export
from tritspike.models.nets.packing import Batch
from tritspike.models.phases import Phases
from tritspike.models.recipe import LANGUAGE, STREAM, Recipe
from tritspike.models.sizes import language_config
from tritspike.models.spad import SpadDistiller
from tritspike.models.start import start_from, start_student
from tritspike.models.streams import crops, perplexity, require_same_tokenizer, reviews, scored_batches, stream_of, wikitext
from tritspike.models.student_options import SpadWeights
from tritspike.models.teacher import CausalTeacher, load_causal_teacher
from tritspike.models.train_stream import StreamTrainer
from tritspike.runtime.files import make_folder, read_json, write_atomic


class LanguageTrainer(Phases):
    """A language model's run: its student and its streams of tokens."""

    student: SpikingLM

    def __init__(self, recipe: Recipe, teacher: CausalTeacher, folder: Path, files: Sequence[Path], out: Path, earlier: Path | None = None) -> None:
        super().__init__(recipe, out)
        assert isinstance(recipe.loss, SpadWeights)
        require_same_tokenizer(teacher.tokenizer, out / "tokenizer.json")
        model = language_config(teacher.tokenizer.get_vocab_size(), **recipe.model)
        self.teacher, self.length, self.folder = teacher, model.max_length, folder
        others = reviews(files, recipe.schedule.unlabelled)
        self.streams = [stream_of(teacher.tokenizer, texts, self.length) for texts in (wikitext(folder, "train"), others) if texts]
        self.valid = stream_of(teacher.tokenizer, wikitext(folder, "valid"), self.length)
        self.student = SpikingLM(model)
        start_student(self.student, teacher, self.streams[0].ids, recipe.start)
        current, ids = self.student.x.current, self.streams[0].ids
        start_head(current, self.student.answer, ids, recipe.start.head, model.steps, self.student.x.keep)
        if earlier is not None:
            start_from(self.student, earlier, recipe.task, recipe.start)
        self.distiller = SpadDistiller(self.student, teacher, recipe.loss)
        self.card |= {"vocabulary": model.vocabulary, "classes": model.classes, "train_tokens": [len(s.ids) for s in self.streams]}

    def _draw(self, name: str, step: int) -> tuple[Batch, Tensor]:
        schedule = self.recipe.schedule
        return crops(self.streams, schedule.task_share, self.random(name, step), schedule.batch, self.length)

    def given(self, name: str, step: int) -> tuple[Batch, Tensor]:
        """Random crops, or this process' part of them."""
        batch, targets = self._draw(name, step)
        return batch.to(self.device), devices.moved(targets, self.device)

    def loss(self, name: str, step: int) -> Tensor:
        """Of random crops."""
        loss: Tensor = self.distiller(self.student, *self.batches.at(name, step))
        return loss

    def handled(self) -> tuple[int, str]:
        """Tokens."""
        return self.recipe.schedule.batch * self.length, "tokens"

    def check(self) -> float:
        """Perplexity on the first `held_out` windows of the validation file."""
        self.student.eval()
        return round(perplexity(self.student, self.valid, self.length, self.recipe.schedule.held_out), 4)

    def distance(self) -> float | None:
        """Not measured: perplexity says it."""
        return None

    def calibration(self) -> list[Batch]:
        """Of the same mixture."""
        return [self._draw("calibration", n)[0] for n in range(self.recipe.schedule.calibration_batches)]

    def probe(self) -> list[Batch]:
        """The first windows of the validation file."""
        return [batch for batch, _, _ in scored_batches(self.valid, self.length, self.length, 32, 16)]

    def whole(self, split: str) -> float:
        """Perplexity of the student as it is now on all of one of WikiText's files as one text: what `runtime perplexity` measures."""
        self.student.eval()
        stream = stream_of(self.teacher.tokenizer, ["".join(wikitext(self.folder, split))], self.length)
        return round(perplexity(self.student, stream, self.length), 4)

    def export(self, tokenizer: Tokenizer) -> None:
        """The checkpoint."""
        export(self.student, tokenizer, LANGUAGE, self.out, self.card)

    def teacher_perplexity(self) -> float:
        """The teacher's, on the windows that the student is chosen by."""
        teacher = self.teacher
        return round(
            perplexity(lambda b: teacher.token_logits(teacher.outputs(b), b), self.valid, self.length, self.recipe.schedule.held_out),
            4,
        )


def train(
    recipe: Recipe,
    teacher: str,
    folder: Path,
    files: Sequence[Path],
    out: Path,
    command: str,
    test: bool = True,
    earlier: Path | None = None,
    device: torch.device = CPU,
) -> dict[str, Any]:
    """The whole run; returns the card that it, or the process that leads it, also writes."""
    make_folder(out)
    source = load_causal_teacher(teacher).on(device)
    kind = StreamTrainer if recipe.family == STREAM else LanguageTrainer
    run = kind(recipe, source, folder, files, out, earlier).on(device)
    if processes.leads():
        write_atomic(out / "tokenizer.json", copy.deepcopy(source.tokenizer).to_str().encode())
    run.float_phase()
    run.integer_phase()
    if processes.leads():
        _finish(run, source, Path(teacher), command, test)
    return run.card


def _finish(run: LanguageTrainer | StreamTrainer, source: CausalTeacher, teacher: Path, command: str, test: bool) -> None:
    """Score WikiText's files, and write the checkpoint and its card."""
    path = teacher / "card.json"
    run.card |= {split: run.whole(split) for split in ("valid", "test") if test or split == "valid"}
    run.card |= {"command": command, "teacher_held_out": run.teacher_perplexity(), "teacher": read_json(path) if path.exists() else None}
    run.card |= run.ran_on()
    run.export(copy.deepcopy(source.tokenizer))
    print(f"held-out perplexity {run.card['held_out_integer']}, the teacher's {run.card['teacher_held_out']}", file=sys.stderr)
