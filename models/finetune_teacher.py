"""Fine-tune a float teacher on a GLUE task: `python -m models.finetune_teacher --base DIR --task sst2 --data DIR --out DIR`.

The checkpoint kept is the best on a slice held out of *train*; dev is scored once, at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from models.data import Corpus, encode, pack, shuffled_batches, training_part
from models.teacher import Teacher, load_teacher
from runtime import glue
from runtime.cli import run_command
from runtime.files import write_atomic

_WARM_UP = 0.06  # share of the steps with a rising rate; BERT's fine-tuning recipe


@dataclass(frozen=True)
class Options:
    """What a run is made of; the whole of it goes into the card."""

    base: str
    task: str
    data: str
    out: str
    epochs: float = 1.0
    rate: float = 5e-5
    batch: int = 32
    max_length: int = 64
    checks: int = 4
    held_out: int = 1000
    seed: int = 0
    dev: bool = True  # False leaves dev unscored: a search must not look at it


def finetune(options: Options, command: str) -> dict[str, float]:
    """Train, keep the best on the held-out slice, score dev once, write `card.json`. Returns dev's metrics, or the slice's without dev."""
    torch.manual_seed(options.seed)
    task = glue.task_named(options.task)
    teacher = load_teacher(options.base, max(1, len(task.labels)))
    train, held = training_part(task, options.data, options.held_out)
    start = time.time()
    curve = _train(teacher, task, train, held, options)
    best = load_teacher(options.out)
    metrics = evaluate(best, task, glue.read(task, options.data) if options.dev else held, options.max_length)
    card = {
        "command": command,
        "options": vars(options),
        "train_examples": len(train),
        "held_out_curve": curve,
        "dev" if options.dev else "held_out": metrics,
        "minutes": round((time.time() - start) / 60, 1),
    }
    write_atomic(Path(options.out) / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    return metrics


def _train(teacher: Teacher, task: glue.Task, train: list[glue.Example], held: list[glue.Example], o: Options) -> list[float]:
    corpus = encode(teacher.tokenizer, [e.text for e in train], o.max_length)
    labels = torch.tensor([e.label for e in train])
    steps = max(1, int(o.epochs * len(corpus) / o.batch))
    optimiser = torch.optim.AdamW(teacher.model.parameters(), lr=o.rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min(s / (_WARM_UP * steps + 1), 1 - s / (steps + 1)))
    batches = shuffled_batches(corpus, steps, o.batch, o.seed)
    curve: list[float] = []
    for step in track(range(1, steps + 1), description=f"teacher {o.task}"):
        _update(teacher, task, corpus, batches[step - 1], labels, optimiser)
        schedule.step()
        if step % max(1, steps // o.checks) == 0:
            curve.append(evaluate(teacher, task, held, o.max_length)[task.metrics[0]])
            print(f"step {step}: held-out {task.metrics[0]} {curve[-1]:.4f}", file=sys.stderr)
            if curve[-1] == max(curve):
                teacher.save(Path(o.out))
    return curve


def _update(teacher: Teacher, task: glue.Task, corpus: Corpus, rows: np.ndarray, labels: torch.Tensor, optimiser: torch.optim.Optimizer) -> None:
    teacher.model.train()
    batch = pack(corpus, rows)
    with torch.autocast("cpu", torch.bfloat16):  # products 2-3 times as fast as float32; the weights stay float32
        out = teacher.outputs(batch).logits
    loss = task_loss(task, out.float(), labels[rows])
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(teacher.model.parameters(), 1.0)
    optimiser.step()


def task_loss(task: glue.Task, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy for classes, squared error for regression."""
    if task.labels:
        return torch.nn.functional.cross_entropy(logits, labels.long())
    return torch.nn.functional.mse_loss(logits[:, 0], labels)


def predictions(task: glue.Task, logits: np.ndarray) -> list[float]:
    """Class index of the largest logit, or the number itself for regression."""
    return [float(p) for p in (logits.argmax(1) if task.labels else logits[:, 0])]


def evaluate(teacher: Teacher, task: glue.Task, examples: list[glue.Example], max_length: int) -> dict[str, float]:
    """The task's metrics of the teacher on `examples`."""
    logits = teacher.logits(encode(teacher.tokenizer, [e.text for e in examples], max_length), "evaluate")
    return glue.score(task, predictions(task, logits), [e.label for e in examples])


def _options(argv: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m models.finetune_teacher", description=__doc__)
    for name in ("base", "task", "data", "out"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("epochs", "rate", "batch", "max_length", "checks", "held_out", "seed"):
        default = getattr(Options, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--no-dev", dest="dev", action="store_false", help="leave dev unscored, for searches")
    return Options(**vars(parser.parse_args(argv)))


def main(argv: list[str]) -> None:
    """The command."""
    metrics = finetune(_options(argv), "python -m models.finetune_teacher " + " ".join(argv))
    print(" ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    run_command(main)
