"""Texts, or pairs of them, as files and pipes hold them: read as they are needed, so that a million lines take no more memory than ten.

    plain   one text a line; of a pair, first and second with a tab between
    csv     a header line, then rows as RFC 4180 has them: a quoted field may hold commas, quotes ("") and line ends
    tsv     the same with tabs, and as GLUE's files are: no quoting, a quote is a character of the text
    jsonl   a line is an object, or a string, which is a text

UTF-8 with or without a byte order mark. Only \\n and \\r\\n end a line: other characters that some readers split at, such as U+2028, are a
text's own. An empty line is an empty text in plain, and nothing in the others. `DataError` with file and line for what is none of that.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from tritspike.hw_profiles.reading import open_regular, reason
from tritspike.runtime.errors import DataError
from tritspike.runtime.host.tokenizer import Text

FORMATS = PLAIN, CSV, TSV, JSONL = "plain", "csv", "tsv", "jsonl"
_SUFFIXES = {".csv": CSV, ".tsv": TSV, ".jsonl": JSONL, ".ndjson": JSONL}
_LONGEST = 1 << 20  # characters of a text, or of any field of a table
_LINE = 1 << 24  # bytes: such a text in JSON's escapes, and columns beside it
_OWN_NAMES = ("text", "sentence")  # of the column with the texts, where nobody says which it is
_MARKS = {";": "';'", "\t": "tabs", "|": "'|'", ",": "commas"}  # of a table whose columns are read as one
_MARK = b"\xef\xbb\xbf"

Lines = Iterator[tuple[int, str]]
Rows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """format: one of `FORMATS`; pairs: whether two texts belong together; text, pair: columns' names (JSON's keys), None where not said."""

    format: str = PLAIN
    pairs: bool = False
    text: str | None = None
    pair: str | None = None


def format_of(name: str) -> str:
    """By the end of a file's name; plain text where it says nothing. Raises `DataError` for a JSON document, whose lines are no texts."""
    if Path(name).suffix.lower() == ".json":
        raise DataError(f"{name}: a JSON document", "JSON lines, an object or a string a line, in a .jsonl file or with --from jsonl")
    return _SUFFIXES.get(Path(name).suffix.lower(), PLAIN)


def opened(path: Path) -> BinaryIO:
    """A file to read texts from. Raises `DataError`, also for a FIFO or a device."""
    try:
        return open_regular(path)
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}") from None


def read(stream: BinaryIO, name: str, layout: Layout) -> Iterator[Text]:
    """Its texts. name: for messages. Raises `DataError` at the line that is not as `layout` says."""
    lines = _lines(stream, name)
    if layout.format == PLAIN:
        return _plain(lines, name, layout.pairs)
    if layout.format == JSONL:
        return _json(lines, name, layout)
    return _table(_csv_rows(lines, name) if layout.format == CSV else _tsv_rows(lines, name), name, layout)


def _lines(stream: BinaryIO, name: str) -> Lines:
    """(number, line with what ends it)."""
    for number, line in enumerate(iter(partial(stream.readline, _LINE + 1), b""), 1):
        if number == 1 and line.startswith(_MARK):
            line = line.removeprefix(_MARK)
            if not line:
                return
        if len(line) > _LINE or b"\0" in line:
            raise DataError(f"{name}:{number}: {_odd(line)}", "is it text?")
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{name}:{number}: not UTF-8 text: {error.reason} at byte {error.start + 1} of the line") from None


def _odd(line: bytes) -> str:
    return "a zero byte" if b"\0" in line else f"a line of more than {_LINE >> 20} MiB"


def _bare(line: str) -> str:
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def _bounded(text: str, where: str) -> str:
    if len(text) > _LONGEST:
        raise DataError(f"{where}: a text of {len(text):,} characters, allowed {_LONGEST:,}")
    return text


def _plain(lines: Lines, name: str, pairs: bool) -> Iterator[Text]:
    for number, line in lines:
        where = f"{name}:{number}"
        text = _bounded(_bare(line), where)
        yield _halves(text, where) if pairs else text


def _halves(line: str, where: str) -> tuple[str, str]:
    texts = line.split("\t")
    if len(texts) != 2:
        raise DataError(f"{where}: {len(texts)} texts, a pair has 2", "one tab between first and second")
    return texts[0], texts[1]


# tables


def _tsv_rows(lines: Lines, name: str) -> Rows:
    for number, line in lines:
        if bare := _bare(line):
            yield number, [_bounded(field, f"{name}:{number}") for field in bare.split("\t")]


def _csv_rows(lines: Lines, name: str) -> Rows:
    csv.field_size_limit(_LONGEST)  # the module's, of the whole process
    rows = csv.reader((line for _, line in lines), strict=True)
    while True:
        number = rows.line_num + 1  # where the row begins: a quote that is not closed is there, not at the end of the file
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise DataError(f"{name}:{number}: not CSV: {str(error).split(' - ')[0]}", "is a quote not closed, or not doubled?") from None
        if row is None:
            return
        if row:
            yield number, row


