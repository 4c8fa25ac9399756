"""Files and options that trainings are handed: whatever they hold, one line says what is wrong, before any work."""

from __future__ import annotations

import json
import lzma
import os
import sys
from pathlib import Path

import pytest
import random_checkpoint
import torch
from command import model_main

from tritspike.models import finetune_teacher, predict, train
from tritspike.models.data import read_lines
from tritspike.models.finetune_teacher import finetune
from tritspike.models.recipe import read_recipe
from tritspike.models.teacher import Teacher, load_causal_teacher, load_teacher
from tritspike.models.teacher_options import FineTuning
from tritspike.runtime.errors import DataError, FileError, InputError

RECIPES = {
    "deep": 'task = "sst2"\nx = ' + "[" * 100_000,
    "wide": "task = " + "9" * 5000,
    "not UTF-8": b"task = '\xff'",
    "a list": "task = []",
    "task a number": "task = 1",
    "section a number": 'task = "sst2"\nmodel = 1',
    "unknown section": 'task = "sst2"\n[losses]\n',
    "hidden a string": 'task = "sst2"\n[model]\nhidden = "256"\n',
    "hidden of 0": 'task = "sst2"\n[model]\nhidden = 0\n',
    "a kind of weights": 'task = "sst2"\n[model]\nweights = "quaternary"\n',
    "keep": 'task = "sst2"\n[model]\nkeep = 5\n',
    "steps a string": 'task = "sst2"\n[schedule]\nfloat_steps = "8000"\n',
    "steps a fraction": 'task = "sst2"\n[schedule]\nfloat_steps = 1.5\n',
    "seed": 'task = "sst2"\n[schedule]\nseed = 100000000000000000000\n',
    "no warm-up": 'task = "sst2"\n[schedule]\nwarm_up = 0\n',
    "rate": 'task = "sst2"\n[schedule]\nrate = nan\n',
    "rate beyond floats": 'task = "sst2"\n[schedule]\nrate = 1' + "0" * 400 + "\n",
    "weight of a loss": 'task = "lm"\n[loss]\nlabels = -inf\n',
    "score": 'task = "sst2"\n[start]\nscore = 0\n',
    "a truth": 'task = "sst2"\n[start]\ncrossed = 1\n',
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_any_content_is_one_line(name, tmp_path):
    content = RECIPES[name]
    (tmp_path / "r.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileError, match=r"^\S*r\.toml: not a whole training recipe: .") as caught:
        read_recipe(tmp_path / "r.toml")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_recipe_s_refusal_says_what_is_allowed(tmp_path):
    (tmp_path / "r.toml").write_text(RECIPES["hidden of 0"])
    with pytest.raises(FileError, match=r"model: hidden is 0, allowed 1\.\.16384$"):
        read_recipe(tmp_path / "r.toml")
    (tmp_path / "r.toml").write_text(RECIPES["steps a fraction"])
    with pytest.raises(FileError, match=r"schedule\.float_steps is 1\.5, allowed whole numbers in 0\.\.1,000,000,000$"):
        read_recipe(tmp_path / "r.toml")


def test_a_fifo_is_refused_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "f.xz")
    for read, kind in ((read_recipe, FileError), (read_lines, DataError)):
        with pytest.raises(kind, match=r"f\.xz: a FIFO, not a regular file"):
            read(tmp_path / "f.xz")


@pytest.mark.parametrize("content", [b"\xff\xfe", lzma.compress(b"\xff"), lzma.compress(b"one\ntwo\n" * 99)[:-9], b"not xz"])
def test_a_text_file_of_any_content_is_one_line(content, tmp_path):
    path = tmp_path / ("a.txt" if content[:1] == b"\xff" else "a.xz")
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"not a whole UTF-8 text: .") as caught:
        read_lines(path)
    assert "\n" not in str(caught.value)


def test_lines_end_as_python_s_text_files_do(tmp_path):
    for name, pack in (("a.txt", bytes), ("a.xz", lzma.compress)):
        (tmp_path / name).write_bytes(pack("é one\r\ntwo\rthree\u2028four".encode()))
        assert read_lines(tmp_path / name) == ["é one\n", "two\n", "three\u2028four"]


