"""Files of texts that are not what they should be: one line that says where, nothing written, and nothing replaced that was not asked for."""

from __future__ import annotations

import io
import os

import pytest
import random_checkpoint
from command import RUNTIME

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import DataError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import texts
from tritspike.runtime.host.texts import CSV, JSONL, PLAIN, TSV, Layout

LONG = "x" * (texts._LONGEST + 1)
TOO_LONG = "a text of 1,048,577 characters, allowed 1,048,576"
COLUMNS = "which column holds the text? There are 'a', 'b' (hint: --text-column NAME)"
KEYS = "which key holds the text? There are 'a', 'b' (hint: --text-column NAME)"
SECOND = "holds the second text of a pair? There are 'text', 'b' (hint: --pair-column NAME)"
SEMICOLONS = " (hint: are they separated by ';'? A .csv has commas, a .tsv tabs)"
QUOTES = " (hint: is a quote not closed, or not doubled?)"

BAD = [
    (PLAIN, b"a\n\xff\n", {}, "2: not UTF-8 text: invalid start byte at byte 1 of the line"),
    (PLAIN, "a\nb".encode("utf-16"), {}, "1: a zero byte (hint: is it text?)"),
    (PLAIN, b"a\nb\0c\n", {}, "2: a zero byte (hint: is it text?)"),
    (PLAIN, f"a\n{LONG}\n", {}, f"2: {TOO_LONG}"),
    (PLAIN, "a\tb\nc\n", {"pairs": True}, "2: 1 texts, a pair has 2 (hint: one tab between first and second)"),
    (PLAIN, "a\tb\tc\n", {"pairs": True}, "1: 3 texts, a pair has 2 (hint: one tab between first and second)"),
    (CSV, "", {}, " the file is empty (hint: its first line names its columns)"),
    (TSV, "", {}, " the file is empty (hint: its first line names its columns)"),
    (CSV, "a,b\n1,2\n", {}, f"1: {COLUMNS}"),
    (CSV, "text;b\n1;2\n", {}, f"1: which column holds the text? There are 'text;b'{SEMICOLONS}"),
    (CSV, "text;b\n1;2\n", {"text": "text"}, f"1: no column 'text'; there are 'text;b'{SEMICOLONS}"),
    (CSV, "a,b\n1,2\n", {"text": "c"}, "1: no column 'c'; there are 'a', 'b'"),
    (CSV, "text,text\n1,2\n", {}, "1: two columns 'text'; there are 'text', 'text'"),
    (CSV, "text,b\n1,2\n", {"pairs": True}, f"1: which column {SECOND}"),
    (CSV, "text,b\n1,2\n", {"pairs": True, "pair": "c"}, "1: no column 'c'; there are 'text', 'b'"),
    (CSV, 'text,b\n"1\n2",3\n4\n', {}, "4: 1 columns, the header has 2 (hint: a text with a comma in it is quoted)"),
    (CSV, "text,b\n1,2,3\n", {}, "2: 3 columns, the header has 2 (hint: a text with a comma in it is quoted)"),
    (TSV, "text\tb\n1\n", {}, "2: 1 columns, the header has 2 (hint: a text has no tab in it)"),
    (CSV, 'text\na\n"b\nc\nd\n', {}, f"3: not CSV: unexpected end of data{QUOTES}"),
    (CSV, 'text\n"a"b\n', {}, f"2: not CSV: ',' expected after '\"'{QUOTES}"),
    (CSV, "text\na\rb\n", {}, f"2: not CSV: new-line character seen in unquoted field{QUOTES}"),
    (CSV, f"text\n{LONG}\n", {}, f"2: not CSV: field larger than field limit (1048576){QUOTES}"),
    (TSV, f"text\n{LONG}\n", {}, f"2: {TOO_LONG}"),
    (JSONL, '"a"\n{"text": }\n', {}, "2: not a line of JSON: Expecting value: line 1 column 10 (char 9)"),
    (JSONL, "[" * 100_000, {}, "1: not a line of JSON: it is nested too deeply"),
    (JSONL, '["a"]\n', {}, "1: a JSON array, not an object or a string"),
    (JSONL, "1\n", {}, "1: a JSON number, not an object or a string"),
    (JSONL, '"a"\n', {"pairs": True, "pair": "b"}, "1: a JSON string, not an object"),
    (JSONL, '{"text": null}\n', {}, "1: the text is a JSON null, must be a string"),
    (JSONL, '{"text": ["a"]}\n', {}, "1: the text is a JSON array, must be a string"),
    (JSONL, '{"a": "1", "b": "2"}\n', {}, f"1: {KEYS}"),
    (JSONL, '{"text": "1", "b": "2"}\n', {"pairs": True}, f"1: which key {SECOND}"),
    (JSONL, "{}\n", {"text": "a"}, "1: no key 'a'; there are none"),
    (JSONL, '"a\\u0000"\n', {}, "1: a zero byte (hint: is it text?)"),
    (JSONL, '"\\ud800"\n', {}, "1: half a character: a surrogate without the other"),
    (JSONL, f'"{LONG}"\n', {}, f"1: {TOO_LONG}"),
]


