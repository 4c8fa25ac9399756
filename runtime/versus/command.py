"""`python -m runtime compare`: run both sides, print, keep, and end with a code that a CI gate reads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runtime import glue, outputs
from runtime.cli import console
from runtime.errors import InputError
from runtime.files import staged
from runtime.outputs import HISTORY, REPORT, Output
from runtime.streams import say
from runtime.told import told_warnings
from runtime.versus import runs
from runtime.versus.comparison import Comparison, compare, report
from runtime.versus.run import run
from runtime.versus.side import Side
from runtime.versus.sources import Asked, files_of, require_answerable
from runtime.versus.tables import history_table, tables

WORSE = 4  # exit code where B falls further behind A than --fail-below allows


def command(o: argparse.Namespace, out: Console) -> int:
    """0: compared. 4: B - A is below --fail-below."""
    if o.history:
        out.print(history_table(runs.history(o.runs, o.task, o.limit)))
        return 0
    asked = _asked(o)
    for path in (o.a, o.b):
        require_answerable(path, asked)
    runs.require_usable(o.runs)
    outputs.require([Output(o.runs, HISTORY), Output(o.json, REPORT)], [o.a, o.b, *files_of(o.a), *files_of(o.b), asked.file])
    found = _compared(asked, o)
    for item in tables(found):
        out.print(item, soft_wrap=isinstance(item, str))
    with staged({o.json: json.dumps(report(found)).encode()} if o.json else {}):  # no report without a history, no history without a report
        runs.keep(o.runs, o.command, found)
    return _gate(found, o.fail_below)


def _asked(o: argparse.Namespace) -> Asked:
    missing = [name for name, value in (("A", o.a), ("B", o.b), ("--task", o.task), ("--data", o.data)) if value is None]
    if missing:
        raise InputError(f"compare: {missing[0]} is missing", "compare A B --task T --data DIR, or compare --history")
    return Asked(glue.task_named(o.task), o.data, o.split, o.limit)


def _compared(asked: Asked, o: argparse.Namespace) -> Comparison:
    with told_warnings():
        truth = [e.label for e in asked.examples]
    data = asked.digest()
    a, b = (_run(path, asked, name) for path, name in ((o.a, "A"), (o.b, "B")))
    return compare(asked, truth, data, a, b, o.resamples, o.seed)


def _run(path: Path, asked: Asked, name: str) -> Side:
    with console(stderr=True).status(Text(f"running {name}: {path}")):  # a Text: a string would be read as markup
        return run(path, asked)


def _gate(found: Comparison, least: float | None) -> int:
    if least is None or not found.worse_than(least):
        return 0
    say(f"worse: {found.metric}, B - A is {found.points:+.2f} points, --fail-below allows {least:+.2f}")
    return WORSE
