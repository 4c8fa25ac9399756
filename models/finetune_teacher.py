"""Fine-tune a float teacher on labelled texts: `python -m models.finetune_teacher --base DIR --task sst2|OWN.toml [--data DIR] --out DIR`.

Several `--rate`s are tried one after another. The checkpoint kept is the best, of all rates and all checks, on a slice held out of *train*;
dev is scored once, at the end. Each rate's own best stays in OUT/rate-R, and a rate that is there already is not trained again.
"""

from __future__ import annotations

if __name__ == "__main__":  # before what is imported below, which the command has too
    from tritspike.models.commands.table import alone

    alone("finetune-teacher", __spec__.name)

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tritspike.hw_profiles.errors import decoding
from tritspike.models.data import Corpus, encode, pack, shuffled_batches, training_part
from tritspike.models.devices import CPU
from tritspike.models.progress import Watched
from tritspike.models.teacher import Teacher, load_teacher
from tritspike.models.teacher_options import FineTuning
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import read_json, write_atomic
from tritspike.runtime.streams import say
from tritspike.runtime.tasks import dataset, labelled
from tritspike.runtime.tasks.labelled import Example, Task

_NOT_THE_RUN = ("out", "dev", "rates")  # options that one rate's training does not depend on
_WARM_UP = 0.06  # share of the steps with a rising rate; BERT's fine-tuning recipe


def finetune(options: FineTuning, command: str, device: torch.device = CPU) -> dict[str, float]:
    """Train at every rate, keep the best on the held-out slice, score dev once, write `card.json`.
    Returns dev's metrics, or the slice's without dev."""
    task = labelled.task_named(options.task)
    data = labelled.place(task, options.data)
    train, held = training_part(task, data, options.held_out)
    cards = [_try(rate, task, train, held, options, device) for rate in options.rates]
    with decoding(options.out, "set of cards of rates", FileError):
        best = max(cards, key=lambda card: max(card["held_out_curve"]))
    teacher = load_teacher(str(_folder(options, best["rate"]))).on(device)
    teacher.save(Path(options.out))
    metrics = evaluate(teacher, task, dataset.read(task, data) if options.dev else held, options.max_length)
    card = {
        "command": command,
        "options": vars(options),
        "train_examples": len(train),
        "tries": cards,
        "rate": best["rate"],
        "dev" if options.dev else "held_out": metrics,
    }
    write_atomic(Path(options.out) / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    return metrics


def _folder(o: FineTuning, rate: float) -> Path:
    return Path(o.out) / f"rate-{rate:g}"


def _try(rate: float, task: Task, train: list[Example], held: list[Example], o: FineTuning, device: torch.device) -> dict[str, Any]:
    """The card of one rate's run, whose best is saved beside it. Cards that are there already must be of the same options."""
    path, said = _folder(o, rate) / "card.json", {k: v for k, v in vars(o).items() if k not in _NOT_THE_RUN}
    if path.exists():
        card: dict[str, Any] = read_json(path)
        if card.get("options") != said:
            raise InputError(f"{path.parent}: trained with other options: {card.get('options')}", "another --out")
        return card
    torch.manual_seed(o.seed)
    start, teacher = time.time(), load_teacher(o.base, max(1, len(task.labels)), o.apart).on(device)
    curve = _train(teacher, task, train, held, o, rate)
    card = {"rate": rate, "options": said, "held_out_curve": curve, "minutes": round((time.time() - start) / 60, 1)}
    write_atomic(path, (json.dumps(card, indent=1) + "\n").encode())
    return card


def _train(teacher: Teacher, task: Task, train: list[Example], held: list[Example], o: FineTuning, rate: float) -> list[float]:
    corpus = encode(teacher.tokenizer, [e.text for e in train], o.max_length)
    labels = torch.tensor([e.label for e in train])
    steps = max(1, int(o.epochs * len(corpus) / o.batch))
    curve: list[float] = []
    if teacher.apart:
        teacher.start_classifier(corpus, labels)
        _check(teacher, task, held, o, rate, curve, "before the first step")
    optimiser = torch.optim.AdamW(teacher.model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min(s / (_WARM_UP * steps + 1), 1 - s / (steps + 1)))
    batches = shuffled_batches(corpus, steps, o.batch, o.seed)
    watched = Watched(range(1, steps + 1), f"teacher {o.task}, rate {rate:g}", (o.batch, "texts"))
    for step in watched:
        watched.loss = _update(teacher, task, corpus, batches[step - 1], labels, optimiser)
        schedule.step()
        if step % max(1, steps // o.checks) == 0:
            _check(teacher, task, held, o, rate, curve, f"step {step} of {steps}")
    return curve


def _check(teacher: Teacher, task: Task, held: list[Example], o: FineTuning, rate: float, curve: list[float], at: str) -> None:
    curve.append(evaluate(teacher, task, held, o.max_length)[task.metrics[0]])
    say(f"rate {rate:g}, {at}: held-out {task.metrics[0]} {curve[-1]:.4f}")
    if curve[-1] == max(curve):
        teacher.save(_folder(o, rate))


def _update(teacher: Teacher, task: Task, corpus: Corpus, rows: np.ndarray, labels: torch.Tensor, optimiser: torch.optim.Optimizer) -> torch.Tensor:
    teacher.model.train()
    batch = pack(corpus, rows)
    with teacher.halved():
        out = teacher.outputs(batch).logits
    loss = task_loss(task, out.float(), labels[rows].to(out.device))
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(teacher.model.parameters(), 1.0)
    optimiser.step()
    return loss.detach()


def task_loss(task: Task, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy for classes, squared error for regression."""
    if task.labels:
        return torch.nn.functional.cross_entropy(logits, labels.long())
    return torch.nn.functional.mse_loss(logits[:, 0], labels)


def predictions(task: Task, logits: np.ndarray) -> list[float]:
    """Class index of the largest logit, or the number itself for regression."""
    return [float(p) for p in (logits.argmax(1) if task.labels else logits[:, 0])]


def evaluate(teacher: Teacher, task: Task, examples: list[Example], max_length: int) -> dict[str, float]:
    """The task's metrics of the teacher on `examples`."""
    logits = teacher.logits(encode(teacher.tokenizer, [e.text for e in examples], max_length), "evaluate")
    return labelled.score(task, predictions(task, logits), [e.label for e in examples])