@pytest.mark.parametrize("format, content, more, expected", BAD, ids=range(len(BAD)))
def test_a_file_that_is_not_as_it_should_be(format, content, more, expected):
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as found:
        list(texts.read(stream, "f", Layout(format=format, **more)))
    assert str(found.value) == f"f:{expected}"


@pytest.mark.parametrize("format", texts.FORMATS)
def test_a_line_without_an_end_is_not_held(format):
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, into):
            into[:] = b"x" * len(into)
            return len(into)

    with pytest.raises(DataError, match=r"f:1: a line of more than 16 MiB"):
        list(texts.read(io.BufferedReader(Endless()), "f", Layout(format=format)))


# by command


def file(folder, content: str | bytes, name: str = "texts.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("place", ["nowhere", "folder", "fifo", "/dev/zero", "\0"])
def test_what_is_no_file(place, program, shell, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    why = {
        "nowhere": "no such file or directory",
        "folder": "is a directory",
        "fifo": "a FIFO, not a regular file",
        "/dev/zero": "a device, not a regular file",
        "\0": "not a file name: embedded null byte",
    }
    path = tmp_path / place
    shown = str(path).replace("\0", "\\x00")
    assert shell.refusal(RUNTIME, "classify", program, "--file", path) == f"{shown}: {why[place]}"


@pytest.mark.parametrize("options", [(), ("--to", "jsonl"), ("--out", "OUT")])
def test_a_refusal_is_one_line_and_leaves_nothing(options, program, shell, tmp_path):
    path = file(tmp_path, "text\nw1\n\xff\n".encode("latin-1"))
    given = [tmp_path / "answers.csv" if o == "OUT" else o for o in options]
    found = shell.refusal(RUNTIME, "classify", program, "--file", path, *given)
    assert found == f"{path}:3: not UTF-8 text: invalid start byte at byte 1 of the line"
    if given and given[0] == "--out":
        given[1].write_text("older")
        assert shell.refusal(RUNTIME, "classify", program, "--file", path, *given) == found


def test_a_bad_line_far_down_leaves_nothing_of_the_file(program, shell, tmp_path):
    path = file(tmp_path, b"w1\n" * 5000 + b"\0\n", "t.txt")
    found = shell.refusal(RUNTIME, "classify", program, "--file", path, "--out", tmp_path / "a.jsonl", "--threads", 2)
    assert found == f"{path}:5001: a zero byte (hint: is it text?)"


def test_an_input_is_not_replaced(program, shell, tmp_path):
    path = file(tmp_path, "text\nw1\n")
    for out, why in ((path, f"the same file as {path}, which is read"), (program, f"the same file as {program}, which is read")):
        found = shell.refusal(RUNTIME, "classify", program, "--file", path, "--out", out)
        assert found == f"{out}: cannot be written: {why} (hint: name another)"
    (tmp_path / "link.csv").symlink_to(path)
    assert "the same file as" in shell.refusal(RUNTIME, "classify", program, "--file", path, "--out", tmp_path / "link.csv")


def test_nor_is_a_file_of_another_kind(program, shell, tmp_path):
    other = tmp_path / "other.tsp"
    other.write_bytes(program.read_bytes())
    found = shell.refusal(RUNTIME, "classify", program, "w1", "--out", other)
    assert found == f"{other}: cannot be written: it holds a program, not labelled texts (hint: move it, or name another)"
    assert shell.refusal(RUNTIME, "classify", program, "w1", "--out", tmp_path / "no" / "a.csv").endswith(
        f"(hint: make the folder {tmp_path / 'no'} first)"
    )


@pytest.mark.parametrize(
    "options, why",
    [
        (("w1", "--file", "f"), "give texts, or --file, not both"),
        (("--file", "f", "--file", "g"), "--file can be given once"),
        (("w1", "--from", "csv"), "--from is for --file and standard input, not for texts on the command line"),
        (("w1", "--text-column", "a"), "--text-column is for --file and standard input, not for texts on the command line"),
        (("--file", "f.txt", "--text-column", "a"), "plain text has no columns: --from csv, tsv or jsonl"),
        (("w1", "--top-k", "0"), "argument --top-k: 0 is not a whole number in 1..1,000,000,000"),
        (("--to", "csv", "--nothing", "w1"), "unrecognized arguments: --nothing w1"),
    ],
)
def test_options_that_make_no_sense(options, why, program, shell):
    code, out, err = shell.run(RUNTIME, "classify", program, *options)
    assert (code, out) == (2, "") and err.startswith("usage: ") and err.splitlines()[-1].endswith(f": error: {why}")


def test_a_terminal_is_not_waited_for(program, shell, monkeypatch):
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    code, out, err = shell.run(RUNTIME, "classify", program)
    assert (code, out) == (2, "") and err.endswith("error: no texts: give some, or --file FILE, or standard input from a pipe\n")


def test_a_number_has_no_labels_to_list(shell, tmp_path):
    folder = random_checkpoint.write(tmp_path / "c", layers=1, steps=2, task="stsb", labels=[], classes=1)
    program_file.save(lower(folder, "loihi2"), tmp_path / "p.tsp")
    found = shell.refusal(RUNTIME, "classify", tmp_path / "p.tsp", "--pairs", "w1", "w2", "--top-k", 2)
    assert found == f"{tmp_path / 'p.tsp'}: stsb gives a number, and no labels of which --top-k could list some"


def test_single_texts_where_pairs_are_wanted(shell, tmp_path):
    folder = random_checkpoint.write(tmp_path / "c", layers=1, steps=2, task="mrpc")
    program_file.save(lower(folder, "loihi2"), tmp_path / "p.tsp")
    path = file(tmp_path, "w1\n", "t.txt")
    expected = f"{path}:1: 1 texts, a pair has 2 (hint: one tab between first and second)"
    assert shell.refusal(RUNTIME, "classify", tmp_path / "p.tsp", "--file", path) == expected
    path = file(tmp_path, "text,b\nw1,w2\n")
    assert shell.refusal(RUNTIME, "classify", tmp_path / "p.tsp", "--file", path) == f"{path}:1: which column {SECOND}"


def test_pairs_where_single_texts_are_wanted(program, shell, tmp_path):
    path = file(tmp_path, "text,b\nw1,w2\n")
    expected = "text 1 is a pair, sst2 is a task of single texts (hint: give each text by itself)"
    assert shell.refusal(RUNTIME, "classify", program, "--file", path, "--pair-column", "b") == expected


def test_a_json_document_is_not_one_text(program, shell, tmp_path):
    (tmp_path / "a.json").write_text('["w1", "w2"]\n')
    found = shell.refusal(RUNTIME, "classify", program, "--file", tmp_path / "a.json")
    assert found.endswith("a.json: a JSON document (hint: JSON lines, an object or a string a line, in a .jsonl file or with --from jsonl)")
    (tmp_path / "b.json").write_text('"w1 w2"\n')
    assert shell.run(RUNTIME, "classify", program, "--file", tmp_path / "b.json", "--from", "jsonl")[0] == 0
