"""Train a spiking student and write its integer checkpoint.

    python -m models.train --config models/configs/sst2-small.toml --teacher DIR --data DIR --out CKPT [--unlabelled FILE]

Phase one trains floats with surrogate gradients; `fold` makes them integers; phase two trains on in the chip's own arithmetic, so
the accuracy reported is the chip's. A killed run goes on where it stopped when the same command is given again. Every choice is made
on a slice held out of *train*; dev is scored once, at the end.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from models import state
from models.data import Corpus, encode, hold_out, length_sorted_batches, pack
from models.distil import Distiller, LossWeights
from models.export import export
from models.finetune_teacher import predictions
from models.fold import population_spikes, recalibrate, scale_limits, spike_rates, spike_report
from models.spiking_bert import BertConfig, SpikingBert
from models.teacher import Teacher, load_teacher
from models.training_set import TrainingSet, build, cached_logits, start_from_teacher
from runtime import glue
from runtime.cli import run_command
from runtime.errors import FileError
from runtime.files import read_json

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. Rates fall linearly to zero after a short warm-up."""

    float_steps: int = 8000
    integer_steps: int = 2000
    batch: int = 32
    rate: float = 1e-3
    integer_rate: float = 2e-4
    warm_up: int = 200
    task_share: float = 0.4  # of a batch's texts, from the task's own training set; the rest is unlabelled text
    unlabelled: int = 150_000  # sentences taken from the unlabelled file
    held_out: int = 1000
    check_every: int = 500
    calibration_batches: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """The TOML file: [task] name, [model], [loss], [schedule]."""

    task: str
    model: dict[str, Any]
    loss: LossWeights = field(default_factory=LossWeights)
    schedule: Schedule = field(default_factory=Schedule)


def read_recipe(path: Path) -> Recipe:
    """Parse and check a recipe; unknown keys are refused with one line."""
    try:
        raw = tomllib.loads(path.read_text())
        BertConfig(vocabulary=1, classes=1, **raw.get("model", {}))  # refuses keys it does not know
        return Recipe(raw["task"], raw.get("model", {}), LossWeights(**raw.get("loss", {})), Schedule(**raw.get("schedule", {})))
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise FileError(f"{path}: not a training recipe: {error}") from None


class Trainer:
    """One run: its student, its data and its card, which is also the record that a resumed run reads."""

    def __init__(self, recipe: Recipe, teacher: Teacher, data: str, unlabelled: Path | None, out: Path) -> None:
        schedule = recipe.schedule
        torch.manual_seed(schedule.seed)
        self.recipe, self.teacher, self.out, self.task = recipe, teacher, out, glue.task_named(recipe.task)
        model = BertConfig(vocabulary=teacher.tokenizer.get_vocab_size(), classes=max(1, len(self.task.labels)), **recipe.model)
        train, held = hold_out(glue.read(self.task, data, "train"), schedule.held_out, 8, schedule.seed)
        self.held, self.held_labels = encode(teacher.tokenizer, [e.text for e in held], model.max_length), [e.label for e in held]
        self.set: TrainingSet = build(teacher, train, unlabelled, schedule.unlabelled, model.max_length, schedule.seed)
        self.set = cached_logits(self.set, teacher, out / "cache")
        self.student = SpikingBert(model)
        start_from_teacher(self.student, teacher, self.set.corpus)
        self.distiller = Distiller(self.student, teacher, self.task, recipe.loss)
        self.card: dict[str, Any] = {"curves": {"float": [], "integer": []}, "minutes": 0.0}

    def float_phase(self) -> None:
        """Surrogate-gradient training, then statistics recomputed over the same mixture."""
        if not state.load(self.out / "float", self.student, self.card):
            self._phase("float", self.recipe.schedule.float_steps, self.recipe.schedule.rate)
            recalibrate(self.student, self._calibration())
            self.card["held_out_float"] = self.check()
            state.save(self.out / "float", self.student, self.card)

    def integer_phase(self) -> None:
        """Fold, report what folding costs, train on in integers."""
        self.student.eval()
        probe = [pack(self.held, rows) for rows in length_sorted_batches(self.held, 32)[::6]]
        before, limits = population_spikes(self.student, probe), scale_limits(self.student)
        self.student.fold(limits[0][0])
        cost = {
            "scale": limits[0][0],
            "limits": [list(limit) for limit in limits[:8]],
            "populations": spike_report(before, population_spikes(self.student, probe)),
        }
        self.card |= {"fold": cost, "held_out_folded": self.check()}
        self._phase("integer", self.recipe.schedule.integer_steps, self.recipe.schedule.integer_rate)
        self.card |= {"held_out_integer": self.check(), "spike_rates": spike_rates(population_spikes(self.student, probe))}

    def _phase(self, name: str, steps: int, rate: float) -> None:
        schedule, live = self.recipe.schedule, state.Live(self.out / f"{name}-live", self.student, self.distiller, rate)
        first = live.resume(self.card)
        self._note_schedule(name, first)
        start, spent = time.time(), self.card["minutes"]
        for step in track(range(first, steps), description=f"{name} phase", total=steps, completed=first):
            live.set_rate(rate * min((step + 1) / schedule.warm_up, 1.0) * (1 - step / steps))
            loss = self._update(live, step, name)
            if (step + 1) % schedule.check_every == 0 or step + 1 == steps:
                self.card["curves"][name].append([step + 1, round(loss, 4), self.check()])
                self.card["minutes"] = round(spent + (time.time() - start) / 60, 1)
                live.keep(self.card, step + 1)
                print(f"{name} step {step + 1}: loss {loss:.4f} held-out {self.card['curves'][name][-1][2]:.4f}", file=sys.stderr)

    def _note_schedule(self, phase: str, step: int) -> None:
        """A resumed run may go on under another schedule; the card keeps each one and where it began."""
        history = self.card.setdefault("schedules", [])
        current = asdict(self.recipe.schedule)
        if not history or history[-1]["schedule"] != current:
            history.append({"phase": phase, "from_step": step, "schedule": current})

    def _update(self, live: state.Live, step: int, name: str) -> float:
        schedule = self.recipe.schedule
        rows = self.set.draw(np.random.default_rng([schedule.seed, len(name), step]), schedule.batch, schedule.task_share)
        self.student.train()
        loss = self.distiller(self.student, pack(self.set.corpus, rows), self.set.soft[rows], self.set.labels[rows], step)
        live.step(loss)
        return float(loss.detach())

    def _calibration(self) -> list[Any]:
        schedule = self.recipe.schedule
        draws = (self.set.draw(np.random.default_rng([schedule.seed, 99, n]), 64, schedule.task_share) for n in range(schedule.calibration_batches))
        return [pack(self.set.corpus, rows) for rows in draws]

    def check(self) -> float:
        """The task's first metric on the held-out slice."""
        return self.score(self.held, self.held_labels)[self.task.metrics[0]]

    @torch.no_grad()
    def score(self, corpus: Corpus, labels: list[float]) -> dict[str, float]:
        """Metrics of the student as it is now."""
        self.student.eval()
        logits = np.zeros((len(corpus), self.student.config.classes), np.float32)
        for rows in length_sorted_batches(corpus, 64):
            logits[rows] = self.student(pack(corpus, rows)).numpy()
        return {k: round(v, 6) for k, v in glue.score(self.task, predictions(self.task, logits), labels).items()}


