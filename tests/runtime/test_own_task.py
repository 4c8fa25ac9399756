"""A task of one's own: its file, its rows in any layout, what is refused in one line, and that no row is lost."""

from __future__ import annotations

import json
import sys
import warnings
from types import ModuleType

import numpy as np
import pytest

from tritspike.runtime.errors import DataError, InputError, TritspikeError
from tritspike.runtime.tasks.dataset import read
from tritspike.runtime.tasks.labelled import NAMES, Example, examples, of_program, place, require_task, score, task_named

pytestmark = pytest.mark.filterwarnings("ignore:.* an empty text")
TASK = """text = "message"
label = "team"
labels = ["billing", "delivery", "account"]
[files]
train = "train.csv"
"""
ROWS = 'team,message,id\nbilling,"charged, ""twice""\nand again",1\ndelivery,,2\naccount,no login,3\n'
EXAMPLES = [Example('charged, "twice"\nand again', None, 0), Example("", None, 1), Example("no login", None, 2)]


@pytest.fixture()
def task(tmp_path):
    """The task of a TOML text, its train file beside it."""

    def made(said: str = TASK, rows: str | bytes = ROWS, name: str = "train.csv", dev: str | None = "train.csv"):
        path = tmp_path / "tickets.toml"
        path.write_text(said.replace("train.csv", name) + (f'dev = "{name}"\n' if dev and "[files]" in said and "dev =" not in said else ""))
        (tmp_path / name).write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        return task_named(str(path))

    return made


def whole(task) -> list[Example]:
    return read(task, place(task, None), "train")


def test_a_csv_beside_its_task(task):
    found = task()
    assert (found.name, found.metrics, found.columns, found.answers) == ("tickets", ("accuracy",), ("message",), found.labels)
    assert whole(found) == EXAMPLES and read(found, place(found, None), limit=1) == EXAMPLES[:1]


def test_tabs_and_json_lines_say_the_same(task):
    rows = [json.dumps({"message": e.first, "team": found}) for e, found in zip(EXAMPLES, ("billing", "delivery", "account"))]
    assert whole(task(rows="\n\n".join(rows), name="train.jsonl")) == EXAMPLES
    assert whole(task(rows='message\tteam\na "quote\tbilling\n', name="train.tsv")) == [Example('a "quote', None, 0)]


def test_pairs_and_numbers(task):
    said = 'text = ["a", "b"]\nlabel = "like"\nname = "alike"\n[files]\ntrain = "train.csv"\n'
    found = task(said, "a,b,like\nx,y,2.5\nx,,-1e1\n")
    assert (found.name, found.labels, found.metrics) == ("alike", (), ("spearman", "pearson"))
    assert whole(found) == [Example("x", "y", 2.5), Example("x", "", -10.0)]
    rows = '{"a": "x", "b": "y", "like": 3}\n{"a": "x", "b": "y", "like": "0.5"}\n'
    assert [e.label for e in whole(task(said, rows, "train.jsonl"))] == [3, 0.5]


def test_labels_that_json_writes_as_numbers_or_truths(task):
    said = TASK.replace('"billing", "delivery", "account"', '"0", "1"').replace("[files]", 'called = ["no", "yes"]\n[files]')
    rows = '{"message": "a", "team": 0}\n{"message": "b", "team": "1"}\n'
    found = task(said, rows, "train.jsonl")
    assert [e.label for e in whole(found)] == [0, 1] and found.answers == ("no", "yes")
    assert [e.label for e in examples(found, [("a", "yes"), ("b", "0"), ("c", 1)])] == [1, 0, 1]
    truths = task(said.replace('"0", "1"', '"false", "true"'), '{"message": "a", "team": true}\n', "train.jsonl")
    assert [e.label for e in whole(truths)] == [1]


