"""A task's TOML file.

    name = "tickets"                    # else the file's own
    text = "message"                    # its column, or two: ["question", "answer"]
    label = "team"                      # its column
    labels = ["billing", "delivery"]    # as the files have them; left out, a number is predicted
    called = ["money", "post"]          # what people call them, where that differs
    metrics = ["accuracy", "macro_f1"]  # the first ranks; else accuracy, or spearman and pearson
    held_out_words = 1                  # training judges itself by texts of at least so many words
    dev_share = 0.1                     # of the train file, where there is no dev file

    [files]                             # below this file's folder: .csv, .tsv, .jsonl
    train = "train.csv"
    dev = "dev.csv"

    [hub]                               # instead, or for --data hub
    path = "ag_news"                    # of the package `datasets`; also name, dev, text and label, where they differ

Of an archive's files, as GLUE's are, [files] also has archive, header and ragged (`labelled.Task`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from tritspike.hw_profiles.errors import decoding
from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.runtime.checkpoint import is_line
from tritspike.runtime.errors import DataError
from tritspike.runtime.tasks.labelled import NAMES, Hub, Task
from tritspike.runtime.tasks.metrics import METRICS, MOST_CLASSES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Check = Callable[[Any], bool]
_LINE: tuple[Check, str] = (lambda v: isinstance(v, str) and is_line(v) and bool(v), "a printable line")
_LINES: tuple[Check, str] = (lambda v: isinstance(v, list) and all(map(_LINE[0], v)), "a list of printable lines")
_TEXT: tuple[Check, str] = (lambda v: _LINE[0](v) or (_LINES[0](v) and 1 <= len(v) <= 2), "a column's name, or two")
_FILE: tuple[Check, str] = (lambda v: _LINE[0](v) and not _leaves(v), "a file below the task's folder")
_YES: tuple[Check, str] = (lambda v: isinstance(v, bool), "true or false")
_SHARE: tuple[Check, str] = (lambda v: isinstance(v, float) and 0 < v < 1, "a number between 0 and 1")
_WORDS: tuple[Check, str] = (lambda v: type(v) is int and 1 <= v <= 1000, "a whole number in 1..1000")
_TABLE: tuple[Check, str] = (lambda v: isinstance(v, dict), "a section")
_TOP = {
    **{"name": _LINE, "text": _TEXT, "label": _LINE, "labels": _LINES, "called": _LINES, "metrics": _LINES},
    **{"held_out_words": _WORDS, "dev_share": _SHARE, "files": _TABLE, "hub": _TABLE},
}
_FILES = {"train": _FILE, "dev": _FILE, "archive": _YES, "header": _YES, "ragged": _YES}
_HUB = {"path": _LINE, "name": _LINE, "dev": _LINE, "text": _TEXT, "label": _LINE}


def read_task(path: Path, own: bool) -> Task:
    """own: not one that ships. Raises `DataError` for what is no task's file."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file", "a task's TOML file: text, label, labels and [files]") from None
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}") from None
    with decoding(path, "TOML file", DataError):
        raw = tomllib.loads(content.decode())
    for table, fields, inside in ((raw, _TOP, ""), (raw.get("files", {}), _FILES, "files."), (raw.get("hub", {}), _HUB, "hub.")):
        _require(path, table, fields, inside)
    task = _task(path, raw, own)
    _require_whole(path, task, own)
    return task


def _require(path: Path, table: Mapping[str, Any], fields: Mapping[str, tuple[Check, str]], inside: str) -> None:
    for name, value in table.items():
        if name not in fields:
            raise DataError(f"{path}: no {inside}{name} is known; there are {', '.join(fields)}")
        check, allowed = fields[name]
        if not check(value):
            raise DataError(f"{path}: {inside}{name} is {value!r:.60}, must be {allowed}")


def _leaves(name: str) -> bool:
    """Whether a file's name leads out of its folder."""
    return PurePath(name).is_absolute() or ".." in PurePath(name).parts


def _task(path: Path, raw: dict[str, Any], own: bool) -> Task:
    for name in ("text", "label"):
        if name not in raw:
            raise DataError(f"{path}: {name} is not said", f'{name} = "column"')
    files, labels, columns = raw.get("files", {}), tuple(raw.get("labels", ())), _columns(raw["text"])
    return Task(
        name=raw.get("name", path.stem),
        columns=columns,
        label_column=raw["label"],
        labels=labels,
        metrics=tuple(raw.get("metrics", ["accuracy"] if labels else ["spearman", "pearson"])),
        train=files.get("train", ""),
        dev=files.get("dev"),
        dev_share=raw.get("dev_share", Task.dev_share),
        archive=files.get("archive", False),
        header=files.get("header", True),
        ragged=files.get("ragged", False),
        held_out_words=raw.get("held_out_words", 1),
        meanings=tuple(raw.get("called", ())),
        hub=_hub(raw["hub"], columns, raw["label"], own) if "hub" in raw else None,
        file=path.absolute() if own else None,
    )


def _columns(text: str | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _hub(raw: dict[str, Any], columns: tuple[str, ...], label: str, own: bool) -> Hub:
    found = _columns(raw["text"]) if "text" in raw else columns
    return Hub(raw.get("path", ""), raw.get("name"), raw.get("dev", "validation"), found, raw.get("label", label if own else "label"))


def _require_whole(path: Path, task: Task, own: bool) -> None:
    """What several fields say together."""
    if own and task.name in NAMES:
        raise DataError(f"{path}: {task.name} is one of GLUE's tasks", 'name = "another"')
    if not task.train and not (task.hub and task.hub.path):
        raise DataError(f"{path}: no files.train and no hub.path", '[files] with train = "train.csv"')
    if task.hub and len(task.hub.columns) != len(task.columns):
        raise DataError(f"{path}: hub.text names {len(task.hub.columns)} columns, text names {len(task.columns)}")
    _require_labels(path, task)
    for name in task.metrics:
        if name not in METRICS or len(task.labels) not in METRICS[name].classes:
            known = ", ".join(n for n, metric in METRICS.items() if len(task.labels) in metric.classes)
            of = f"{len(task.labels)} classes" if task.labels else "numbers"
            raise DataError(f"{path}: metric {name!r} is none of {of}; there are {known}")
    if not task.metrics or len(set(task.metrics)) < len(task.metrics):
        raise DataError(f"{path}: metrics is {list(task.metrics)}, must be one or more, each once")


def _require_labels(path: Path, task: Task) -> None:
    if len(task.labels) == 1 or len(task.labels) > MOST_CLASSES:
        raise DataError(f"{path}: {len(task.labels)} labels, allowed 2..{MOST_CLASSES}, or none where a number is predicted")
    for what, names in (("labels", task.labels), ("called", task.meanings)):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise DataError(f"{path}: {what} has {twice[0]!r} twice")
    if task.meanings and len(task.meanings) != len(task.labels):
        raise DataError(f"{path}: called has {len(task.meanings)} names, labels {len(task.labels)}")
