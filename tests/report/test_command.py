"""`report` as a shell runs it: what it writes, and one clear line for what it cannot take."""

from __future__ import annotations

import shutil
import sqlite3
import sys

import pytest
import random_checkpoint
from command import RUNTIME, Shell

from tritspike.compiler.lower import lower
from tritspike.runtime import command_line, install, outputs
from tritspike.runtime.commands.table import COMMANDS
from tritspike.runtime.host import file as program_file
from tritspike.runtime.report import page


@pytest.fixture()
def shell(made, tmp_path, capsys, monkeypatch):
    """In a folder with copies of everything."""
    shutil.copytree(made.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Shell(capsys, tmp_path)


@pytest.fixture()
def drawing():
    pytest.importorskip("bokeh", reason="bokeh is not installed")


def report(shell, *arguments, code=0):
    found, out, err = shell.run(RUNTIME, "report", *arguments)
    assert found == code, err
    return out, err


def test_a_page_of_everything(shell, drawing):
    compare = ("compare", "encoder.tsp", "other.tsp", "--task", "sst2", "--data", "glue")
    assert shell.run(RUNTIME, *compare)[0] == 0
    kept = (shell.folder / "runs.db").read_bytes()
    more = ("--data", "glue", "--against", "other.tsp", "--card", "card.json", "--fail-below", -1)
    out, err = report(shell, "encoder.tsp", *more, "--out", "r.html")
    text = (shell.folder / "r.html").read_text()
    assert err == "" and out.startswith("r.html: ") and len(text.encode()) < page.MOST
    ids = [f'<section id="{name}"' for name in ("card", "spikes", "rates", "network", "chip", "costs", "against", "history")]
    assert [name for name in ids if name not in text] == []
    assert (shell.folder / "runs.db").read_bytes() == kept, "a report keeps nothing"
    report(shell, "encoder.tsp", "--out", "r.html")  # over one of ours
    assert '<section id="against"' not in (shell.folder / "r.html").read_text()


@pytest.mark.parametrize(
    "arguments", [("pair.tsp", "--text", "w1 w2", "w3"), ("stream.tsp", "--data", "text.txt"), ("net.tsp", "--data", "arrays.npy")]
)
def test_every_kind_has_a_page(shell, drawing, arguments):
    report(shell, *arguments, "--out", "r.html")
    assert outputs.kind_of(shell.folder / "r.html") == outputs.PAGE


def test_a_task_of_one_s_own_is_named_by_its_file(shell, drawing):
    random_checkpoint.write(shell.folder / "ck", 3, layers=1, hidden=8, heads=1, head_dim=4, ffn=8, max_length=10, task="mine")
    program_file.save(lower(shell.folder / "ck", "loihi2"), shell.folder / "mine.tsp")
    (shell.folder / "mine.toml").write_text('text = "t"\nlabel = "l"\nlabels = ["0", "1"]\n[files]\ntrain = "x.csv"\ndev = "mine.csv"\n')
    (shell.folder / "mine.csv").write_text("t,l\nw1 w2,1\nw3,0\n")
    report(shell, "mine.tsp", "--data", "mine.toml", "--against", "mine.tsp", "--out", "r.html")
    assert "on 2 examples of mine&#x27;s dev set" in (shell.folder / "r.html").read_text()
    assert "encoder.tsp: compiled for sst2, not for mine" in shell.refusal(RUNTIME, "report", "encoder.tsp", "--data", "mine.toml", "--out", "r.html")


REFUSED = [
    (("none.tsp",), "none.tsp: no such file or directory"),
    (("card.json",), "not a whole safetensors file"),
    (("encoder.tsp", "--text", "a", "b", "c"), "--text: 3 texts (hint: one, or the two of a pair)"),
    (("encoder.tsp", "--text", "w1", "w2"), "text 1 is a pair, sst2 is a task of single texts"),
    (("pair.tsp", "--text", "w1"), "text 1 is single, rte is a task of pairs"),
    (("net.tsp", "--text", "w1"), "--text: this program knows no texts"),
    (("net.tsp", "--data", "card.json"), "no .npy array"),
    (("encoder.tsp", "--data", "none"), "none"),
    (("stream.tsp", "--data", "none.txt"), "none.txt: no such file or directory"),
    (("encoder.tsp", "--card", "none.json"), "none.json: no such file or directory"),
    (("encoder.tsp", "--card", "text.txt"), "text.txt: not a JSON file"),
    (("encoder.tsp", "--map", "other.map"), "other.map: maps another program"),
    (("encoder.tsp", "--map", "none.map"), "none.map: no such file or directory"),
    (("encoder.tsp", "--profile", "loihi1"), "describes loihi1, the mapping is for loihi2"),
    (("encoder.tsp", "--runs", "none.db"), "none.db: no such file or directory"),
    (("encoder.tsp", "--runs", "text.txt"), "text.txt: not a run history"),
    (("stream.tsp", "--data", "text.txt", "--against", "encoder.tsp"), "gives no label to a text, and only models that do are compared"),
    (("encoder.tsp", "--data", "glue", "--against", "pair.tsp"), "pair.tsp: compiled for rte, not for sst2"),
    (("encoder.tsp", "--data", "glue", "--against", "none.tsp"), "none.tsp: no such file or directory"),
]


@pytest.mark.parametrize("arguments, line", REFUSED)
def test_bad_input_is_one_line_and_nothing_written(shell, drawing, arguments, line):
    assert line in shell.refusal(RUNTIME, "report", *arguments, "--out", "r.html")


@pytest.mark.parametrize(
    "out, line",
    [
        ("encoder.tsp", "the same file as encoder.tsp, which is read"),
        ("encoder.map", "the same file as encoder.map, which is read"),
        ("card.json", "the same file as card.json, which is read"),
        ("other.map", "holds a mapping, not a report page of ours"),
        ("glue/SST-2/dev.tsv", "part of glue, which is read"),
        ("none/r.html", "make the folder none first"),
    ],
)
def test_nothing_else_is_replaced(shell, drawing, out, line, monkeypatch):
    monkeypatch.setattr("tritspike.runtime.commands.report._found", lambda *_: pytest.fail("the work was begun"))
    assert line in shell.refusal(RUNTIME, "report", "encoder.tsp", "--card", "card.json", "--data", "glue", "--out", out)


def test_a_page_that_fails_leaves_the_one_before(shell, drawing, monkeypatch):
    report(shell, "encoder.tsp", "--out", "r.html")
    monkeypatch.setattr(page, "MOST", 1000)
    assert "allowed 1,000" in shell.refusal(RUNTIME, "report", "encoder.tsp", "--out", "r.html")


def test_without_the_library_it_says_what_brings_it(shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    told = shell.refusal(RUNTIME, "report", "encoder.tsp", "--out", "r.html")
    assert told == f"this needs bokeh, which is not installed (hint: {install.command('report')})"


def test_against_needs_data(shell, drawing):
    with pytest.raises(SystemExit) as end:
        command_line.main(COMMANDS, "python -m runtime", ["report", "encoder.tsp", "--against", "other.tsp", "--out", "r.html"])
    assert end.value.code == 2 and not (shell.folder / "r.html").exists()


def test_a_damaged_history_is_refused(shell, drawing):
    with sqlite3.connect(shell.folder / "runs.db") as other:
        other.execute("CREATE TABLE mine (a)")
    assert "not a history of our runs" in shell.refusal(RUNTIME, "report", "encoder.tsp", "--out", "r.html")
