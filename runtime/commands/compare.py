"""`compare`: run both sides, print, keep, and end with a code that a CI gate reads."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tritspike.runtime import outputs
from tritspike.runtime.cli import console
from tritspike.runtime.commands.arguments import SEED, example_arguments
from tritspike.runtime.files import staged
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.option_values import real, whole
from tritspike.runtime.outputs import HISTORY, REPORT, Output
from tritspike.runtime.streams import say
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.versus import runs
from tritspike.runtime.tasks.versus.comparison import Comparison, compare, report
from tritspike.runtime.tasks.versus.run import run as run_side
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import Asked, files_of, require_answerable
from tritspike.runtime.tasks.versus.statistics import RESAMPLES
from tritspike.runtime.tasks.versus.tables import history_table, tables

_MISSING = "{} is missing: A B --task T --data DIR, or --history, are needed"
WORSE = 4  # exit code where B falls further behind A than --fail-below allows


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    for name in ("A", "B"):
        kinds = "a program (.tsp), a checkpoint folder (with `tritspike` a model's name too), a float student (OUT/float.json of a training) "
        kinds += "or a teacher's folder"
        command.add_argument(name.lower(), nargs="?", metavar=name, help=kinds)
    example_arguments(command, required=False)
    command.add_argument(
        "--fail-below",
        type=real(-200, 200),  # a metric is in -1..1
        metavar="POINTS",
        help=f"exit with {WORSE} where B - A is below this, in points of the first metric; -1: a point worse at most",
    )
    command.add_argument("--resamples", type=whole(1, 1_000_000), default=RESAMPLES, help="of the bootstrap (default: %(default)s)")
    command.add_argument("--seed", type=SEED, default=0, help="of the bootstrap (default: 0)")
    command.add_argument("--runs", type=Path, metavar="FILE", default=runs.DEFAULT, help="the history, an SQLite file (default: ./%(default)s)")
    command.add_argument("--history", action="store_true", help="print what was compared before (of --task, at most --limit), newest first")


def run(o: argparse.Namespace, out: Console) -> int:
    """0: compared. 4: B - A is below --fail-below."""
    if o.history:
        out.print(history_table(runs.history(o.runs, o.task, o.limit)))
        return 0
    asked = _asked(o)
    a, b = (o.names.find(word) for word in (o.a, o.b))
    for path in (a, b):
        require_answerable(path, asked)
    runs.require_usable(o.runs)
    outputs.require([Output(o.runs, HISTORY), Output(o.json, REPORT)], [a, b, *files_of(a), *files_of(b), asked.file])
    found = _compared(asked, a, b, o)
    for item in tables(found):
        out.print(item, soft_wrap=isinstance(item, str))
    with staged({o.json: json.dumps(report(found)).encode()} if o.json else {}):  # no report without a history, no history without a report
        runs.keep(o.runs, o.command, found)
    return _gate(found, o.fail_below)


def _asked(o: argparse.Namespace) -> Asked:
    missing = [name for name, value in (("A", o.a), ("B", o.b), ("--task", o.task)) if value is None]
    if missing:
        o.refuse(_MISSING.format(missing[0]))
    task = labelled.task_named(o.task)
    if o.data is None and task.file is None:
        o.refuse(_MISSING.format("--data"))
    return Asked(task, labelled.place(task, o.data), o.split, o.limit)


def _compared(asked: Asked, first: Path, second: Path, o: argparse.Namespace) -> Comparison:
    with told_warnings():
        truth = [e.label for e in asked.examples]
    data = asked.digest()
    a, b = (_run(path, asked, name, o.names.lower) for path, name in ((first, "A"), (second, "B")))
    return compare(asked, truth, data, a, b, o.resamples, o.seed)


def _run(path: Path, asked: Asked, name: str, lower: Callable[[Path], Any] | None) -> Side:
    with console(stderr=True).status(Text(f"running {name}: {path}")):  # a Text: a string would be read as markup
        return run_side(path, asked, lower)


def _gate(found: Comparison, least: float | None) -> int:
    if least is None or not found.worse_than(least):
        return 0
    say(f"worse: {found.metric}, B - A is {found.points:+.2f} points, --fail-below allows {least:+.2f}")
    return WORSE
