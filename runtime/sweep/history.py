"""Trainings of sweeps in the history of runs, in a table of their own: what was set, what is held out of train said, and which bytes came out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tritspike.runtime.errors import FileError
from tritspike.runtime.sweep.trials import Done, Sweep
from tritspike.runtime.tasks.versus import runs
from tritspike.runtime.tasks.versus.comparison import finite

_TABLE = """CREATE TABLE trial (
        id INTEGER PRIMARY KEY, time TEXT NOT NULL, command TEXT NOT NULL, task TEXT NOT NULL, folder TEXT NOT NULL, settings TEXT NOT NULL,
        recipe TEXT NOT NULL, metric TEXT NOT NULL, held_out REAL, distance REAL, mean_rate REAL, minutes REAL, sha256 TEXT NOT NULL)"""


def keep(path: Path, command: str, sweep: Sweep, found: Sequence[Done]) -> None:
    """Add those that are not kept yet, in one transaction; the file is made where there is none. Raises `FileError`."""
    with runs.opened(path, "rwc") as history:
        runs.begin(history, path)
        _require_table(history, path)
        for done in found:
            if not _is_kept(history, done):
                runs.insert(history, "trial", _row(command, sweep, done))
        history.execute("COMMIT")


def _require_table(history: sqlite3.Connection, path: Path) -> None:
    """Made where it is not there: a history of comparisons alone has none."""
    held = history.execute("SELECT sql FROM sqlite_master WHERE name = 'trial'").fetchone()
    if held is None:
        history.execute(_TABLE)
    elif held[0] != _TABLE:
        raise FileError(f"{path}: its table trial is not the one that we write", "name another with --runs")


def _is_kept(history: sqlite3.Connection, done: Done) -> bool:
    same = (_folder(done), done.sha256)
    return history.execute("SELECT 1 FROM trial WHERE folder = ? AND sha256 = ?", same).fetchone() is not None


def _folder(done: Done) -> str:
    return str(done.trial.folder.absolute())


def _row(command: str, sweep: Sweep, done: Done) -> dict[str, Any]:
    return {
        "time": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S}",
        "command": command,
        "task": sweep.task,
        "folder": _folder(done),
        "settings": json.dumps(done.trial.settings),
        "recipe": json.dumps(done.trial.recipe),
        "metric": sweep.metric,
        "held_out": finite(done.held_out),
        "distance": None if done.distance is None else finite(done.distance),
        "mean_rate": finite(done.rate),
        "minutes": done.minutes,
        "sha256": done.sha256,
    }
