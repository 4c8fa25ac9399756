"""Answer a GLUE split with a model that needs torch, for `python -m runtime compare`, which starts this as a process of its own.

    python -m models.predict SOURCE --task T --data DIR [--split dev|train] [--limit N] --out FILE.safetensors

SOURCE is a teacher's folder, a checkpoint folder (run in integer mode, so it answers as its program does), or float.json of a training's
output folder: beside it lie float.safetensors and tokenizer.json, and it holds "recipe" (as `recipe.plain` writes it), "vocabulary" and
"classes". `runtime/tasks/versus/side.py` is the format of FILE.
"""

from __future__ import annotations

if __name__ == "__main__":  # before what is imported below, which the command has too
    from tritspike.models.commands.table import alone

    alone("predict", __spec__.name)

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tritspike.hw_profiles.errors import decoding
from tritspike.models import devices, state
from tritspike.models.data import Corpus, encode, length_sorted_batches, pack
from tritspike.models.devices import CPU
from tritspike.models.export import answer_of
from tritspike.models.flow import Flow
from tritspike.models.load import FAMILIES, load_classifier
from tritspike.models.nets.listening import firing
from tritspike.models.nets.texts import Classes
from tritspike.models.nets.values import Spikes
from tritspike.models.recipe import recipe_from
from tritspike.models.sizes import BertConfig, FlowConfig
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.teacher import Teacher, load_teacher
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import read_json
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.operations import FloatModel, Operations, float_operations
from tritspike.runtime.tasks.spike_rates import Count, Counts
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import CHECKPOINT, FLOAT_STUDENT, TEACHER, Asked, digest, files_of, kind_of, require_answerable

Student = SpikingBert | Flow
_BATCH = 32
_TEACHER_LENGTH = 128  # tokens; what a teacher reads of a text, whatever its student does
_FAULTS = (KeyError, TypeError, ValueError, RuntimeError)  # what torch and our own readers raise over tensors of other names or shapes


def predict(source: Path, asked: Asked, device: torch.device = CPU) -> Side:
    """Answer every example. Raises `TritspikeError` where the source is not sound, or of another task."""
    kind = kind_of(source)
    if kind not in _PREDICTORS:
        raise InputError(f"{source}: a {kind} needs no torch", "python -m runtime compare runs it itself")
    require_answerable(source, asked)
    with decoding(source, kind, FileError):  # a config may say what its weights, or the texts, do not fit
        return _PREDICTORS[kind](source, asked, device)


def _teacher(folder: Path, asked: Asked, device: torch.device) -> Side:
    _require_classifier(folder)
    teacher = load_teacher(str(folder)).on(device)
    classes = max(1, len(asked.task.labels))
    if teacher.model.config.num_labels != classes:
        raise InputError(f"{folder}: {teacher.model.config.num_labels} outputs, {asked.task.name} has {classes}")
    _require_order(folder, teacher.model.config.id2label, asked.task)
    corpus = encode(teacher.tokenizer, [e.text for e in asked.examples], _TEACHER_LENGTH)
    logits, tokens = teacher.logits(corpus), np.diff(corpus.starts)
    return Side(
        source=str(folder),
        kind=TEACHER,
        files=tuple(digest(path) for path in files_of(folder)),
        parameters=_parameters(teacher.model),
        guesses=_guesses(asked.task, logits),
        logits=logits,
        tokens=tokens,
        operations=_operations(teacher, corpus),
    )


def _operations(teacher: Teacher, corpus: Corpus) -> Operations | None:
    """Those of a text; a teacher that reads the texts of a pair apart does not attend from one to the other, and reads one more [CLS].
    Its alignment is left out: a product of d numbers for two words, where the encoder makes some thousand of such products for each."""
    sizes, tokens = _sizes(teacher.model.config), np.diff(corpus.starts)
    if sizes is None:
        return None
    if not teacher.apart:
        return float_operations(sizes, tokens.tolist())
    second = np.add.reduceat(corpus.segments.astype(np.int64), corpus.starts[:-1])
    found = float_operations(sizes, [*(tokens - second), *(second + 1)])
    return {name: 2 * count for name, count in found.items()}


def _require_classifier(folder: Path) -> None:
    """`FileError` where transformers would put a random classifier on top of an encoder."""
    names = read_json(folder / "config.json").get("architectures") or ["nothing that it names"]
    if not str(names[0]).endswith("ForSequenceClassification"):
        raise FileError(f"{folder}: {names[0]}, not a sequence classifier", "models.finetune_teacher makes one")


