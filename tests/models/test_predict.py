"""Predictions in torch: a checkpoint's are its program's, spike by spike; a float student's and a teacher's are their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_checkpoint
import torch
from command import model_main

from tritspike.compiler.lower import lower
from tritspike.models import fold, measure, predict, state
from tritspike.models.data import encode, length_sorted_batches, pack
from tritspike.models.load import load_student
from tritspike.models.recipe import Recipe, plain
from tritspike.models.sizes import BertConfig
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.teacher import Teacher, load_teacher
from tritspike.runtime.errors import CheckpointError, FileError, InputError, SourceError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.operations import FloatModel, float_operations
from tritspike.runtime.tasks.versus import side as side_file
from tritspike.runtime.tasks.versus.run import run_child, run_program
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import Asked

MODEL = dict(hidden=16, layers=2, heads=2, head_dim=4, ffn=24, steps=3, max_length=12, embedding_rank=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Texts of many lengths, some longer than the student reads."""
    root = tmp_path_factory.mktemp("glue")
    texts = random_checkpoint.texts(7, 50, 16)
    (root / "SST-2").mkdir()
    (root / "STS-B").mkdir()
    (root / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "".join(f"{t or 'w1'}\t{n % 2}\n" for n, t in enumerate(texts)))
    rows = [f"{a or 'w1'}\t{b or 'w2'}\t{n % 6}\n" for n, (a, b) in enumerate(zip(texts, texts[::-1]))]
    (root / "STS-B" / "dev.tsv").write_text("sentence1\tsentence2\tscore\n" + "".join(rows))
    return root


def asked(data: Path, task: str = "sst2", limit: int | None = None) -> Asked:
    return Asked(labelled.task_named(task), str(data), "dev", limit)


REGRESSION = dict(task="stsb", labels=[], classes=1)


@pytest.mark.parametrize(
    "seed, changes",
    [(0, {}), (1, dict(causal=True)), (2, dict(weights="binary", readout="first")), (3, REGRESSION), (4, dict(window=3))],
    ids=["ternary", "causal", "binary, first position", "regression", "a wider window"],
)
@pytest.mark.filterwarnings("ignore:text")
def test_a_checkpoint_answers_and_spikes_as_its_program_does(seed, changes, data, tmp_path):
    """Every count by `==`: spikes and cells of each population, tokens, logits, answers, and how many parameters there are."""
    folder = random_checkpoint.write(tmp_path / "c", seed, **changes)
    program_file.save(lower(folder, "loihi2"), tmp_path / "p.tsp")
    want = asked(data, changes.get("task", "sst2"))
    ours, chip = predict.predict(folder, want), run_program(tmp_path / "p.tsp", want)
    assert ours.spikes == chip.spikes and len(ours.spikes) == 17 and ours.mean_rate == chip.mean_rate
    assert min(c.spikes for c in ours.spikes.values()) > 0
    for name in ("tokens", "logits", "guesses"):
        assert np.array_equal(getattr(ours, name), getattr(chip, name)), name
    assert ours.parameters == chip.parameters
    assert (ours.kind, ours.operations, ours.apart) == ("checkpoint", None, {}) and chip.operations is not None


@pytest.mark.filterwarnings("ignore:text")
def test_a_training_scores_the_numbers_that_its_program_gives(data, tmp_path):
    """To the last bit: between equal numbers and nearly equal ones lies a rank, and so the card's figure. In float32, as training leaves it."""
    folder = random_checkpoint.write(tmp_path / "c", 3, **REGRESSION, logit_scale=float(np.float32(0.1)))
    program_file.save(lower(folder, "loihi2"), tmp_path / "p.tsp")
    want = asked(data, "stsb")
    student = load_student(folder).float()
    corpus = encode(random_checkpoint.small_tokenizer(), [e.text for e in want.examples], student.config.longest)
    found = measure.logits(student, corpus)[:, 0]
    assert np.array_equal(found, run_program(tmp_path / "p.tsp", want).guesses) and len(set(found)) > 10


