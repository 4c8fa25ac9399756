"""GLUE data that is missing or malformed, tasks that do not match the program, and reports that cannot be written."""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace

import pytest
import random_checkpoint
from command import LOWER, RUNTIME, message, spawn

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import DataError, FileError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks import sampling
from tritspike.runtime.tasks.versus import sources

TASKS = "cola, mnli, mrpc, qnli, qqp, rte, sst2, stsb, wnli, or a task's own .toml file"
SST2 = "sentence\tlabel\nw1 w2\t1\nw3\t0\n"


@pytest.fixture()
def glue(tmp_path):
    """Writes one dev file below a GLUE folder."""

    def put(content: str | bytes, name: str = "SST-2/dev.tsv"):
        path = tmp_path / "glue" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


@pytest.fixture()
def regression(tmp_path):
    path = tmp_path / "stsb.tsp"
    small = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, max_length=6)
    folder = random_checkpoint.write(tmp_path / "stsb", task="stsb", labels=[], classes=1, **small)
    program_file.save(lower(folder, "loihi2"), path)
    return path


def score(program, folder, task="sst2", *options):
    return "glue", program, "--task", task, "--data", folder, *options


def test_sound_data_is_scored(program, glue, shell, tmp_path):
    folder = glue("\ufeff" + SST2.replace("\n", "\r\n") + "\n\n").parent.parent
    report = tmp_path / "report.json"
    code, out, err = shell.run(RUNTIME, *score(program, folder, "sst2", "--json", report))
    assert (code, err) == (0, "") and out.startswith("sst2 dev: accuracy ")
    assert json.loads(report.read_text())["examples"] == 2


@pytest.mark.parametrize("made", [(), ("glue",), ("glue", "glue/SST-2"), ("glue", "glue/SST-2", "glue/SST-2/dev.tsv")])
def test_missing_folder_or_file(made, program, shell, tmp_path):
    for name in made:
        (tmp_path / name).mkdir()
    why = "is a directory" if len(made) == 3 else "no such file"
    expected = f"{tmp_path}/glue/SST-2/dev.tsv: {why} (hint: --data must hold SST-2/dev.tsv in the GLUE layout)"
    assert shell.refusal(RUNTIME, *score(program, tmp_path / "glue")) == expected
    assert shell.refusal(RUNTIME, "verify", program, "--executor", "fast", "--data", tmp_path / "glue") == expected


MALFORMED = [
    ("", ": the file is empty"),
    ("\n \n", ": the file is empty"),
    ("sentence\tlabel\n", ": a header and no examples"),
    ("text\tlabel\nw1\t1\n", ": no column 'sentence'; its header has text, label"),
    ("sentence\tclass\nw1\t1\n", ": no column 'label'; its header has sentence, class"),
    (SST2 + "w4\n", ":4: 1 columns, sst2 needs 2"),
    (SST2 + "\nw4\n", ":5: 1 columns, sst2 needs 2"),
    (SST2 + "w4\tpositive\n", ":4: label 'positive' is not one of 0, 1"),
    (SST2 + "w4\t\n", ":4: label '' is not one of 0, 1"),
    (SST2 + "w4\t2\n", ":4: label '2' is not one of 0, 1"),
    (SST2 + "w4\t1.0\n", ":4: label '1.0' is not one of 0, 1"),
    (SST2.encode() + b"\xff\t1\n", ": not UTF-8 text: invalid start byte at byte 28"),
    (SST2.encode("utf-16"), ": not UTF-8 text: invalid start byte at byte 0"),
]


@pytest.mark.parametrize("content, expected", MALFORMED)
def test_malformed_file(content, expected, program, glue, shell):
    path = glue(content)
    assert shell.refusal(RUNTIME, *score(program, path.parent.parent)) == f"{path}{expected}"


def test_malformed_file_in_a_real_process(program, glue):
    path = glue("text\tlabel\nw1\t1\n")
    code, out, err = spawn(RUNTIME, *score(program, path.parent.parent))
    assert (code, out, message(err)) == (1, "", f"{path}: no column 'sentence'; its header has text, label")


@pytest.mark.parametrize(
    "content, expected",
    [
        ("gj04\t1\n", ":1: 2 columns, cola needs 4"),
        ("gj04\t1\t\tw1\ngj04\tgood\t\tw2\n", ":2: label 'good' is not one of 0, 1"),
    ],
)
def test_file_without_header(content, expected, tmp_path, glue, shell):
    program, path = tmp_path / "cola.tsp", glue(content, "CoLA/dev.tsv")
    program_file.save(lower(random_checkpoint.write(tmp_path / "cola", task="cola", layers=1), "loihi2"), program)
    assert shell.refusal(RUNTIME, *score(program, path.parent.parent, "cola")) == f"{path}{expected}"


@pytest.mark.parametrize("label", ["high", "nan", "inf", ""])
def test_label_that_is_no_number(label, regression, glue, shell):
    path = glue(f"sentence1\tsentence2\tscore\nw1\tw2\t3.5\nw3\tw4\t{label}\n", "STS-B/dev.tsv")
    assert shell.refusal(RUNTIME, *score(regression, path.parent.parent, "stsb")) == f"{path}:3: label {label!r} is not a number"