def test_without_a_dev_file_a_share_of_the_texts_is_dev(task):
    rows = "message,team\n" + "".join(f"text {n % 400},billing\n" for n in range(1200))
    found = task(TASK.replace("[files]", "dev_share = 0.25\n[files]"), rows, dev=None)
    train, dev = (read(found, place(found, None), split) for split in ("train", "dev"))
    assert len(train) + len(dev) == 1200 and 240 < len(dev) < 360
    assert not {e.first for e in train} & {e.first for e in dev}
    assert dev == read(found, place(found, None), "dev")
    with pytest.raises(DataError, match=r"no examples of the dev part, 0\.1 of its texts being dev$"):
        read(task(dev=None, rows="message,team\n" + "one,billing\n"), place(found, None), "dev")


def test_more_classes_are_scored_by_the_mean_of_their_f1(task):
    found = task(TASK.replace("[files]", 'metrics = ["macro_f1", "accuracy", "matthews"]\n[files]'))
    wanted = {"macro_f1": (2 / 3 + 2 / 3 + 1) / 3, "accuracy": 0.75, "matthews": 0.7}
    assert score(found, [0, 0, 1, 2], [0, 1, 1, 2]) == pytest.approx(wanted, abs=1e-12)


def test_the_hub_s_columns_may_have_other_names(task, monkeypatch):
    said = 'text = "message"\nlabel = "team"\nlabels = ["a", "b"]\n[hub]\npath = "me/mine"\ntext = "body"\nlabel = "kind"\ndev = "test"\n'
    asked, stand_in = [], ModuleType("datasets")
    stand_in.load_dataset = lambda path, name, split: asked.append((path, name, split)) or [{"body": "x", "kind": 1}, {"body": "y", "kind": "a"}]
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    found = task(said)
    assert read(found, place(found, None)) == [Example("x", None, 1), Example("y", None, 0)]
    assert asked == [("me/mine", None, "test")]


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('label = "team"\n', "", r"tickets\.toml: label is not said \(hint: label = \"column\"\)$"),
        ('label = "team"', 'label = "team"\ncolour = 3', r"no colour is known; there are name, text"),
        ('label = "team"', "label = 3", r"label is 3, must be a printable line$"),
        ("[files]", "dev_share = 1.5\n[files]", r"dev_share is 1\.5, must be a number between 0 and 1$"),
        ("[files]", 'metrics = ["f1"]\n[files]', r"metric 'f1' is none of 3 classes; there are accuracy, macro_f1, matthews$"),
        ("[files]", 'metrics = ["spearman"]\n[files]', r"metric 'spearman' is none of 3 classes"),
        ("[files]", "metrics = []\n[files]", r"metrics is \[\], must be one or more, each once$"),
        ("[files]", 'called = ["x"]\n[files]', r"called has 1 names, labels 3$"),
        ("[files]", 'name = "sst2"\n[files]', r"sst2 is one of GLUE's tasks"),
        ('"billing", "delivery", "account"', '"billing"', r"1 labels, allowed 2\.\.1000"),
        ('"delivery"', '"billing"', r"labels has 'billing' twice$"),
        ('train = "train.csv"\n', "", r"no files\.train and no hub\.path"),
        ('"train.csv"', '"../train.csv"', r"files\.train is '\.\./train\.csv', must be a file below the task's folder$"),
        ('"train.csv"', '"/etc/passwd"', r"must be a file below the task's folder$"),
        ("[files]", "[files", r"not a whole TOML file"),
        ('"message"', '["a", "b", "c"]', r"text is \['a', 'b', 'c'\], must be a column's name, or two$"),
    ],
)
def test_what_is_no_task(old, new, said, tmp_path):
    path = tmp_path / "tickets.toml"
    path.write_text(TASK.replace(old, new))
    with pytest.raises(DataError, match=said):
        task_named(str(path))