# teachers


@pytest.fixture(scope="module")
def bert():
    from transformers import BertConfig, BertForSequenceClassification

    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
    torch.manual_seed(0)
    return Teacher(BertForSequenceClassification(BertConfig(vocab_size=48, num_labels=2, **sizes)), random_checkpoint.small_tokenizer())


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": "16"},
        {"num_attention_heads": 0},
        {"num_attention_heads": 3},
        {"num_hidden_layers": None},
        {"hidden_act": "nothing"},
        {"hidden_act": []},
        {"id2label": 5},
        {"vocab_size": -1},
        {"intermediate_size": 10**15},
        {"architectures": 5},
    ],
    ids=str,
)
def test_a_teacher_whose_config_says_anything_is_one_line(changes, bert, tmp_path):
    bert.save(tmp_path / "t")
    config = tmp_path / "t" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    with pytest.raises(FileError) as caught:
        load_teacher(str(tmp_path / "t"))
    assert str(caught.value).startswith(f"{tmp_path}/t") and "\n" not in str(caught.value)


@pytest.mark.parametrize("load", [load_teacher, load_causal_teacher])
def test_a_teacher_with_a_fifo_is_refused_not_waited_for(load, bert, tmp_path):
    bert.save(tmp_path / "t")
    (tmp_path / "t" / "config.json").unlink()
    os.mkfifo(tmp_path / "t" / "config.json")
    with pytest.raises(FileError, match=r"config\.json: a FIFO, not a regular file$"):
        load(str(tmp_path / "t"))


def test_a_teacher_s_pickle_is_not_read(bert, tmp_path):
    bert.save(tmp_path / "t")
    (tmp_path / "t" / "model.safetensors").unlink()
    torch.save(bert.model.state_dict(), tmp_path / "t" / "pytorch_model.bin")
    with pytest.raises(FileError, match="not a sequence classifier that transformers reads"):
        load_teacher(str(tmp_path / "t"))


def test_a_teacher_that_takes_shorter_texts_only_is_one_line(bert, tmp_path):
    """16 positions, and texts of more tokens."""
    from tritspike.runtime.tasks.labelled import task_named
    from tritspike.runtime.tasks.versus.sources import Asked

    bert.save(tmp_path / "t")
    (tmp_path / "SST-2").mkdir()
    (tmp_path / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + " ".join(["w1"] * 40) + "\t1\nw2\t0\n")
    with pytest.raises(FileError, match=r"t: not a whole teacher: ") as caught:
        predict.predict(tmp_path / "t", Asked(task_named("sst2"), str(tmp_path)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"vocabulary": 10**12}, {"classes": -2}, {"recipe": {"task": "sst2", "model": {"hidden": "a"}}}], ids=str)
