"""Texts as files and pipes hold them: every format, and what ends a line."""

from __future__ import annotations

import io

import pytest

from tritspike.runtime.host import texts
from tritspike.runtime.host.texts import CSV, JSONL, PLAIN, TSV, Layout


def read(content: bytes | str, format: str = PLAIN, **more):
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return list(texts.read(stream, "f", Layout(format=format, **more)))


@pytest.mark.parametrize(
    "name, format",
    [("a.txt", PLAIN), ("a", PLAIN), ("a.md", PLAIN), ("a.csv", CSV), ("A.TSV", TSV), ("x/a.jsonl", JSONL), ("a.ndjson", JSONL), (".csv", PLAIN)],
)
def test_the_format_is_in_the_name(name, format):
    assert texts.format_of(name) == format


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_plain_lines(end):
    assert read(f"one\r\n two \nthree{end}") == ["one", " two ", "three"]


def test_an_empty_line_is_an_empty_text_in_plain_alone():
    assert read("\na\n\n") == ["", "a", ""]
    assert read("text\n\na\n\n", CSV) == read("text\n\na\n\n", TSV) == read('\n"a"\n \n', JSONL) == ["a"]
    assert read('text\n""\n', CSV) == [""]


@pytest.mark.parametrize("between", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_nothing_else_ends_a_line(between):
    text = f"a{between}b"
    assert read(f"{text}\n{text}") == [text] * 2
    assert read(f"text\n{text}\n", TSV) == [text]
    assert read(f'text\n"{text}"\n', CSV) == [text]
    if ord(between) > 31:
        assert read(f'"{text}"\n', JSONL) == read(f"text\n{text}\n", CSV) == [text]


@pytest.mark.parametrize("format, content", [(PLAIN, "a\nb\n"), (CSV, "text\na\nb\n"), (TSV, "text\na\nb\n"), (JSONL, '"a"\n"b"\n')])
def test_a_byte_order_mark_is_no_text(format, content):
    assert read(b"\xef\xbb\xbf" + content.encode(), format) == read(content, format) == read(content.replace("\n", "\r\n"), format) == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_nothing_is_no_texts(content):
    assert read(content) == read(content, JSONL) == read("text\n", CSV) == read("a\tsentence\n", TSV) == []


def test_quotes():
    content = 'id,text\n1,"a, ""b""\r\nc\nd"\n2,e\n'
    assert read(content, CSV) == ['a, "b"\r\nc\nd', "e"]
    assert read('id\ttext\n1\t"a\n2\tit\'s "b"\n', TSV) == ['"a', 'it\'s "b"']


@pytest.mark.parametrize(
    "header, chosen",
    [("text,sentence", 0), ("sentence,text", 1), ("x,sentence", 1), ("only", 0)],
)
def test_the_column_that_nobody_named(header, chosen):
    row = ["p", "q"][: header.count(",") + 1]
    assert read(f"{header}\n{','.join(row)}\n", CSV) == [row[chosen]]
    keys = dict(zip(header.split(","), row))
    assert read(str(keys).replace("'", '"'), JSONL) == [row[chosen]]


def test_columns_that_are_named():
    assert read("text,b\n1,2\n", CSV, text="b") == ["2"]
    assert read("text,b\n1,2\n", CSV, pairs=True, pair="b") == [("1", "2")]
    assert read("x\ty\tz\n1\t2\t3\n", TSV, pairs=True, text="z", pair="x") == [("3", "1")]
    assert read('{"x": "1", "y": "2"}\n{"y": "4", "x": "3"}', JSONL, pairs=True, pair="y") == [("1", "2"), ("3", "4")]
    assert read('{"x": "1", "y": 2}\n"3"', JSONL, text="x") == ["1", "3"]


def test_a_pair_has_a_tab_between():
    assert read("a b\tc\n\td\n", pairs=True) == [("a b", "c"), ("", "d")]
    assert read("a b\tc\n") == ["a b\tc"]


def test_texts_are_read_as_they_are_needed():
    """A line that is bad does no harm to those before it."""
    found = texts.read(io.BytesIO(b"a\nb\n\xff\n"), "f", Layout())
    assert [next(found), next(found)] == ["a", "b"]
