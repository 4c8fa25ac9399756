"""Labelled texts as files and numbers: one reader and one metric path for teacher, float student and deployed program.

A task is a TOML file (`definition.py`): GLUE's nine ship in `glue/`, and are known by name; anybody's own is known by its path, ends in .toml,
and lies beside its data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tritspike.runtime.errors import DataError, InputError

_SHIPPED = Path(__file__).with_name("glue")
NAMES = tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))
SUFFIX = ".toml"
HUB = "hub"  # `--data hub` reads a task from the `datasets` hub instead of a folder
ARGUMENT = f"{', '.join(NAMES)}, or a task's own {SUFFIX}"  # what a command's --task may be


@dataclass(frozen=True)
class Example:
    """One sentence or pair with its label: a class index, or a float for regression."""

    first: str
    second: str | None
    label: float

    @property
    def text(self) -> str | tuple[str, str]:
        """What a tokenizer takes: a string, or a pair."""
        return self.first if self.second is None else (self.first, self.second)

    @property
    def texts(self) -> tuple[str, ...]:
        """Its one or two sentences."""
        return (self.first,) if self.second is None else (self.first, self.second)


@dataclass(frozen=True)
class Hub:
    """Where the package `datasets` finds it: path and name, what it calls dev, its columns of texts and of the label."""

    path: str
    name: str | None
    dev: str
    columns: tuple[str, ...]
    label: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """Where a task's columns are and how it is scored. `labels` is empty for regression; meanings: what people call them, where that differs.

    train, dev: files below the data's folder; without a dev file, `dev_share` of the train file's texts are its dev set. archive: tab separated
    without quoting, rows of any length, as GLUE's are. header: else columns are known by number. ragged: rows that break off are left out, and
    counted. held_out_words: what training holds out are texts of at least so many. file: an own task's, beside which its data are.
    """

    name: str
    columns: tuple[str, ...]
    label_column: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]  # the first is the one that the task is ranked by
    train: str = ""
    dev: str | None = None
    dev_share: float = 0.1
    archive: bool = False
    header: bool = True
    ragged: bool = False
    held_out_words: int = 1
    meanings: tuple[str, ...] = ()
    hub: Hub | None = None
    file: Path | None = None

    @property
    def word(self) -> str:
        """What `task_named` knows it by."""
        return str(self.file or self.name)

    @property
    def answers(self) -> tuple[str, ...]:
        """What a model of it calls its classes: as its files do, or for an own task as people do."""
        return self.meanings if self.file and self.meanings else self.labels


def task_named(name: str) -> Task:
    """GLUE's of that name, or that of a .toml file. Raises `InputError` with the names, `DataError` for a file that is none."""
    if name in NAMES:
        return _shipped(name)
    if not name.endswith(SUFFIX):
        raise InputError(f"task {name!r} is unknown", f"one of {ARGUMENT} file")
    from tritspike.runtime.tasks.definition import read_task

    return read_task(Path(name), own=True)


@cache
def _shipped(name: str) -> Task:
    from tritspike.runtime.tasks.definition import read_task

    return read_task(_SHIPPED / f"{name}{SUFFIX}", own=False)


def texts_of(name: str) -> int | None:
    """How many texts an example of that task has; None for tasks that are not GLUE's."""
    return len(_shipped(name).columns) if name in NAMES else None


def label_names(name: str, labels: Sequence[str]) -> tuple[str, ...]:
    """What people call a program's labels, in its order: "0" of sst2 is negative. Those of tasks that are not GLUE's are their own names."""
    called = dict(zip(_shipped(name).labels, _shipped(name).meanings)) if name in NAMES else {}
    return tuple(called.get(label, label) for label in labels)


def require_task(task: Task, own: str, where: Path | str, done: str = "compiled", labels: Sequence[str] | None = None) -> None:
    """`InputError` where a model is of another task, even with as many labels: they mean something else, in another order."""
    if own != task.name:
        way_out = f"--task {own}" if own in NAMES else f"the task's own {SUFFIX} file"
        raise InputError(f"{where}: {done} for {own}, not for {task.name}", way_out)
    if labels is not None and tuple(labels) != task.answers:
        raise InputError(f"{where}: its labels are {_listed(labels)}, those of {task.name} are {_listed(task.answers)}", "the same, in this order")


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "numbers"


