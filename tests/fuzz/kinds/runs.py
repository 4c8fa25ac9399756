"""The history of comparisons (runs.db), edited by hand: values of any type, another schema, other marks, other bytes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import random_checkpoint
from fuzz import child, containers, seeds, trees
from fuzz.case import RUNTIME, Change, Kind, Step

from tritspike.compiler.lower import lower
from tritspike.runtime.host import file as program_file

FILE = "runs.db"
_COMPARE = ("compare", "a.tsp", "b.tsp", "--task", "sst2", "--data", "glue", "--resamples", "10")
_SCHEMA = (
    "DROP TABLE run",
    "DROP TABLE side",
    "DROP TABLE file",
    "ALTER TABLE run RENAME COLUMN agreement TO other",
    "ALTER TABLE side DROP COLUMN score",
    "ALTER TABLE run ADD COLUMN more TEXT DEFAULT 'x'",
    "ALTER TABLE side RENAME TO sides; CREATE VIEW side AS SELECT * FROM side",
    "ALTER TABLE side RENAME TO sides; CREATE VIEW side AS SELECT * FROM sides JOIN sides AS b",
    "ALTER TABLE run RENAME TO r; CREATE VIEW run AS WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT r.* FROM r, n",
    "DROP TABLE run; CREATE TABLE run (id)",
    "CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT RAISE(ABORT, 'no\nway'); END",
    "DELETE FROM side",
    "DELETE FROM run",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 1",
    "PRAGMA application_id = 0; PRAGMA user_version = 0",
    "PRAGMA journal_mode = WAL",
    "PRAGMA auto_vacuum = FULL; VACUUM",
    "CREATE TABLE r AS SELECT * FROM run; UPDATE r SET id = id + 1000; INSERT INTO run SELECT * FROM r",
)


def make(folder: Path) -> None:
    """Two programs, texts, and the history of having compared them twice."""
    here = folder / "history"
    seeds.glue(here / "glue")
    for seed, name in enumerate("ab"):
        program_file.save(lower(random_checkpoint.write(here / name, seed, **seeds.SHAPES["ternary"][0]), "loihi2"), here / f"{name}.tsp")
    for _ in range(2):
        done = child.forked(Step(RUNTIME, _COMPARE), here, child.Limits())
        assert done.code == 0, done.err


def change(rng: Random, folder: Path) -> Change:
    """By SQL mostly; then by bytes."""
    path, kind = folder / FILE, rng.random()
    if kind < 0.25:
        return Change(containers.file_changed(rng, path))
    acts = [rng.choice([_schema, _value, _value]) for _ in range(rng.choice([1, 1, 2, 3]))]
    return Change("; ".join(act(rng, path) for act in acts))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as found:
        found.set_progress_handler(lambda: 1, 100_000)  # a view without end is for the command to meet, not for the next change
        found.execute("PRAGMA ignore_check_constraints = ON")
        found.execute("PRAGMA writable_schema = ON")
        yield found


def _schema(rng: Random, path: Path) -> str:
    what = rng.choice(_SCHEMA)
    try:
        with _opened(path) as found:
            found.executescript(what)
        return what
    except sqlite3.Error as error:
        return f"{what} (which SQLite refused: {error})"


def _value(rng: Random, path: Path) -> str:
    """Any value in any column, under the schema's own text: it forbids NULL only to those who ask it."""
    table = rng.choice(["run", "run", "side", "file"])
    try:
        with _opened(path) as found:
            (sql,) = found.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            _sets_sql(found, table, sql.replace(" NOT NULL", ""))
        with _opened(path) as found:
            said = _put(rng, found, table)
            _sets_sql(found, table, sql)
        return said
    except (sqlite3.Error, OverflowError, UnicodeEncodeError, IndexError, TypeError, AttributeError) as error:
        return f"{table}: {error}"


def _sets_sql(found: sqlite3.Connection, table: str, sql: str) -> None:
    found.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, table))


def _put(rng: Random, found: sqlite3.Connection, table: str) -> str:
    columns = [row[1] for row in found.execute(f"PRAGMA table_info({table})")]
    column, value = rng.choice([*columns, *(c for c in columns if c in ("agreement", "time", "points"))]), _any(rng)
    text, values = (value, ()) if isinstance(value, _Sql) else ("?", (value,))
    found.execute(f'UPDATE {table} SET "{column}" = {text}{rng.choice(["", " WHERE rowid = 1"])}', values)
    return f"{table}.{column} = {str(value)[:40]!r}"


class _Sql(str):
    """A value that only SQL can say."""


def _any(rng: Random) -> Any:
    plain = [None, 0, -1, (1 << 63) - 1, 1.5, float("inf"), b"\x00\xff", b"", *trees.STRINGS]
    odd = [_Sql("CAST(x'ff80' AS TEXT)"), _Sql("zeroblob(1000000)"), _Sql("9e999"), _Sql("id"), _Sql("random()")]
    agreement = trees.mutated(rng, {"equal predictions": 0.5, "more": [1, None]})[0]
    return rng.choice([*plain, *odd * 3, *[trees.dumps(agreement)] * 12, *(json.dumps(v) for v in (None, [], "x", 3))])


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Print the history; now and then add to it."""
    options = rng.choice([(), (), ("--task", "sst2"), ("--limit", "1"), ("--task", "\x01")])
    printed = Step(RUNTIME, ("compare", "--history", *options))
    return (printed, Step(RUNTIME, _COMPARE)) if rng.random() < 0.15 else (printed,)


KIND = Kind("runs", make, change, steps)