def _table(rows: Rows, name: str, layout: Layout) -> Iterator[Text]:
    number, names = _header(rows, name)
    at = [names.index(column) for column in _columns(names, f"{name}:{number}", "column", layout)]
    for _, row in _whole(rows, name, len(names), layout.format):
        yield row[at[0]] if len(at) == 1 else (row[at[0]], row[at[1]])


def _header(rows: Rows, name: str) -> tuple[int, list[str]]:
    number, names = next(rows, (0, []))
    if not names:
        raise DataError(f"{name}: the file is empty", "its first line names its columns")
    return number, names


def _whole(rows: Rows, name: str, columns: int, kind: str) -> Rows:
    for number, row in rows:
        if len(row) != columns:
            raise DataError(f"{name}:{number}: {len(row)} columns, the header has {columns}", _ragged(kind))
        yield number, row


def records(stream: BinaryIO, name: str, kind: str, wanted: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row by column) of a csv, tsv or jsonl: of a table strings, of JSON what it holds. Raises `DataError` as `read`.

    wanted: columns that there must be, in each object of JSON too.
    """
    lines = _lines(stream, name)
    if kind == JSONL:
        for number, line in lines:
            if line.strip():
                found = _object(_value(line, f"{name}:{number}"), f"{name}:{number}")
                _require_columns(wanted, list(found), f"{name}:{number}")
                yield number, found
        return
    rows = _csv_rows(lines, name) if kind == CSV else _tsv_rows(lines, name)
    number, names = _header(rows, name)
    twice = [column for column in names if names.count(column) > 1]
    if twice:
        raise DataError(f"{name}:{number}: two columns {twice[0]!r}; there are {_shown(names)}")
    _require_columns(wanted, names, f"{name}:{number}")
    for number, row in _whole(rows, name, len(names), kind):
        yield number, dict(zip(names, row))


def _require_columns(wanted: Sequence[str], names: Sequence[str], where: str) -> None:
    for column in wanted:
        if column not in names:
            raise DataError(f"{where}: no column {column!r}; there are {_shown(names)}", _separated(names))


def _separated(names: Sequence[str]) -> str | None:
    """The way out where the one column that was found is several."""
    by = next((mark for mark in _MARKS if len(names) == 1 and mark in names[0]), None)
    return None if by is None else f"are they separated by {_MARKS[by]}? A .csv has commas, a .tsv tabs"


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: a JSON {_JSON_KINDS[type(value)]}, not an object")
    return value


def _ragged(kind: str) -> str:
    return "a text with a comma in it is quoted" if kind == CSV else "a text has no tab in it"


def _columns(names: Sequence[str], where: str, what: str, layout: Layout) -> list[str]:
    """The one or two of `names` that are read."""
    second = [_second(names, where, what, layout)] if layout.pairs else []
    first = layout.text or _likely([n for n in names if n not in second])
    if first is None:
        raise DataError(f"{where}: which {what} holds the text? There are {_shown(names)}", _separated(names) or "--text-column NAME")
    for column in (first, *second):
        if names.count(column) != 1:
            found = f"two {what}s" if column in names else f"no {what}"
            raise DataError(f"{where}: {found} {column!r}; there are {_shown(names)}", _separated(names))
    return [first, *second]


def _second(names: Sequence[str], where: str, what: str, layout: Layout) -> str:
    if layout.pair is None:
        raise DataError(f"{where}: which {what} holds the second text of a pair? There are {_shown(names)}", "--pair-column NAME")
    return layout.pair


def _likely(names: Sequence[str]) -> str | None:
    if own := [name for name in _OWN_NAMES if name in names]:
        return own[0]
    alone = len(names) == 1 and not set(names[0]) & set(";\t|")  # else a table that is separated by these, whose rows are no texts
    return names[0] if alone else None


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


# JSON


def _json(lines: Lines, name: str, layout: Layout) -> Iterator[Text]:
    for number, line in lines:
        if line.strip():
            where = f"{name}:{number}"
            found = [text_of(value, where) for value in _json_values(_value(line, where), where, layout)]
            yield found[0] if len(found) == 1 else (found[0], found[1])


def _value(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{where}: not a line of JSON: {said}") from None


def _json_values(value: Any, where: str, layout: Layout) -> list[Any]:
    if isinstance(value, str) and not layout.pairs:
        return [value]
    if not isinstance(value, dict):
        raise DataError(f"{where}: a JSON {_JSON_KINDS[type(value)]}, not an object{'' if layout.pairs else ' or a string'}")
    return [value[key] for key in _columns(list(value), where, "key", layout)]


_JSON_KINDS = {dict: "object", list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def text_of(value: Any, where: str) -> str:
    """A text as JSON or a table has it. Raises `DataError` for what is none."""
    if not isinstance(value, str):
        raise DataError(f"{where}: the text is a JSON {_JSON_KINDS[type(value)]}, must be a string")
    if "\0" in value:
        raise DataError(f"{where}: a zero byte", "is it text?")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise DataError(f"{where}: half a character: a surrogate without the other")
    return _bounded(value, where)
