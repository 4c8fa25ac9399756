"""A task's examples, from files of any of its layouts or from the hub. No row is left out silently."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import decoding
from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.runtime.errors import DataError
from tritspike.runtime.host import texts
from tritspike.runtime.tasks.labelled import HUB, SUFFIX, Example, Task, class_number, label_of

_POSITIONS = ("0", "1", "2", "3")  # column names where there is no header
_HASHED = 1 << 64


def read(task: Task, data: str | Path, split: str = "dev", limit: int | None = None) -> list[Example]:
    """Examples of `split` ("train" or "dev"), in file order. `data`: the folder that its files are in, or "hub". Raises `DataError`."""
    if str(data) == HUB:
        return list(_from_hub(task, split))[:limit]
    path = file_of(task, data, split)
    found = _archive(task, path) if task.archive else list(_table(task, path))
    wanted = _of_split(task, found, split, path)[:limit]
    _tell_empty(wanted, path)
    return wanted


def _tell_empty(found: Sequence[Example], path: Path) -> None:
    """A warning with their count, where a text has no word in it: such a row is scored, and what is said of it is of no word at all."""
    empty = [n for n, example in enumerate(found, 1) if not all(text.strip() for text in example.texts)]
    if empty:
        several = f"{len(empty)} of {len(found)} examples have" if len(empty) > 1 else f"1 of {len(found)} examples has"
        warnings.warn(f"{path}: {several} an empty text, example {empty[0]}{' the first' if len(empty) > 1 else ''}", stacklevel=2)


def file_of(task: Task, data: str | Path, split: str) -> Path:
    """Where a folder holds that split of a task, or what it is made of."""
    return Path(data) / (task.dev if split == "dev" and task.dev else task.train)


def _of_split(task: Task, found: list[Example], split: str, path: Path) -> list[Example]:
    """All of a file; of a train file that has no dev file beside it, the part."""
    if task.dev is None:
        found = [e for e in found if _in_dev(task, e) == (split == "dev")]
    if not found:
        raise DataError(f"{path}: no examples{'' if task.dev else f' of the {split} part, {task.dev_share:g} of its texts being dev'}")
    return found


def _in_dev(task: Task, example: Example) -> bool:
    """By its first text alone: what is said of one text is all on one side, whatever else is in the file."""
    found = int.from_bytes(hashlib.sha256(example.first.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return found < task.dev_share * _HASHED


# tables with a header: CSV, TSV, JSON lines


def _table(task: Task, path: Path) -> Iterator[Example]:
    kind = texts.format_of(str(path))
    if kind == texts.PLAIN:
        raise DataError(f"{path}: neither .csv nor .tsv nor .jsonl")
    with texts.opened(path) as stream:
        for number, row in texts.records(stream, str(path), kind, (*task.columns, task.label_column)):
            yield _example(task, row, f"{path}:{number}")


def _example(task: Task, row: Mapping[str, Any], where: str) -> Example:
    first, *others = (texts.text_of(row[name], where) for name in task.columns)
    return Example(first, others[0] if others else None, _label(task, row[task.label_column], where))


def _label(task: Task, value: Any, where: str) -> float:
    """As a file writes it: of JSON a string, a number, or true and false."""
    if isinstance(value, bool):
        value = str(value).lower()
    if task.labels or isinstance(value, str):
        return label_of(task, str(value).strip(), where)
    return class_number(task, value, where)


# archives


def _archive(task: Task, path: Path) -> list[Example]:
    rows = _rows(path, f"--data must hold {task.dev if path.name == Path(task.dev or '').name else task.train} in the GLUE layout")
    names = rows.pop(0)[1] if task.header else _POSITIONS
    pick = _column_picker(task, names, path)
    whole = [(number, row) for number, row in rows if len(row) >= len(names)] if task.ragged else rows
    if not whole:
        raise DataError(f"{path}: a header and no examples")
    if len(whole) < len(rows):
        warnings.warn(f"{path}: {len(rows) - len(whole)} of {len(rows)} rows break off before their last column and are left out", stacklevel=2)
    return [pick(row, number) for number, row in whole]


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
        *found, label = (row[i].strip() for i in at)
        return Example(found[0], found[1] if len(found) > 1 else None, label_of(task, label, f"{path}:{number}"))

    return pick


# the hub


def _from_hub(task: Task, split: str) -> Iterator[Example]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise DataError("reading from the hub needs the package 'datasets'", "pip install datasets") from None
    if task.hub is None or not task.hub.path:
        raise DataError(f"{task.name}: it is not said where the hub has it", f"[hub] with path, in its {SUFFIX}")
    rows = load_dataset(task.hub.path, task.hub.name, split=task.hub.dev if split == "dev" else split)
    return (_hub_example(task, row, f"the hub's {task.name}, row {n}") for n, row in enumerate(rows, 1))


def _hub_example(task: Task, row: Any, where: str) -> Example:
    assert task.hub is not None
    with decoding(where, "example", DataError):
        found, label = [row[name] for name in task.hub.columns], row[task.hub.label]
    if not all(isinstance(text, str) for text in found):
        raise DataError(f"{where}: its texts are {', '.join(type(text).__name__ for text in found)}, must be strings")
    number = label_of(task, label, where) if isinstance(label, str) else class_number(task, label, where)
    return Example(found[0], found[1] if len(found) > 1 else None, number)