def test_rates_are_those_of_a_training_s_card(data, tmp_path):
    folder = random_checkpoint.write(tmp_path / "c", 5)
    student = load_student(folder)
    corpus = encode(random_checkpoint.small_tokenizer(), [e.text for e in asked(data).examples], 12)
    batches = [pack(corpus, rows) for rows in length_sorted_batches(corpus, 8)]
    card = fold.spike_rates(fold.population_spikes(student, batches))
    found = predict.predict(folder, asked(data))
    assert {name: round(count.rate, 4) for name, count in found.spikes.items()} == card
    assert found.mean_rate == pytest.approx(measure.mean_rate(card), abs=1e-4)


def float_student(folder: Path, **changes: Any) -> tuple[Path, SpikingBert]:
    """What a training leaves of its float phase."""
    torch.manual_seed(3)
    student = SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, **MODEL))
    student.readout.unit.data.fill_(0.3)
    student.readout.bias.data[1] = 1.4 / 0.3  # about what class 0 is ahead by, so that both are answered
    for norm in (m for m in student.modules() if isinstance(m, torch.nn.BatchNorm1d)):
        norm.bias.data.fill_(0.5)
    tokenizer = random_checkpoint.small_tokenizer()
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    card = {"recipe": plain(Recipe("sst2", MODEL)), "vocabulary": len(random_checkpoint.WORDS), "classes": 2}
    state.save(folder / "float", {"student": student}, card | changes)
    state.publish(folder / "float", card | changes)
    return folder / "float.json", student.eval()


def test_a_float_student_answers_as_its_training_scored_it(data, tmp_path):
    path, student = float_student(tmp_path / "out")
    found = predict.predict(path, asked(data))
    corpus = encode(random_checkpoint.small_tokenizer(), [e.text for e in asked(data).examples], 12)
    wanted = measure.logits(student, corpus)
    assert np.allclose(found.logits, wanted, atol=1e-6) and np.array_equal(found.guesses, wanted.argmax(1)) and len(set(found.guesses)) == 2
    assert found.spikes.keys() == {"x"} | {f"layer.{n}.{k}" for n in (0, 1) for k in KINDS} and 0 < found.mean_rate < 1
    assert (found.kind, found.operations) == ("float student", None)
    assert found.parameters == sum(p.numel() for p in student.parameters())
    assert [Path(f.path).name for f in found.files] == ["float.json", "float.safetensors", "tokenizer.json"]


def teacher(folder: Path, labels: int = 2) -> Teacher:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    config = BertConfig(vocab_size=len(random_checkpoint.WORDS), num_labels=labels, attn_implementation="eager", **sizes)
    found = Teacher(BertForSequenceClassification(config).eval(), random_checkpoint.small_tokenizer())
    found.save(folder)
    return found


def test_a_teacher_s_answers_and_operations(data, tmp_path):
    model = teacher(tmp_path / "t")
    found = predict.predict(tmp_path / "t", asked(data))
    corpus = encode(model.tokenizer, [e.text for e in asked(data).examples], 128)
    assert np.allclose(found.logits, model.logits(corpus), atol=1e-6) and np.array_equal(found.guesses, found.logits.argmax(1))
    assert found.tokens.tolist() == np.diff(corpus.starts).tolist() and max(found.tokens) == 16  # no student's length here
    assert found.operations == float_operations(FloatModel("", 2, 32, 32, 64), found.tokens.tolist())
    assert found.parameters == sum(p.numel() for p in model.model.parameters())
    assert (found.kind, found.spikes, found.mean_rate) == ("teacher", {}, None)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {Path(f.path).name for f in found.files}


def test_a_teacher_that_compares_is_counted_by_the_texts_that_it_reads(data, tmp_path):
    teacher(tmp_path / "t", 1)
    load_teacher(str(tmp_path / "t"), 1, apart=True).save(tmp_path / "apart")
    found = predict.predict(tmp_path / "apart", asked(data, "stsb"))
    texts = [text for e in asked(data, "stsb").examples for text in e.texts]
    alone = np.diff(encode(random_checkpoint.small_tokenizer(), texts, 128).starts).tolist()
    a_text = float_operations(FloatModel("", 2, 32, 32, 64), alone)
    assert found.operations == pytest.approx({name: 2 * count for name, count in a_text.items()})


