"""The history: one SQLite file of every comparison, what was run on which bytes, and what came out.

`user_version` is the schema's; `application_id` says that the file is ours. A run is written in one transaction, whole or not at all.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import Finding, decoding, listed, printable
from tritspike.hw_profiles.reading import reason, require_regular
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import object_from, require_writable
from tritspike.runtime.tasks.versus.comparison import Comparison, finite, finite_values
from tritspike.runtime.tasks.versus.side import Side

DEFAULT = Path("runs.db")
APPLICATION, VERSION = 0x54535052, 1  # "TSPR"
_SCHEMA = (
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY, time TEXT NOT NULL, command TEXT NOT NULL, task TEXT NOT NULL, split TEXT NOT NULL, examples INTEGER NOT NULL,
        metric TEXT NOT NULL, points REAL, low REAL, high REAL, resamples INTEGER NOT NULL, seed INTEGER NOT NULL,
        only_a INTEGER, only_b INTEGER, p REAL, agreement TEXT NOT NULL)""",
    """CREATE TABLE side (
        run INTEGER NOT NULL REFERENCES run, side TEXT NOT NULL CHECK (side IN ('A', 'B')), source TEXT NOT NULL, kind TEXT NOT NULL,
        score REAL, metrics TEXT NOT NULL, parameters INTEGER NOT NULL, mean_rate REAL, rates TEXT NOT NULL, operations TEXT,
        PRIMARY KEY (run, side))""",
    """CREATE TABLE file (
        run INTEGER NOT NULL REFERENCES run, side TEXT NOT NULL CHECK (side IN ('A', 'B', 'data')), path TEXT NOT NULL, bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL, PRIMARY KEY (run, side, path))""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)
_ALLOWED = {"str": "text", "int": "a whole number", "float | None": "a finite number, or NULL"}
_HISTORY = """
    SELECT run.time, run.task, run.split, run.examples, a.source, a.kind, b.source, b.kind, run.metric, a.score, b.score, run.points, run.low,
        run.high, run.p, run.agreement
    FROM run JOIN side AS a ON a.run = run.id AND a.side = 'A' JOIN side AS b ON b.run = run.id AND b.side = 'B'
    WHERE :task IS NULL OR run.task = :task ORDER BY run.id DESC LIMIT :limit"""


@dataclass(frozen=True)
class Past:
    """One kept run, as a line of the history; None where a number was undefined."""

    time: str
    task: str
    split: str
    examples: int
    a: str
    a_kind: str
    b: str
    b_kind: str
    metric: str
    a_score: float | None
    b_score: float | None
    points: float | None
    low: float | None
    high: float | None
    p: float | None
    agreement: dict[str, float | None]


def require_usable(path: Path) -> None:
    """`FileError` now where `keep` would fail after the work."""
    if not path.is_dir():  # of which `opened` says so, as it does where the history is read
        require_writable(path)
    if not path.exists():
        return
    with opened(path, "rw") as history:
        history.execute("BEGIN IMMEDIATE")
        _is_new(history, path)
        history.execute("ROLLBACK")


def keep(path: Path, command: str, c: Comparison) -> None:
    """Add a run; the file is made where there is none. Raises `FileError`."""
    with opened(path, "rwc") as history:
        begin(history, path)
        number = insert(history, "run", _run(command, c))
        for name, side, metrics in (("A", c.a, c.metrics[0]), ("B", c.b, c.metrics[1])):
            insert(history, "side", {"run": number, "side": name} | _side(side, metrics, c.metric))
        for name, file in _files(c):
            insert(history, "file", {"run": number, "side": name} | asdict(file))
        history.execute("COMMIT")


def history(path: Path, task: str | None = None, limit: int | None = None) -> list[Past]:
    """Kept runs, newest first. Raises `FileError`."""
    if not path.exists():
        raise FileError(f"{path}: no such file or directory", "compare A with B first, or name the history with --runs")
    with opened(path, "ro") as found:
        if _is_new(found, path):
            return []
        rows = found.execute(_HISTORY, {"task": task, "limit": -1 if limit is None else limit}).fetchall()
        return [_past(row, path, n) for n, row in enumerate(rows, 1)]


def _past(row: tuple[Any, ...], where: Path, number: int) -> Past:
    """A row, whoever wrote it."""
    run = f"run {number} from the last"
    values: dict[str, Any] = dict(zip((f.name for f in fields(Past)), row))
    with decoding(where, run, FileError):
        values["agreement"] = object_from(values["agreement"], where, run)
        kinds = [(f.name, values[f.name], str(f.type)) for f in fields(Past)[:-1]]
        kinds += [(f"agreement: {name}", value, "float | None") for name, value in values["agreement"].items()]
        if found := [Finding(run, name, value, _ALLOWED[kind]) for name, value, kind in kinds if not _is(value, kind)]:
            raise FileError(f"{where}: {listed(found)}", "name another with --runs")
    shown: dict[str, Any] = {name: printable(value) if isinstance(value, str) else value for name, value in values.items()}
    return Past(**shown | {"agreement": {printable(name): value for name, value in values["agreement"].items()}})


def _is(value: Any, kind: str) -> bool:
    if kind == "str":
        return isinstance(value, str)
    if kind == "int":
        return type(value) is int
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def begin(history: sqlite3.Connection, path: Path) -> None:
    """A transaction that writes, in a file that is ours, or becomes so. Raises `FileError`."""
    history.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA if _is_new(history, path) else ():
        history.execute(statement)


@contextmanager
def opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """mode: "ro", "rw", or "rwc", which makes it. Raises `FileError` for what SQLite cannot use."""
    try:
        if path.exists():
            require_regular(path.stat().st_mode)
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)) as found:
            yield found
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from None
    except (sqlite3.Error, ValueError) as error:
        raise FileError(f"{path}: not a run history that SQLite can use: {error}") from None


def _is_new(history: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing was ever written to it. Raises `FileError` where another program, or another version of ours, wrote it."""
    marks = tuple(history.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if marks == (0, 0) and not history.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return True
    if marks[0] != APPLICATION:
        raise FileError(f"{path}: an SQLite file, but not a history of our runs", "name another with --runs")
    if marks[1] != VERSION:
        raise FileError(f"{path}: run history version {marks[1]}, this runtime reads version {VERSION}", "name another with --runs")
    _require_own(history, path)
    return False


def _require_own(history: sqlite3.Connection, path: Path) -> None:
    """`FileError` where somebody has put another table or view in the place of one of ours, or a trigger on what is written."""
    held = {name: (kind, sql) for kind, name, sql in history.execute("SELECT type, name, sql FROM sqlite_master")}
    for statement in _SCHEMA[:3]:
        name = statement.split()[2]
        if held.get(name) != ("table", statement):
            raise FileError(f"{path}: its table {name} is {'not the one that we write' if name in held else 'missing'}", "name another with --runs")
    for name, (kind, _) in held.items():
        if kind == "trigger":
            raise FileError(f"{path}: holds the trigger {name!r}, which we never write", "name another with --runs")


def insert(history: sqlite3.Connection, table: str, row: dict[str, Any]) -> int:
    """A row's number."""
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    done = history.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(map(_stored, row.values())))
    return int(done.lastrowid or 0)