@pytest.mark.parametrize(
    "rows, said",
    [
        ("team,message\nsales,hello\n", r"train\.csv:2: label 'sales' is not one of billing, delivery, account$"),
        ("team,text\nbilling,hello\n", r"train\.csv:1: no column 'message'; there are 'team', 'text'$"),
        (
            "team;message\nbilling;hello\n",
            r"train\.csv:1: no column 'message'; there are 'team;message' \(hint: are they separated by ';'\? A \.csv has",
        ),
        ("team,message\nbilling\n", r"train\.csv:2: 1 columns, the header has 2"),
        ('team,message\nbilling,"open\n', r"train\.csv:2: not CSV"),
        ("team,message,team\nbilling,a,b\n", r"two columns 'team'"),
        (b"team,message\nbilling,\xff\n", r"not UTF-8 text"),
        ("team,message\n", r"train\.csv: no examples$"),
        ("", r"train\.csv: the file is empty"),
    ],
)
def test_rows_that_are_none_are_told_and_not_left_out(rows, said, task):
    with pytest.raises(DataError, match=said):
        whole(task(rows=rows))


@pytest.mark.parametrize(
    "rows, said",
    [
        ("team,message\nbilling,\ndelivery,a\naccount,b\n", "1 of 3 examples has an empty text, example 1"),
        ("team,message\nbilling,a\ndelivery, \naccount,\n", "2 of 3 examples have an empty text, example 2 the first"),
    ],
)
def test_empty_texts_are_told_with_their_count(rows, said, task, tmp_path):
    with pytest.warns(UserWarning, match=f"^{tmp_path}/train.csv: {said}$"):
        assert len(whole(task(rows=rows))) == 3, "and none is left out"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert whole(task(rows="team,message\nbilling,a\n"))


def test_files_of_no_layout_and_numbers_that_are_none(task, tmp_path):
    with pytest.raises(DataError, match=r"train\.txt: neither \.csv nor \.tsv nor \.jsonl$"):
        whole(task(name="train.txt"))
    with pytest.raises(DataError, match=r"label 'billing' is not a number \(hint: labels = \[\.\.\.\] in the task's \.toml\)$"):
        whole(task(TASK.replace('labels = ["billing", "delivery", "account"]\n', "")))
    with pytest.raises(DataError, match=r"label None is not a number"):
        whole(task(TASK.replace('labels = ["billing", "delivery", "account"]\n', ""), '{"message": "a", "team": null}\n', "train.jsonl"))
    with pytest.raises(DataError, match="no such file"):
        task_named(str(tmp_path / "none.toml"))


def test_what_a_program_is_of(task, tmp_path):
    found = task()
    assert of_program("tickets", found.labels, str(found.file), "p") == (found, str(tmp_path))
    assert of_program("sst2", ("0", "1"), "glue", "p") == (task_named("sst2"), "glue")
    with pytest.raises(InputError, match=r"p: compiled for sst2, not for tickets \(hint: --task sst2\)"):
        of_program("sst2", ("0", "1"), str(found.file), "p")
    with pytest.raises(InputError, match="its labels are a, b, those of tickets are billing, delivery, account"):
        require_task(found, "tickets", "p", labels=("a", "b"))
    with pytest.raises(InputError, match=r"sst2: no --data \(hint: the folder of GLUE's files, or hub\)"):
        place(task_named("sst2"), None)


def test_the_nine_are_files_too():
    assert len(NAMES) == 9 and all(task_named(name).file is None and task_named(name).name == name for name in NAMES)


@pytest.mark.parametrize("which", ["tickets.toml", "train.csv", "train.jsonl"])
def test_whatever_is_changed_in_a_file_it_is_read_or_refused(which, task, tmp_path):
    rng, refused = np.random.default_rng(len(which)), 0
    rows = '{"message": "a", "team": "billing"}\n{"message": "b", "team": "account"}\n' if which.endswith("l") and "train" in which else ROWS
    name = which if which.startswith("train") else "train.csv"
    file = str(task(rows=rows, name=name).file)
    before = (tmp_path / which).read_bytes()
    for _ in range(300):
        at, to = sorted(rng.integers(0, len(before), 2).tolist())
        new = bytes(rng.integers(0, 256, int(rng.integers(0, 4))).tolist()) if rng.random() < 0.5 else before[at:to]
        (tmp_path / which).write_bytes(before[:at] + new + before[at + int(rng.integers(0, 3)) :])
        try:
            found = task_named(file)
            assert all(isinstance(e.first, str) for e in read(found, place(found, None)))
        except TritspikeError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50