def train(recipe: Recipe, teacher_source: str, data: str, unlabelled: Path | None, out: Path, command: str) -> dict[str, Any]:
    """The whole run; returns the card that it also writes."""
    teacher = load_teacher(teacher_source)
    run = Trainer(recipe, teacher, data, unlabelled, out)
    run.float_phase()
    run.integer_phase()
    dev = glue.read(run.task, data)
    dev_corpus, labels = encode(teacher.tokenizer, [e.text for e in dev], run.student.config.max_length), [e.label for e in dev]
    run.card |= {
        "dev": run.score(dev_corpus, labels),
        "command": command,
        "recipe": _plain(recipe),
        "train_texts": len(run.set.corpus),
        "teacher_held_out": _teacher_score(run),
        "teacher": _teacher_card(Path(teacher_source)),
        "embedding": _embedding_note(run.student.config),
    }
    export(run.student, copy.deepcopy(teacher.tokenizer), recipe.task, run.task.labels, out, run.card)
    return run.card


def _teacher_score(run: Trainer) -> float:
    guess = predictions(run.task, run.teacher.logits(run.held, "teacher on the held-out slice"))
    return glue.score(run.task, guess, run.held_labels)[run.task.metrics[0]]


def _teacher_card(folder: Path) -> dict[str, Any] | None:
    """What fine-tuning wrote about the teacher, where it did."""
    path = folder / "card.json"
    return read_json(path) if path.exists() else None


def _embedding_note(c: BertConfig) -> str:
    return f"factorised: {c.vocabulary} x {c.embedding_rank} int8 rows times a {c.hidden} x {c.embedding_rank} int8 projection"


def _plain(recipe: Recipe) -> dict[str, Any]:
    return {"task": recipe.task, "model": recipe.model, "loss": asdict(recipe.loss), "schedule": asdict(recipe.schedule)}


def main(argv: list[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    for name in ("config", "teacher", "data", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--unlabelled", type=Path, help="xz file, one text a line")
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args(argv)
    torch.set_num_threads(o.threads)
    card = train(read_recipe(Path(o.config)), o.teacher, o.data, o.unlabelled, Path(o.out), "python -m models.train " + " ".join(argv))
    print(" ".join(f"{name} {value:.4f}" for name, value in card["dev"].items()))


if __name__ == "__main__":
    run_command(main)
