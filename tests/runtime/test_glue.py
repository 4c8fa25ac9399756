"""GLUE files as the archives lay them out, metrics as worked by hand, and the counts of the real data."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tritspike.runtime.errors import DataError
from tritspike.runtime.tasks.dataset import read
from tritspike.runtime.tasks.labelled import NAMES, Example, Task, score, task_named

TASKS = {name: task_named(name) for name in NAMES}

# by task: the header of the official archive, its rows, and what they say
LAYOUTS: dict[str, tuple[str | None, list[str], list[Example]]] = {
    "sst2": (
        "sentence\tlabel",
        ["it 's a \"joy \t1", "dull . \t0", "fine\t1"],
        [Example("it 's a \"joy", None, 1), Example("dull .", None, 0), Example("fine", None, 1)],
    ),
    "cola": (
        None,
        ["gj04\t1\t\tThe ropes stretch.", "gj04\t0\t*\tRopes the.", "cj99\t1\t\tThe more."],
        [Example("The ropes stretch.", None, 1), Example("Ropes the.", None, 0), Example("The more.", None, 1)],
    ),
    "mrpc": (
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String",
        ['1\t7\t8\tHe said " so .\t" So .', "0\t9\t10\tOne\tTwo", "1\t1\t2\tA\tB"],
        [Example('He said " so .', '" So .', 1), Example("One", "Two", 0), Example("A", "B", 1)],
    ),
    "stsb": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
        ["0\tg\tf\t2012\t0\tn\tn\tA man.\tA hat.\t5.000", "1\tg\tf\t2012\t1\tn\tn\tX\tY\t0.25", "2\tg\tf\t2012\t2\tn\tn\tP\tQ\t3"],
        [Example("A man.", "A hat.", 5.0), Example("X", "Y", 0.25), Example("P", "Q", 3.0)],
    ),
    "rte": (
        "index\tsentence1\tsentence2\tlabel",
        ["0\tA.\tB.\tnot_entailment", "1\tC.\tD.\tentailment", "2\tE.\tF.\tentailment"],
        [Example("A.", "B.", 1), Example("C.", "D.", 0), Example("E.", "F.", 0)],
    ),
    "wnli": (
        "index\tsentence1\tsentence2\tlabel",
        ["0\tA.\tB.\t0", "1\tC.\tD.\t1", "2\tE.\tF.\t0"],
        [Example("A.", "B.", 0), Example("C.", "D.", 1), Example("E.", "F.", 0)],
    ),
    "qnli": (
        "index\tquestion\tsentence\tlabel",
        ["0\tWho?\tHe.\tentailment", "1\tWhat?\tIt.\tnot_entailment", "2\tWhy?\tSo.\tentailment"],
        [Example("Who?", "He.", 0), Example("What?", "It.", 1), Example("Why?", "So.", 0)],
    ),
    "qqp": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
        ["0\t1\t2\tHow?\tHow so?\t1", "1\t3\t4\tWhy?\tWho?\t0", "2\t5\t6\tA?\tB?\t0"],
        [Example("How?", "How so?", 1), Example("Why?", "Who?", 0), Example("A?", "B?", 0)],
    ),
    "mnli": (
        "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
        "\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label",
        [
            f"{n}\t1\t1\tg\tb\tb\tp\tp\t{one}\t{two}\tneutral\tneutral\tneutral\tneutral\tneutral\t{gold}"
            for n, (one, two, gold) in enumerate([("A", "B", "contradiction"), ("C", "D", "entailment"), ("E", "F", "neutral")])
        ],
        [Example("A", "B", 2), Example("C", "D", 0), Example("E", "F", 1)],
    ),
}
FOLDERS = {"sst2": "SST-2", "cola": "CoLA", "mrpc": "MRPC", "stsb": "STS-B"} | {name: name.upper() for name in ("rte", "wnli", "qnli", "qqp", "mnli")}


def test_every_task_has_a_layout_here():
    assert TASKS.keys() == LAYOUTS.keys() == FOLDERS.keys()


def _write(top: Path, name: str, file: str, newline: str = "\n") -> None:
    header, rows, _ = LAYOUTS[name]
    folder = top / FOLDERS[name]
    folder.mkdir(exist_ok=True)
    lines = rows if header is None else [header, *rows]
    (folder / file).write_bytes("".join(line + newline for line in lines).encode())


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_reads_dev_and_train_in_file_order(name, newline, tmp_path):
    wanted = LAYOUTS[name][2]
    _write(tmp_path, name, "dev_matched.tsv" if name == "mnli" else "dev.tsv", newline)
    assert read(TASKS[name], tmp_path) == read(TASKS[name], str(tmp_path), "dev") == wanted
    with pytest.raises(DataError, match=r"train\.tsv: no such file"):
        read(TASKS[name], tmp_path, "train")
    _write(tmp_path, name, "train.tsv", newline)
    assert read(TASKS[name], tmp_path, "train") == wanted


def test_rows_that_break_off_are_left_out_of_qqp_alone(tmp_path):
    """The published train.tsv of QQP has a few."""
    for name in ("qqp", "rte"):
        header, rows, examples = LAYOUTS[name]
        _write(tmp_path, name, "train.tsv")
        path = tmp_path / FOLDERS[name] / "train.tsv"
        path.write_text("\n".join([header, rows[0], "1\t7\tbroken off", *rows[1:]]) + "\n")
        if name == "qqp":
            with pytest.warns(UserWarning, match="1 of 4 rows break off before their last column and are left out"):
                assert read(TASKS[name], tmp_path, "train") == examples
        else:
            with pytest.raises(DataError, match="3 columns, rte needs 4"):
                read(TASKS[name], tmp_path, "train")


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("name", ["sst2", "cola"])
def test_limit_takes_the_first(name, limit, tmp_path):
    _write(tmp_path, name, "dev.tsv")
    assert read(TASKS[name], tmp_path, limit=limit) == LAYOUTS[name][2][:limit]


def test_label_numbers_are_the_places_of_their_names():
    assert TASKS["mnli"].labels == ("entailment", "neutral", "contradiction")
    assert TASKS["rte"].labels == TASKS["qnli"].labels == ("entailment", "not_entailment") and TASKS["stsb"].labels == ()


# metrics


def _task(*metrics: str) -> Task:
    return Task(name="made-up", columns=(), label_column="", labels=("0", "1"), metrics=metrics)


# 3 true positives, 1 false positive, 2 false negatives, 2 true negatives
TRUTH, GUESS = [1, 1, 1, 0, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "metric, truth, guess, wanted",
    [
        ("accuracy", TRUTH, GUESS, 5 / 8),
        ("accuracy", [2, 0, 1], [2, 1, 1], 2 / 3),
        ("f1", TRUTH, GUESS, 2 * 3 / (2 * 3 + 1 + 2)),
        ("matthews", TRUTH, GUESS, (3 * 2 - 1 * 2) / (4 * 5 * 3 * 4) ** 0.5),  # (tp tn - fp fn) / sqrt of the four margins
        ("matthews", [0, 1, 0, 1], [1, 0, 1, 0], -1),
        ("pearson", [1, 2, 3, 4], [1, 2, 3, 10], 14 / (5 * 50) ** 0.5),
        ("spearman", [1, 2, 3, 4], [1, 2, 3, 10], 1),
        ("spearman", [1, 2, 3, 4], [1, 1, 3, 2], 3.5 / (5 * 4.5) ** 0.5),  # ranks 1.5, 1.5, 4, 3
        ("pearson", [1, 2, 3], [3, 2, 1], -1),
    ],
)
def test_metric_by_hand(metric, truth, guess, wanted):
    assert score(_task(metric), guess, truth) == {metric: pytest.approx(wanted, abs=1e-12)}
    assert score(_task(metric), [float(g) for g in guess], [float(t) for t in truth]) == {metric: pytest.approx(wanted, abs=1e-12)}


def test_each_task_is_scored_by_the_benchmarks_own_metrics():
    assert {name: task.metrics for name, task in TASKS.items()} == {
        "sst2": ("accuracy",),
        "cola": ("matthews",),
        "mrpc": ("f1", "accuracy"),
        "stsb": ("spearman", "pearson"),
        "rte": ("accuracy",),
        "wnli": ("accuracy",),
        "qnli": ("accuracy",),
        "qqp": ("f1", "accuracy"),
        "mnli": ("accuracy",),
    }
    assert list(score(TASKS["mrpc"], GUESS, TRUTH)) == ["f1", "accuracy"]


# the hub

HUB_COLUMNS = {
    "sst2": ("sentence",),
    "cola": ("sentence",),
    "qqp": ("question1", "question2"),
    "qnli": ("question", "sentence"),
    "mnli": ("premise", "hypothesis"),
    **dict.fromkeys(("mrpc", "stsb", "rte", "wnli"), ("sentence1", "sentence2")),
}


@pytest.fixture()
def hub(monkeypatch) -> list[tuple]:
    """A stand-in for the `datasets` package: the hub's column names and rows, no network; the list holds what was asked for."""
    asked = []

    def load_dataset(path, name, split):
        asked.append((path, name, split))
        return [
            dict(zip(HUB_COLUMNS[name], (example.first, example.second))) | {"label": example.label, "idx": n}
            for n, example in enumerate(LAYOUTS[name][2])
        ]

    stand_in = ModuleType("datasets")
    stand_in.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    return asked


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_hub_gives_the_same_examples(name, hub):
    assert read(TASKS[name], "hub") == LAYOUTS[name][2]
    assert read(TASKS[name], "hub", "train", limit=2) == LAYOUTS[name][2][:2]
    dev = "validation_matched" if name == "mnli" else "validation"
    assert hub == [("nyu-mll/glue", name, dev), ("nyu-mll/glue", name, "train")]


def test_without_the_hub_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError) as error:
        read(TASKS["sst2"], "hub")
    assert str(error.value) == "reading from the hub needs the package 'datasets' (hint: pip install datasets)"


# real data


@pytest.mark.parametrize("name, count", [("sst2", 872), ("mrpc", 408), ("cola", 1043), ("stsb", 1500), ("rte", 277), ("wnli", 71), ("qnli", 5463)])
def test_the_real_dev_sets_have_as_many_examples_as_published(name, count, glue_dir):
    task = TASKS[name]
    if not (glue_dir / task.dev).exists():
        pytest.skip(f"{task.dev} is not here")
    examples = read(task, glue_dir)
    assert len(examples) == count
    assert all(e.first and (e.second is None) == (len(task.columns) == 1) for e in examples)
    labels = {e.label for e in examples}
    assert labels == {0.0, 1.0} if task.labels else min(labels) == 0 and max(labels) == 5
