"""What commands in torch write is none of what they read."""

from __future__ import annotations

import pytest
import random_checkpoint
from command import model_main

from tritspike.models import finetune_teacher, predict, train
from tritspike.runtime.errors import FileError


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "../glue/SST-2/dev.tsv"])
def test_an_answer_replaces_nothing_that_is_read(name, tmp_path, monkeypatch):
    folder, data = random_checkpoint.write(tmp_path / "c"), tmp_path / "glue" / "SST-2" / "dev.tsv"
    data.parent.mkdir(parents=True)
    data.write_text("sentence\tlabel\nw1 w2\t1\n")
    before = (folder / name).read_bytes()
    monkeypatch.setattr(predict, "predict", None)
    with pytest.raises(FileError, match=r"cannot be written: the same file as .*, which is read \(hint: name another\)$"):
        model_main("predict")([str(folder), "--task", "sst2", "--data", str(tmp_path / "glue"), "--out", str(folder / name)])
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("option", ["--teacher", "--from"])
def test_a_training_does_not_write_over_what_it_starts_from(option, tmp_path, monkeypatch):
    (tmp_path / "read").mkdir()
    (tmp_path / "link").symlink_to("read")
    monkeypatch.setattr(train, "train", None)
    folders = {"--teacher": "none", "--data": "none", "--config": "models/configs/sst2.toml", option: tmp_path / "read", "--out": tmp_path / "link"}
    with pytest.raises(FileError) as found:
        model_main("train")([str(part) for pair in folders.items() for part in pair])
    assert str(found.value) == f"{tmp_path}/link: cannot be written to: the same folder as {tmp_path}/read, which is read (hint: name another)"


def test_a_fine_tuned_teacher_does_not_write_over_its_base(tmp_path, monkeypatch):
    monkeypatch.setattr(finetune_teacher, "finetune", None)
    with pytest.raises(FileError, match=r"cannot be written to: the same folder as .*/base, which is read"):
        model_main("finetune-teacher")(["--base", f"{tmp_path}/base", "--task", "sst2", "--data", "none", "--out", f"{tmp_path}/x/../base"])