def _require_order(folder: Path, names: dict[int, str], task: labelled.Task) -> None:
    """`InputError` where the classes bear the task's names in another order, as MNLI's often do."""
    found = [str(names[n]).lower() for n in sorted(names)]
    if sorted(found) == sorted(task.labels) and found != list(task.labels):
        raise InputError(f"{folder}: classes are {', '.join(found)}, {task.name} has {', '.join(task.labels)} in this order")


def _sizes(config: object) -> FloatModel | None:
    """The encoder's own sizes, by the names that BERT's family or DistilBERT's gives them; None where it has neither."""
    names = ("num_hidden_layers", "hidden_size", "intermediate_size", "hidden_dim")
    layers, hidden, *widths = (int(getattr(config, name, None) or 0) for name in names)
    ffn = max(widths)
    return FloatModel("float teacher", layers, hidden, hidden, ffn) if layers and hidden and ffn else None


def _parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _guesses(task: labelled.Task, logits: NDArray) -> NDArray[np.float64]:
    return (logits.argmax(1) if task.labels else logits[:, 0]).astype(np.float64)


def _checkpoint(folder: Path, asked: Asked, device: torch.device) -> Side:
    devices.require_exact()
    student = load_classifier(folder).to(device)
    ran = _run(student, _corpus(folder / "tokenizer.json", asked, student.config))
    return _side(folder, CHECKPOINT, student, ran, ran.totals if asked.task.labels else ran.scores)


def _float_student(path: Path, asked: Asked, device: torch.device) -> Side:
    student = _load_float(path).to(device)
    ran = _run(student, _corpus(files_of(path)[-1], asked, student.config))
    return _side(path, FLOAT_STUDENT, student, ran, ran.scores)


def _load_float(path: Path) -> Student:
    raw = read_json(path)
    try:
        recipe = recipe_from(raw["recipe"])
        student: Student = FAMILIES[recipe.family]({"vocabulary": raw["vocabulary"], "classes": raw["classes"], **recipe.model})  # type: ignore[assignment]
        tensors, card = state.read(path)
        if card not in (None, raw):
            raise FileError(f"{path}: not the card of the weights beside it", "go on with the training, which writes it again")
        student.load_state_dict(state.part_of(tensors))
    except _FAULTS as error:
        raise FileError(f"{path}: its recipe does not give the student beside it: {_line(error)}") from None
    student.eval()
    return student


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _corpus(path: Path, asked: Asked, config: BertConfig | FlowConfig) -> Corpus:
    tokenizer = tokenizer_from(text_of(path), str(path))
    tokenizer.require_usable(config.vocabulary)
    return encode(tokenizer, [e.text for e in asked.examples], config.longest)


@dataclass(frozen=True, eq=False)
class _Ran:
    """totals: (texts, classes) float64 class totals in 1/64 units (integers where the student is folded); scores: as `Classes.scores` has them."""

    totals: NDArray[np.float64]
    scores: NDArray[np.float64]
    tokens: NDArray[np.int64]
    spikes: Counts


@torch.no_grad()
def _run(student: Student, corpus: Corpus) -> _Ran:
    answer = answer_of(student)
    assert isinstance(answer, Classes)
    totals, scores = (np.zeros((len(corpus), student.config.classes)) for _ in range(2))
    counted: dict[str, tuple[int, int]] = {}
    for rows in length_sorted_batches(corpus, _BATCH):
        with firing(student) as seen:
            total, positions = answer.answered(student.encoded(pack(corpus, rows)))
        totals[rows], scores[rows] = total.cpu().numpy(), answer.scaled(total, positions, student.config.steps).cpu().numpy()
        _count(counted, seen)
    return _Ran(totals, scores, np.diff(corpus.starts), {name: Count(*pair) for name, pair in counted.items()})


def _count(counted: dict[str, tuple[int, int]], seen: dict[str, Spikes]) -> None:
    for name, spikes in seen.items():
        before, fires = counted.get(name, (0, 0)), spikes.fires()
        counted[name] = before[0] + int(fires.sum()), before[1] + fires.numel()


def _side(source: Path, kind: str, student: Student, ran: _Ran, scores: NDArray[np.float64]) -> Side:
    return Side(
        source=str(source),
        kind=kind,
        files=tuple(digest(path) for path in files_of(source)),
        parameters=_parameters(student),
        guesses=(scores[:, 0] if student.config.classes == 1 else scores.argmax(1)).astype(np.float64),
        logits=ran.totals.astype(np.int64) if kind == CHECKPOINT else scores,
        tokens=ran.tokens,
        spikes=ran.spikes,
    )


_PREDICTORS: dict[str, Callable[[Path, Asked, torch.device], Side]] = {TEACHER: _teacher, CHECKPOINT: _checkpoint, FLOAT_STUDENT: _float_student}