def test_through_a_process_of_its_own_it_is_the_same(data, tmp_path):
    folder = random_checkpoint.write(tmp_path / "c", 6)
    ours, theirs = predict.predict(folder, asked(data, limit=9)), run_child(folder, asked(data, limit=9))
    assert np.array_equal(ours.logits, theirs.logits) and theirs.logits.dtype == np.int64 and len(theirs.guesses) == 9
    assert (ours.spikes, ours.files, ours.parameters) == (theirs.spikes, theirs.files, theirs.parameters)


def test_a_side_is_read_back_as_it_was_written(data, tmp_path):
    teacher(tmp_path / "t")
    wanted = predict.predict(tmp_path / "t", asked(data, limit=5))
    side_file.save(wanted, tmp_path / "side.safetensors")
    found = side_file.load(tmp_path / "side.safetensors")
    for name, value in vars(wanted).items():
        assert np.array_equal(getattr(found, name), value) if isinstance(value, np.ndarray) else getattr(found, name) == value, name


# refusals


def _bare(folder: Path) -> Path:
    teacher(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertModel"]}))
    return folder


def _three(folder: Path) -> Path:
    teacher(folder, 3)
    return folder


def _other_order(folder: Path) -> Path:
    teacher(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "1", "1": "0"}, "label2id": {"1": 0, "0": 1}}))
    return folder


def _other_tensors(folder: Path) -> Path:
    config = json.loads((random_checkpoint.write(folder, 0) / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"ffn": 25}))
    return folder


def _other_recipe(folder: Path) -> Path:
    return float_student(folder, recipe=plain(Recipe("sst2", MODEL | {"ffn": 25})))[0]


def _unknown_key(folder: Path) -> Path:
    return float_student(folder, recipe={"task": "sst2", "model": {"depth": 2}})[0]


REFUSED: list[tuple[Callable[[Path], Path], str]] = [
    (_bare, "{}: BertModel, not a sequence classifier (hint: models.finetune_teacher makes one)"),
    (_three, "{}: 3 outputs, sst2 has 2"),
    (_other_order, "{}: classes are 1, 0, sst2 has 0, 1 in this order"),
    (_other_tensors, "{}/model.safetensors: tensor layer.0.hidden.codes is uint8[24, 4], config.json asks for uint8[25, 4]"),
    (_other_recipe, "{}: its recipe does not give the student beside it: "),
    (_unknown_key, "{}: its recipe does not give the student beside it: "),
]


@pytest.mark.parametrize("make, expected", REFUSED, ids=lambda item: getattr(item, "__name__", "")[1:])
def test_what_is_not_whole_is_refused_in_one_line(make, expected, data, tmp_path):
    source = make(tmp_path / "source")
    with pytest.raises((FileError, InputError, CheckpointError)) as caught:
        predict.predict(source, asked(data))
    text = str(caught.value)
    assert text.startswith(expected.format(source)) and "\n" not in text
    assert text == expected.format(source) or expected.endswith(": ")


def test_a_refusal_of_the_child_is_told_as_its_own_line(data, tmp_path):
    source = _three(tmp_path / "source")
    with pytest.raises(SourceError) as caught:
        run_child(source, asked(data))
    assert str(caught.value) == f"{source}: 3 outputs, sst2 has 2"


def test_the_command_writes_a_side(data, tmp_path):
    folder, out = random_checkpoint.write(tmp_path / "c", 6), tmp_path / "side.safetensors"
    model_main("predict")([str(folder), "--task", "sst2", "--data", str(data), "--limit", "3", "--out", str(out)])
    found = side_file.load(out)
    assert isinstance(found, Side) and found.source == str(folder) and len(found.guesses) == 3


KINDS = ("query", "key", "value", "score", "context", "attended", "hidden", "output")