def of_program(own: str, labels: Sequence[str], data: str, where: Path | str) -> tuple[Task, str]:
    """(a program's own task, where its data are): data is a folder of GLUE's files, or a task's .toml. Raises as `task_named`, `require_task`."""
    task = task_named(data if data.endswith(SUFFIX) else own)
    require_task(task, own, where, labels=labels if task.file else None)
    return task, place(task, None if task.file else data)


def place(task: Task, data: str | None) -> str:
    """Where its data are: as given, or of an own task beside its file, or the hub's. Raises `InputError` for a task of GLUE's without a folder."""
    if data is not None:
        return data
    if task.file is None:
        raise InputError(f"{task.name}: no --data", f"the folder of GLUE's files, or {HUB}")
    return str(task.file.parent) if task.train else HUB


def of_labels(name: str, labels: Sequence[str]) -> Task:
    """The task of a program: GLUE's, or of one whose file is not at hand enough to score given examples."""
    metrics = ("accuracy",) if labels else ("spearman", "pearson")
    own = Task(name=name, columns=("text",), label_column="label", labels=tuple(labels), metrics=metrics)
    return _shipped(name) if name in NAMES else own


def label_of(task: Task, text: str, where: str) -> float:
    """A class's number, by its name in files, or a number. Raises `DataError`."""
    if task.labels and text in task.labels:
        return float(task.labels.index(text))
    try:
        if task.labels or not math.isfinite(float(text)):
            raise ValueError
        return float(text)
    except ValueError:
        way_out = f"labels = [...] in the task's {SUFFIX}" if task.file and not task.labels else None
        raise DataError(f"{where}: label {text!r} is not {f'one of {_listed(task.labels)}' if task.labels else 'a number'}", way_out) from None


def examples(task: Task, pairs: Iterable[tuple[str | tuple[str, str], object]]) -> list[Example]:
    """Of (text or pair of texts, label): a class by its number, its name in the files or the one that people give it. Raises `DataError`."""
    return [_given(task, *_two(pair, f"example {n}"), f"example {n}") for n, pair in enumerate(pairs, 1)]


def _two(pair: Any, where: str) -> tuple[Any, Any]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise DataError(f"{where}: {str(pair)[:40]!r} is no text with its label", "(text, label)")
    return pair[0], pair[1]


def _given(task: Task, text: str | tuple[str, str], label: object, where: str) -> Example:
    names = {**dict(zip(task.meanings, task.labels)), **{name: name for name in task.labels}}
    found = label_of(task, names.get(label, label), where) if isinstance(label, str) else class_number(task, label, where, names)
    first, second = (text, None) if isinstance(text, str) else text
    return Example(first, second, found)


def class_number(task: Task, label: object, where: str, names: Iterable[str] = ()) -> float:
    """A number as it is, of classes one that there is. Raises `DataError`."""
    number = isinstance(label, (int, float, np.number))
    if number and math.isfinite(label) and (not task.labels or label in range(len(task.labels))):  # type: ignore[arg-type]
        return float(label)  # type: ignore[arg-type]
    allowed = f"one of 0..{len(task.labels) - 1}{' or ' if names else ''}{', '.join(names)}" if task.labels else "a number"
    raise DataError(f"{where}: label {label!r} is not {allowed}")


def score(task: Task, predictions: Sequence[float], labels: Sequence[float]) -> dict[str, float]:
    """The task's metrics by name. `predictions` are class indices (regression: numbers), one a label."""
    from tritspike.runtime.tasks.metrics import METRICS

    if len(predictions) != len(labels):
        raise InputError(f"{len(predictions)} predictions for {len(labels)} labels")
    if not task.labels and len(labels) < 2:
        raise InputError(f"{task.name}: {len(labels)} example, a correlation needs 2")
    return {name: float(METRICS[name].measure(np.asarray(labels), np.asarray(predictions))) for name in task.metrics}