def _stored(value: Any) -> Any:
    """A name that is not UTF-8 with its bytes as escapes: SQLite's text is Unicode."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _run(command: str, c: Comparison) -> dict[str, Any]:
    return {
        "time": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S}",
        "command": command,
        "task": c.asked.task.name,
        "split": c.asked.split,
        "examples": c.examples,
        "metric": c.metric,
        "points": finite(c.points),
        "low": finite(c.interval.low),
        "high": finite(c.interval.high),
        "resamples": c.resamples,
        "seed": c.seed,
        "agreement": json.dumps(finite_values(c.agreement)),
    } | (asdict(c.mcnemar) if c.mcnemar else {})


def _side(side: Side, metrics: dict[str, float], first: str) -> dict[str, Any]:
    return {
        "source": side.source,
        "kind": side.kind,
        "score": finite(metrics[first]),
        "metrics": json.dumps(finite_values(metrics)),
        "parameters": side.parameters,
        "mean_rate": side.mean_rate,
        "rates": json.dumps({name: count.rate for name, count in (side.spikes | side.apart).items()}),
        "operations": json.dumps(side.operations) if side.operations else None,
    }


def _files(c: Comparison) -> Iterator[tuple[str, Any]]:
    yield "data", c.data
    for name, side in (("A", c.a), ("B", c.b)):
        yield from ((name, file) for file in side.files)