def test_a_float_student_whose_card_says_anything_is_one_line(change, tmp_path):
    from tritspike.models import state
    from tritspike.models.sizes import BertConfig
    from tritspike.models.spiking_bert import SpikingBert
    from tritspike.runtime.tasks.labelled import task_named
    from tritspike.runtime.tasks.versus.sources import Asked

    card = {"recipe": {"task": "sst2", "model": {"hidden": 16}}, "vocabulary": 40, "classes": 2} | change
    state.save(tmp_path / "float", {"student": SpikingBert(BertConfig(vocabulary=40, classes=2, hidden=16))}, card)
    state.publish(tmp_path / "float", card)
    random_checkpoint.small_tokenizer().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(FileError, match=r"its recipe does not give the student beside it: ") as caught:
        predict.predict(tmp_path / "float.json", Asked(task_named("sst2"), str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_a_card_of_other_weights_is_refused(tmp_path):
    from tritspike.models import state
    from tritspike.models.sizes import BertConfig
    from tritspike.models.spiking_bert import SpikingBert

    card = {"recipe": {"task": "sst2", "model": {"hidden": 16}}, "vocabulary": 40, "classes": 2}
    state.save(tmp_path / "float", {"student": SpikingBert(BertConfig(vocabulary=40, classes=2, hidden=16))}, card)
    state.publish(tmp_path / "float", card | {"minutes": 1.0})
    with pytest.raises(FileError, match=r"float\.json: not the card of the weights beside it"):
        predict._load_float(tmp_path / "float.json")


def test_a_rate_s_card_that_is_no_card_is_one_line(glue_like, bert, tmp_path):
    bert.save(tmp_path / "base")
    options = FineTuning(str(tmp_path / "base"), "sst2", str(glue_like), str(tmp_path / "out"), held_out=4)
    said = {k: v for k, v in vars(options).items() if k not in finetune_teacher._NOT_THE_RUN}
    (tmp_path / "out" / "rate-5e-05").mkdir(parents=True)
    for card in ({"options": said}, {"options": said, "held_out_curve": 5}, {"options": said, "held_out_curve": []}):
        (tmp_path / "out" / "rate-5e-05" / "card.json").write_text(json.dumps(card))
        with pytest.raises(FileError, match=r"out: not a whole set of cards of rates: "):
            finetune(options, "command")


@pytest.fixture()
def glue_like(tmp_path) -> Path:
    (tmp_path / "glue" / "SST-2").mkdir(parents=True)
    rows = "".join(f"w{n} w1 w2 w3 w4 w5 w6 w7 w8\t{n % 2}\n" for n in range(36))
    for name in ("train", "dev"):
        (tmp_path / "glue" / "SST-2" / f"{name}.tsv").write_text("sentence\tlabel\n" + rows)
    return tmp_path / "glue"


# options

STUDENT = ["--config", "c", "--teacher", "t", "--data", "d", "--out", "o"]
TUNED = ["--base", "b", "--task", "sst2", "--data", "d", "--out", "o"]
SCRATCH = ["--data", "d", "--out", "o"]
ASKED = ["p", "--task", "sst2", "--data", "d", "--out", "o"]


@pytest.mark.parametrize(
    "main, given, option, value",
    [
        *[(model_main("train"), STUDENT, "--threads", v) for v in ("0", "-1", "100000000000000000000", "two")],
        *[(model_main("finetune-teacher"), TUNED, "--seed", v) for v in ("-1", "100000000000000000000", "nan")],
        *[(model_main("finetune-teacher"), TUNED, "--epochs", v) for v in ("nan", "inf", "0", "-1")],
        *[(model_main("finetune-teacher"), TUNED, n, "0") for n in ("--batch", "--checks", "--held-out", "--max-length")],
        (model_main("finetune-teacher"), TUNED, "--rate", "nan"),
        *[
            (model_main("train-teacher"), SCRATCH, n, "99999999999999999999")
            for n in ("--lines", "--hidden", "--layers", "--steps", "--seed", "--length")
        ],
        *[(model_main("train-teacher"), SCRATCH, n, "nan") for n in ("--share", "--rate", "--dropout")],
        *[(model_main("train-teacher"), SCRATCH, n, "0") for n in ("--heads", "--warm-up", "--check-every", "--threads", "--batch")],
        *[(model_main("predict"), ASKED, "--limit", v) for v in ("0", "-5", "99999999999999")],
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_number_out_of_range_is_refused_before_any_work(main, given, option, value, capsys):
    with pytest.raises(SystemExit) as end:
        main([*given, option, value])
    assert end.value.code == 2
    assert f"error: argument {option}: {value} is not a" in capsys.readouterr().err.splitlines()[-1]


def test_heads_that_do_not_divide_a_teacher_s_width_are_refused():
    with pytest.raises(InputError, match=r"^--hidden 256 is not a multiple of --heads 3$"):
        model_main("train-teacher")([*SCRATCH, "--heads", "3"])


@pytest.mark.parametrize(
    "setting", ["schedule.seed=100000000000000000000", "schedule.batch='32'", "model.hidden=-1", "schedule.rate=nan", "model.x=" + "[" * 5000]
)
def test_a_setting_out_of_range_is_refused_in_one_line(setting, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train"])
    config = Path(train.__file__).parent / "configs" / "sst2.toml"
    with pytest.raises(InputError, match=r"^--set ") as caught:
        model_main("train")(["--config", str(config), "--teacher", "t", "--data", "d", "--out", "o", "--set", setting])
    assert "\n" not in str(caught.value)
