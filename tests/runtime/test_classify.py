"""`classify` over any number of texts: from where they come, what the answers become, in order and in constant memory."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from command import ROOT, RUNTIME, Shell

from tritspike.compiler.lower import lower
from tritspike.runtime.commands import progress
from tritspike.runtime.host import answers, batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.answer_lines import CSV, JSONL, TEXT, form
from tritspike.runtime.host.answers import Answer
from tritspike.runtime.host.batches import How
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks import labelled

SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=9)


def made(folder: Path, **changes) -> Path:
    path = folder / "p.tsp"
    program_file.save(lower(random_checkpoint.write(folder / "c", **(SMALL | changes)), "loihi2"), path)
    return path


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("classify"))


@pytest.fixture(scope="module")
def encoder(program) -> Encoder:
    return Encoder(program_file.load(program))


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


def run(*arguments: object, given: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, *RUNTIME, *map(str, arguments)], cwd=ROOT, input=given, capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def printed(shell: Shell, *arguments: object) -> str:
    code, out, err = shell.run(RUNTIME, "classify", *arguments)
    assert (code, err) == (0, "")
    return out


# the stream of answers


def varied(number: int) -> list[str]:
    return random_checkpoint.texts(3, number, 9)


def test_answers_come_in_order_from_any_executor(encoder, monkeypatch):
    monkeypatch.setattr(batches, "_GROUP", 7)
    texts = varied(300)
    whole = batches.answer(encoder, texts, "fast").logits
    for name, how in (("fast", How(threads=2)), ("fast", How(threads=1)), ("reference", How())):
        found = list(answers.answers(encoder, iter(texts), name, how))
        assert [a.text for a in found] == texts
        assert [list(a.logits) for a in found] == whole.tolist()
    assert (batches.answer(encoder, texts, "reference").logits == whole).all()


def test_batches_say_what_was_read(encoder):
    texts = varied(100)
    found = list(batches.answered(encoder, texts, "fast"))
    tokens = [t for b in found for t in b.tokens]
    assert tokens == encoder.tokens(texts) and [n for b in found for n in b.lengths] == [len(ids) for ids, _ in tokens]


def test_no_more_is_read_than_is_needed(encoder):
    read = []
    texts = (f"w{read.append(n) or n % 36}" for n in count())
    found = answers.answers(encoder, texts, "fast", How(threads=2))
    assert len(list(islice(found, 1000))) == 1000
    assert len(read) < 1000 + 4 * 1024


def test_long_texts_are_few_at_once(encoder, monkeypatch):
    monkeypatch.setattr(batches, "_CHARACTERS", 10)
    assert list(map(len, batches._read_at_once(["w1 w2"] * 3 + [("w1 w2", "w3 w4")] * 2))) == [2, 2, 1]
    assert len(list(answers.answers(encoder, ["w1 w2 w3"] * 5))) == 5


def test_an_answer(encoder):
    (answer,) = answers.answers(encoder, ["w1 w2"])
    assert answer.tokens == ("[CLS]", "w1", "w2", "[SEP]") and all(type(n) is int for n in answer.logits)
    assert answer.ranked[0] == (answer.label, answer.score) and {name for name, _ in answer.ranked} == {"negative", "positive"}
    assert answer.label == ("negative", "positive")[answer.logits[1] > answer.logits[0]]
    assert sum(share for _, share in answer.ranked) == pytest.approx(1)


def test_equal_logits_go_to_the_earlier_label(tmp_path):
    zero = {"readout.bias": np.zeros(3, np.int32), "readout.codes": np.zeros((3, 1), np.uint8)}
    folder = random_checkpoint.write(tmp_path / "c", 0, zero, **(SMALL | dict(task="own", labels=["a", "b", "c"], classes=3)))
    (answer,) = answers.answers(Encoder(lower(folder, "loihi2")), ["w1"])
    assert len(set(answer.logits)) == 1 and [name for name, _ in answer.ranked] == ["a", "b", "c"]


def test_regression_is_a_number(tmp_path, shell):
    path = made(tmp_path, task="stsb", labels=[], classes=1)
    (answer,) = answers.answers(Encoder(program_file.load(path)), [("w1", "w2")])
    assert (answer.label, answer.ranked) == (None, ())
    assert printed(shell, path, "--pairs", "w1", "w2") == f"{answer.score:.3f}    w1 | w2\n"
    (line,) = map(json.loads, printed(shell, path, "--pairs", "w1", "w2", "--to", "jsonl").splitlines())
    assert line == {"texts": ["w1", "w2"], "label": None, "score": round(answer.score, 6), "logits": list(answer.logits), "tokens": 5}


# names


@pytest.mark.parametrize("name", labelled.NAMES)
def test_every_label_of_glue_has_a_name(name):
    task = labelled.task_named(name)
    found = labelled.label_names(name, task.labels)
    assert len(set(found)) == len(task.labels) and not {"0", "1"} & set(found)
    assert labelled.label_names(name, task.labels[::-1]) == found[::-1]


def test_other_tasks_keep_theirs():
    assert labelled.label_names("reviews", ["0", "good"]) == ("0", "good")
    assert labelled.label_names("sst2", ["0", "good"]) == ("negative", "good")


# what they become


ANSWER = Answer("a\nb\u2028\x1b[0m", "yes", 0.75, (1, 2), ("x", "y", "z"), (("yes", 0.75), ("no", 0.25)))
PAIR = Answer(("é", "b"), "yes", float("nan"), (1, 2), ("x",), (("yes", float("nan")), ("no", float("nan"))))


def lines(name: str, *found: Answer, pairs: bool = False, top: int | None = None) -> str:
    shape = form(name, 2, pairs, top)
    return shape.head + shape.lines(found)


def test_as_text():
    assert lines(TEXT, ANSWER) == "yes  0.750  a\\nb\\u2028\\x1b[0m\n"
    assert lines(TEXT, PAIR, top=9) == "yes  -  no  -  é | b\n"
    assert lines(TEXT, Answer("a", None, float("inf"), (1,), (), ())) == "-    a\n"


def test_as_json():
    one, two, end = lines(JSONL, ANSWER, PAIR).split("\n")
    assert json.loads(one) == {"text": ANSWER.text, "label": "yes", "score": 0.75, "logits": [1, 2], "tokens": 3} and len(one.splitlines()) == 1
    assert json.loads(two) == {"texts": ["é", "b"], "label": "yes", "score": None, "logits": [1, 2], "tokens": 1} and "é" in two and end == ""
    ranked = json.loads(lines(JSONL, ANSWER, top=2))["ranked"]
    assert ranked == [{"label": "yes", "score": 0.75}, {"label": "no", "score": 0.25}]
    assert len(json.loads(lines(JSONL, ANSWER, top=1))["ranked"]) == 1


def test_as_csv():
    head, row = csv.reader(io.StringIO(lines(CSV, ANSWER), newline=""))
    assert (head, row) == (["text", "label", "score", "tokens"], [ANSWER.text, "yes", "0.75", "3"])
    head, row = csv.reader(io.StringIO(lines(CSV, PAIR, pairs=True, top=5), newline=""))
    assert head == ["first", "second", "label", "score", "tokens", "label_2", "score_2"] and row == ["é", "b", "yes", "", "1", "no", ""]


# by command


@pytest.mark.parametrize("text", ["w1\nw2", "w1\u2028", "a\r\x85b\x07", "\x1b]0;title\x07"])
def test_one_answer_is_one_line(text, program, shell):
    assert len(printed(shell, program, text, "w2").splitlines()) == 2


FILES = {
    "t.txt": "w1 w2\nw3\n",
    "t.csv": 'id,text\n1,w1 w2\n2,"w3"\n',
    "t.tsv": "sentence\tlabel\nw1 w2\t1\nw3\t0\n",
    "t.jsonl": '"w1 w2"\n{"text": "w3", "more": 1}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_format(name, program, shell, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    expected = printed(shell, program, "w1 w2", "w3")
    assert printed(shell, program, "--file", tmp_path / name) == expected
    (tmp_path / "other").write_text(FILES[name])
    kind = {"txt": "plain"}.get(name[2:], name[2:])
    assert printed(shell, program, "--file", tmp_path / "other", "--from", kind, "--executor", "reference") == expected


def test_pairs_from_files(shell, tmp_path):
    program = made(tmp_path, task="mrpc")
    expected = printed(shell, program, "--pairs", "w1", "w2", "w3 w4", "w5")
    (tmp_path / "t.txt").write_text("w1\tw2\nw3 w4\tw5\n")
    (tmp_path / "t.csv").write_text("a,b\nw2,w1\nw5,w3 w4\n")
    assert printed(shell, program, "--file", tmp_path / "t.txt") == expected
    assert printed(shell, program, "--file", tmp_path / "t.csv", "--text-column", "b", "--pair-column", "a") == expected


def test_texts_before_and_behind_options(program, shell):
    expected = printed(shell, program, "w1", "w2", "-5")
    assert printed(shell, program, "--threads", 1, "w1", "w2", "-5") == expected
    assert printed(shell, program, "w1", "--threads", 1, "w2", "--", "-5") == expected
    assert printed(shell, program, "--threads", 1, "--", "-w") == printed(shell, program, "--", "-w")


def test_out_is_as_its_name_says(program, shell, tmp_path):
    out = tmp_path / "a.csv"
    assert printed(shell, program, "w1", "w2", "--out", out) == f"{out}: 2 texts\n"
    assert out.read_text() == printed(shell, program, "w1", "w2", "--to", "csv")
    assert printed(shell, program, "w1", "--out", out) == f"{out}: 1 text\n" and out.read_text().count("\n") == 2  # over an older one
    assert printed(shell, program, "w1", "--out", tmp_path / "a") and (tmp_path / "a").read_text() == printed(shell, program, "w1")
    assert printed(shell, program, "w1", "--out", tmp_path / "a.ndjson") and json.loads((tmp_path / "a.ndjson").read_text())["text"] == "w1"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_no_texts_are_no_error(program, shell, tmp_path):
    (tmp_path / "t.txt").write_text("")
    assert printed(shell, program, "--file", tmp_path / "t.txt") == ""
    assert printed(shell, program, "--file", tmp_path / "t.txt", "--to", "csv") == "text,label,score,tokens\n"


# standard input, by real processes


@pytest.mark.parametrize(
    "given, said",
    [(["w1"], ""), ([""], "warning: text 1 is empty: its"), (["w1", " ", "w2", ""], "warning: text 2 is empty, and so are 1 more: its")],
)
def test_an_empty_text_is_answered_with_a_warning(given, said, program, shell):
    code, out, err = shell.run(RUNTIME, "classify", program, *given)
    assert (code, len(out.splitlines())) == (0, len(given))
    assert err == (f"{said} answer is of no word at all\n" if said else "")


def test_standard_input(program):
    """Also where a word for it is given; in order, on two threads."""
    expected = run("classify", program, "w1", "w2 w3")
    assert expected[0] == 0
    for given in ((), ("-",), ("--file", "-")):
        assert run("classify", program, *given, given=b"w1\r\nw2 w3") == expected
    many = "".join(f"w{n % 36} w{n % 7}\n" for n in range(3000)).encode()
    code, out, err = run("classify", program, "--threads", 2, "--to", "jsonl", given=many)
    assert (code, err) == (0, "") and "".join(json.loads(line)["text"] + "\n" for line in out.splitlines()).encode() == many
    code, out, err = run("classify", program, "--from", "csv", given=b'a,text\n1,"w1\nw2"\n1\n')
    expected = "error: standard input:4: 1 columns, the header has 2 (hint: a text with a comma in it is quoted)\n"
    assert (code, out, err) == (1, "", expected)


def test_json_is_utf8_in_any_locale(program):
    env = os.environ | {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    command = [sys.executable, *RUNTIME, "classify", str(program), "--to", "jsonl"]
    done = subprocess.run(command, cwd=ROOT, env=env, input="日本 é\n".encode(), capture_output=True)
    assert json.loads(done.stdout.decode("utf-8"))["text"] == "日本 é"


def test_its_own_input_is_not_replaced(program, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("w1\n")
    with path.open("rb") as given:
        command = [sys.executable, *RUNTIME, "classify", str(program), "--out", str(path)]
        done = subprocess.run(command, cwd=ROOT, stdin=given, capture_output=True, text=True)
    assert done.returncode == 1 and "the same file as /dev/stdin, which is read" in done.stderr and path.read_text() == "w1\n"


def test_a_reader_that_has_enough_ends_it(program):
    """No error, and no work for the rest of an endless input."""
    endless = subprocess.Popen(["yes", "w1 w2"], stdout=subprocess.PIPE)
    command = [sys.executable, *RUNTIME, "classify", str(program)]
    running = subprocess.Popen(command, cwd=ROOT, stdin=endless.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    endless.stdout.close()
    assert running.stdout.readline().endswith(b"  w1 w2\n")
    running.stdout.close()
    assert (running.wait(120), running.stderr.read()) == (0, b"")
    running.stderr.close()
    endless.wait(120)


PEAK = """
import sys, resource
from tritspike.runtime import __main__ as command
try: command.entry()
finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def test_memory_does_not_grow_with_the_texts(program):
    """Of which every third one is cut, and told."""

    def peak(number: int) -> int:
        command = [sys.executable, "-c", PEAK, "classify", str(program), "--to", "jsonl", "--threads", "2"]
        given = "".join(f"w{n % 36}{' w1' * (n % 3) * 4}\n" for n in range(number)).encode()
        done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True)
        *told, kib = done.stderr.decode().splitlines()
        assert done.returncode == 0 and len(told) == 1 and f"{number // 3:,} texts have more than" in told[0]
        assert done.stdout.count(b"\n") == number
        return int(kib)

    assert peak(100_000) < peak(2_000) + (30 << 10)


def test_nothing_is_imported_that_is_not_needed(program):
    code = "import sys\nfrom tritspike.runtime import __main__ as command\ntry: command.entry()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, "classify", str(program), "w1"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert not {"scipy.stats", "sklearn", "matplotlib", "networkx", "torch", "lava", "rich.progress"} & set(done.stderr.split())


# how far it is


class Clock:
    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


def test_a_log_is_told_now_and_then(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with progress.progress("classify") as step:
        for _ in range(7):
            clock.now += 10
            step(8400)
    assert capsys.readouterr().err == "25,200 texts, 840/s\n50,400 texts, 840/s\n"


@pytest.mark.parametrize("total", [None, 12_000])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_terminal_has_a_bar(total, hidden, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.progress("classify on fast", total, hidden) as step:
        step(1000)
        time.sleep(0.15)
    err = capsys.readouterr().err
    assert ("classify on fast" in err) != hidden
