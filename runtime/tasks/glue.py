"""GLUE as files and numbers: one reader and one metric path for teacher, float student and deployed program.

File layouts are those of the official GLUE archives (https://gluebenchmark.com): tab separated, no quoting, one header
line except in CoLA. Metrics are the benchmark's own, from scikit-learn and scipy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tritspike.hw_profiles.errors import decoding
from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.runtime.errors import DataError, InputError

HUB = "hub"  # `--data hub` reads the task from the `datasets` hub instead of a folder


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
class Task:
    """Where a task's columns are and how it is scored. `labels` is empty for regression; meanings: what people call them, where that differs."""

    name: str
    folder: str
    columns: tuple[str, ...]  # header names (or positions, where there is no header) of the texts
    label_column: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]  # the first is the one that the task is ranked by
    header: bool = True
    dev_file: str = "dev.tsv"
    meanings: tuple[str, ...] = ()
    ragged: bool = False  # its published file has a few rows that break off; they are left out


_POSITIONS = ("0", "1", "2", "3")  # column names where there is no header
_YES_NO = ("0", "1")
_ENTAIL = ("entailment", "not_entailment")
TASKS = {
    task.name: task
    for task in (
        Task("sst2", "SST-2", ("sentence",), "label", _YES_NO, ("accuracy",), meanings=("negative", "positive")),
        Task("cola", "CoLA", ("3",), "1", _YES_NO, ("matthews",), header=False, meanings=("unacceptable", "acceptable")),
        Task("mrpc", "MRPC", ("#1 String", "#2 String"), "Quality", _YES_NO, ("f1", "accuracy"), meanings=("not_equivalent", "equivalent")),
        Task("stsb", "STS-B", ("sentence1", "sentence2"), "score", (), ("spearman", "pearson")),
        Task("rte", "RTE", ("sentence1", "sentence2"), "label", _ENTAIL, ("accuracy",)),
        Task("wnli", "WNLI", ("sentence1", "sentence2"), "label", _YES_NO, ("accuracy",), meanings=("not_entailment", "entailment")),
        Task("qnli", "QNLI", ("question", "sentence"), "label", _ENTAIL, ("accuracy",)),
        Task(
            "qqp",
            "QQP",
            ("question1", "question2"),
            "is_duplicate",
            _YES_NO,
            ("f1", "accuracy"),
            meanings=("not_duplicate", "duplicate"),
            ragged=True,
        ),
        Task(
            "mnli",
            "MNLI",
            ("sentence1", "sentence2"),
            "gold_label",
            ("entailment", "neutral", "contradiction"),
            ("accuracy",),
            dev_file="dev_matched.tsv",
        ),
    )
}


def task_named(name: str) -> Task:
    """The task of that name; `InputError` lists the known ones."""
    if name not in TASKS:
        raise InputError(f"task {name!r} is unknown", f"one of {', '.join(TASKS)}")
    return TASKS[name]


def texts_of(name: str) -> int | None:
    """How many texts an example of that task has; None for tasks that are not GLUE's."""
    return len(TASKS[name].columns) if name in TASKS else None


def label_names(name: str, labels: Sequence[str]) -> tuple[str, ...]:
    """What people call a program's labels, in its order: "0" of sst2 is negative. Those of tasks that are not GLUE's are their own names."""
    task = TASKS.get(name)
    called = dict(zip(task.labels, task.meanings)) if task else {}
    return tuple(called.get(label, label) for label in labels)


def require_task(task: Task, own: str, where: Path, done: str = "compiled") -> None:
    """`InputError` where a model is of another task, even with as many labels: they mean something else, in another order."""
    if own != task.name:
        way_out = f"--task {own}" if own in TASKS else f"models of one of {', '.join(TASKS)} can be scored and compared"
        raise InputError(f"{where}: {done} for {own}, not for {task.name}", way_out)


def read(task: Task, data: str | Path, split: str = "dev", limit: int | None = None) -> list[Example]:
    """Examples of `split` ("train" or "dev"), in file order. `data` is a GLUE folder or "hub". Raises `DataError`."""
    if str(data) == HUB:
        return _read_hub(task, split)[:limit]
    path = file_of(task, data, split)
    rows = _rows(path, f"--data must hold {task.folder}/{path.name} in the GLUE layout")
    names = rows.pop(0)[1] if task.header else _POSITIONS
    pick = _column_picker(task, names, path)
    whole = [(number, row) for number, row in rows if len(row) >= len(names)] if task.ragged else rows
    if not whole:
        raise DataError(f"{path}: a header and no examples")
    if len(whole) < len(rows):
        warnings.warn(f"{path}: {len(rows) - len(whole)} of {len(rows)} rows break off before their last column and are left out", stacklevel=2)
    return [pick(row, number) for number, row in whole[:limit]]


def file_of(task: Task, data: str | Path, split: str) -> Path:
    """Where a GLUE folder holds that split of a task."""
    return Path(data) / task.folder / (task.dev_file if split == "dev" else f"{split}.tsv")