def test_correlation_of_one_example(regression, glue, shell):
    folder = glue("sentence1\tsentence2\tscore\nw1\tw2\t3.5\nw3\tw4\t1\n", "STS-B/dev.tsv").parent.parent
    expected = "stsb: 1 example, a correlation needs 2"
    assert shell.refusal(RUNTIME, *score(regression, folder, "stsb", "--limit", 1)) == expected


@pytest.mark.parametrize("task", ["mnli", "stsb", "rte"])
def test_another_task_than_the_program_s(task, program, shell):
    """Even with as many labels: RTE's two are no answer to SST-2's question."""
    expected = f"{program}: compiled for sst2, not for {task} (hint: --task sst2)"
    assert shell.refusal(RUNTIME, *score(program, "nowhere", task)) == expected


def test_unknown_task(program, shell):
    assert shell.refusal(RUNTIME, *score(program, "nowhere", "sst3")) == f"task 'sst3' is unknown (hint: one of {TASKS})"


def test_long_text_is_refused_when_strict(program, glue, shell):
    folder = glue(SST2 + "w1 w2 w3 w4 w5\t1\n").parent.parent
    why = "text 3 has 7 tokens, the program was compiled for 6"
    assert shell.refusal(RUNTIME, *score(program, folder, "sst2", "--strict")) == f"{why} (hint: lower the checkpoint with a larger --length)"
    assert shell.run(RUNTIME, *score(program, folder))[::2] == (0, f"warning: {why}: the rest is cut off\n")


def test_report_that_cannot_be_written(program, glue, shell, tmp_path):
    """Refused before the work, not after."""
    folder = glue(SST2).parent.parent
    missing = f"No such file or directory (hint: make the folder {tmp_path}/missing first)"
    for path, why in ((tmp_path / "missing" / "report.json", missing), (tmp_path, "Is a directory")):
        before = shell.files()
        code, out, err = shell.run(RUNTIME, *score(program, folder, "sst2", "--json", path))
        assert (code, message(err), shell.files()) == (1, f"{path}: cannot be written: {why}", before)
        assert out == ""


def test_hub_without_its_package(program, shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    expected = "reading from the hub needs the package 'datasets' (hint: pip install datasets)"
    assert shell.refusal(RUNTIME, *score(program, "hub")) == expected


def test_hub_that_cannot_be_reached(program, shell, monkeypatch):
    def offline(*args, **options):
        raise ConnectionError("the hub does not answer")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=offline))
    assert shell.refusal(RUNTIME, *score(program, "hub")) == "the hub does not answer"


@pytest.mark.parametrize("row", [{}, {"sentence": None, "label": 1}, {"sentence": "w1", "label": "good"}, {"sentence": "w1", "label": 7}, 5])
def test_hub_rows_of_another_kind(row, program, shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=lambda *args, **options: [row]))
    assert shell.refusal(RUNTIME, *score(program, "hub")).startswith("the hub's sst2, row 1: ")


def test_fifos_are_refused_and_not_waited_for(program, checkpoint, shell, tmp_path):
    """One for each kind of file that is handed over."""
    (tmp_path / "SST-2").mkdir()
    fifo = tmp_path / "SST-2" / "dev.tsv"
    os.mkfifo(fifo)
    why = "a FIFO, not a regular file"
    assert shell.refusal(RUNTIME, *score(program, tmp_path)).startswith(f"{fifo}: {why}")
    with pytest.raises(DataError, match=why):
        sampling.read_text(fifo)
    with pytest.raises(FileError, match=why):
        sources.digest(fifo)
    rates = shell.refusal(LOWER, checkpoint, "--out", tmp_path / "p.tsp", "--map", "--rates", fifo)
    assert rates == f"{fifo}: cannot be read as texts, one a line: {why}"
    compared = "compare", fifo, program, "--task", "sst2", "--data", tmp_path, "--runs", tmp_path / "runs.db"
    assert shell.refusal(RUNTIME, *compared) == f"{fifo}: {why}"


def test_a_length_too_short_for_the_tokenizer_s_own_tokens(checkpoint, shell, tmp_path):
    program = tmp_path / "one.tsp"
    program_file.save(lower(checkpoint, "loihi2", length=1), program)
    why = "the program was compiled for 1 tokens, the tokenizer adds 2 of its own (hint: lower the checkpoint with a larger --length)"
    assert shell.run(RUNTIME, "classify", program, "w1")[0] == 1
    assert shell.run(RUNTIME, "classify", program, "w1")[2].endswith(f"error: {why}\n")


def test_an_undefined_correlation_is_null_in_the_report(regression, glue, shell, tmp_path):
    """Two texts alike get one prediction, and a constant correlates with nothing."""
    folder = glue("sentence1\tsentence2\tscore\nw1\tw2\t3.5\nw1\tw2\t1\n", "STS-B/dev.tsv").parent.parent
    assert shell.run(RUNTIME, *score(regression, folder, "stsb", "--json", tmp_path / "r.json"))[0] == 0
    report = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    assert report["spearman"] is None and report["pearson"] is None