def _rows(path: Path, layout: str) -> list[tuple[int, list[str]]]:
    try:
        lines = read_regular(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file", layout) from None
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}", layout) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise DataError(f"{path}: the file is empty")
    return rows


def _column_picker(task: Task, names: Sequence[str], path: Path) -> Callable[[list[str], int], Example]:
    wanted = (*task.columns, task.label_column)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; its header has {', '.join(names)}")
    at = [names.index(name) for name in wanted]

    def pick(row: list[str], number: int) -> Example:
        if len(row) <= max(at):
            raise DataError(f"{path}:{number}: {len(row)} columns, {task.name} needs {max(at) + 1}")
        *texts, label = (row[i].strip() for i in at)
        return Example(texts[0], texts[1] if len(texts) > 1 else None, _label(task, label, f"{path}:{number}"))

    return pick


def _label(task: Task, text: str, where: str) -> float:
    if task.labels and text in task.labels:
        return float(task.labels.index(text))
    try:
        if task.labels or not math.isfinite(float(text)):
            raise ValueError
        return float(text)
    except ValueError:
        allowed = f"one of {', '.join(task.labels)}" if task.labels else "a number"
        raise DataError(f"{where}: label {text!r} is not {allowed}") from None


def examples(task: Task, pairs: Iterable[tuple[str | tuple[str, str], object]]) -> list[Example]:
    """Of (text or pair of texts, label): a class by its number, its name in the files or the one that people give it. Raises `DataError`."""
    return [_given(task, *_two(pair, f"example {n}"), f"example {n}") for n, pair in enumerate(pairs, 1)]


def _two(pair: Any, where: str) -> tuple[Any, Any]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise DataError(f"{where}: {str(pair)[:40]!r} is no text with its label", "(text, label)")
    return pair[0], pair[1]


def _given(task: Task, text: str | tuple[str, str], label: object, where: str) -> Example:
    names = {**dict(zip(label_names(task.name, task.labels), task.labels)), **{name: name for name in task.labels}}
    if isinstance(label, str):
        found = _label(task, names.get(label, label), where)
    elif not isinstance(label, (int, float, np.number)) or not math.isfinite(label) or (task.labels and label not in range(len(task.labels))):
        allowed = f"one of 0..{len(task.labels) - 1} or {', '.join(names)}" if task.labels else "a number"
        raise DataError(f"{where}: label {label!r} is not {allowed}")
    else:
        found = float(label)
    first, second = (text, None) if isinstance(text, str) else text
    return Example(first, second, found)


def _read_hub(task: Task, split: str) -> list[Example]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise DataError("reading from the hub needs the package 'datasets'", "pip install datasets") from None
    part = {"dev": "validation_matched" if task.name == "mnli" else "validation"}.get(split, split)
    names = {"cola": ("sentence",), "mrpc": ("sentence1", "sentence2"), "mnli": ("premise", "hypothesis")}
    texts = names.get(task.name, task.columns)
    rows = load_dataset("nyu-mll/glue", task.name, split=part)
    return [_hub_example(task, row, texts, f"the hub's {task.name}, row {n}") for n, row in enumerate(rows, 1)]


def _hub_example(task: Task, row: Any, texts: Sequence[str], where: str) -> Example:
    with decoding(where, "example", DataError):
        found, label = [row[name] for name in texts], float(row["label"])
    if not all(isinstance(text, str) for text in found):
        raise DataError(f"{where}: its texts are {', '.join(type(text).__name__ for text in found)}, must be strings")
    if not math.isfinite(label) or (task.labels and label not in range(len(task.labels))):
        raise DataError(f"{where}: label {label} is not {f'one of 0..{len(task.labels) - 1}' if task.labels else 'a number'}")
    return Example(found[0], found[1] if len(found) > 1 else None, label)


def score(task: Task, predictions: Sequence[float], labels: Sequence[float]) -> dict[str, float]:
    """The task's metrics by name. `predictions` are class indices (regression: numbers), one a label."""
    if len(predictions) != len(labels):
        raise InputError(f"{len(predictions)} predictions for {len(labels)} labels")
    if not task.labels and len(labels) < 2:
        raise InputError(f"{task.name}: {len(labels)} example, a correlation needs 2")
    return {name: float(_METRICS[name](np.asarray(labels), np.asarray(predictions))) for name in task.metrics}


def _accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    return float((truth == guess).mean())


def _f1(truth: np.ndarray, guess: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, guess))


def _matthews(truth: np.ndarray, guess: np.ndarray) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(truth, guess))


def _correlation(kind: str) -> Callable[[np.ndarray, np.ndarray], float]:
    def measure(truth: np.ndarray, guess: np.ndarray) -> float:
        from scipy import stats

        if any((side == side[0]).all() for side in (truth, guess)):
            return math.nan  # and no warning: a metric that is nan says so
        return float(getattr(stats, kind)(truth, guess).statistic)

    return measure


_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "matthews": _matthews,
    "pearson": _correlation("pearsonr"),
    "spearman": _correlation("spearmanr"),
}
