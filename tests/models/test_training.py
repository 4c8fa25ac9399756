"""Training on a made-up task: learns, folds, resumes after a kill, and exports what the compiler reads."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import torch
from command import runtime_main

from tritspike.compiler.lower import lower
from tritspike.models import train as training
from tritspike.models.data import Corpus, encode, hold_out, pack, training_part
from tritspike.models.equality import compare
from tritspike.models.export import export
from tritspike.models.fold import recalibrate
from tritspike.models.load import load_student
from tritspike.models.nets.listening import firing
from tritspike.models.predict import predict
from tritspike.models.recipe import Recipe, varied
from tritspike.models.sizes import BertConfig
from tritspike.models.spiking import binary, exact_product, lif, ternary
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.start import start_from, start_regression, start_student, synapses
from tritspike.models.student_options import LossWeights, Schedule, Start
from tritspike.models.training_set import prepare
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import read_tensors
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.labelled import Example, task_named
from tritspike.runtime.tasks.versus.sources import Asked


def _recipe(kind="ternary", steps=60):
    model = dict(hidden=32, layers=2, heads=2, head_dim=8, ffn=32, steps=3, max_length=12, embedding_rank=16, weights=kind)
    loss = LossWeights(logits=0.1, labels=1.0, hidden=0.1, attention=0.01, states_every=3)
    schedule = Schedule(
        float_steps=steps, integer_steps=20, batch=16, rate=5e-3, held_out=50, check_every=20, calibration_batches=4, unlabelled=0, warm_up=5
    )
    return Recipe("sst2", model, loss=loss, schedule=schedule)


def _source(data, out):
    return training.source_of(_recipe().schedule, str(data), (), out.parent / "cache")


@pytest.fixture(scope="module")
def trained(task_data, teacher, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "ckpt"
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_teacher", lambda source: teacher)
        card = training.train(_recipe(steps=300), "teacher", _source(task_data, out), out, "command")
    return out, card


def test_it_learns_and_the_card_says_what_folding_cost(trained):
    out, card = trained
    assert card["dev"]["accuracy"] > 0.7
    assert card == json.loads((out / "card.json").read_text())
    assert set(card["fold"]["populations"]) >= {"x", "layer.0.query", "layer.1.output"}
    assert {"held_out_float", "held_out_folded", "held_out_integer"} <= set(card)
    assert len(card["curves"]["float"]) == 15


def test_what_is_exported_is_what_the_program_computes(trained, task_data, tmp_path):
    """The card's figure is the program's: dev accuracy of `glue`, and every spike and logit of torch's integer mode."""
    out, card = trained
    program_file.save(lower(out, "loihi2"), tmp_path / "p.tsp")
    found = compare(out, tmp_path / "p.tsp", str(task_data))
    assert found.all_equal and found.sentences == 80
    runtime_main(["glue", str(tmp_path / "p.tsp"), "--task", "sst2", "--data", str(task_data), "--json", str(tmp_path / "r.json")])
    assert json.loads((tmp_path / "r.json").read_text())["accuracy"] == card["dev"]["accuracy"]


def test_what_its_float_phase_leaves_can_be_compared(trained, task_data):
    """`float.json` alone says what student lies beside it; it answers the held-out slice as the card says."""
    out, card = trained
    asked = Asked(task_named("sst2"), str(task_data), "train")
    found = predict(out / "float.json", asked)
    guesses = {e.first: guess for e, guess in zip(asked.examples, found.guesses)}
    held = training_part(asked.task, asked.data, 50)[1]
    assert sum(guesses[e.first] == e.label for e in held) / len(held) == pytest.approx(card["held_out_float"], abs=1e-6)
    assert found.kind == "float student" and len(held) > 40


def test_loading_a_checkpoint_and_exporting_it_changes_nothing(trained, tmp_path):
    out, card = trained
    export(load_student(out), random_checkpoint.small_tokenizer(), "sst2", tmp_path, card, ("0", "1"))
    for name in ("model.safetensors", "config.json", "card.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_a_killed_run_goes_on_to_the_same_result(task_data, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "load_teacher", lambda source: teacher)
    whole = training.train(_recipe("binary"), "t", _source(task_data, tmp_path / "whole"), tmp_path / "whole", "c", dev=False)
    assert "dev" not in whole
    real, calls = training.Trainer._update, []

    def dies(self, *args):
        calls.append(1)
        if len(calls) == 45:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(training.Trainer, "_update", dies)
    with pytest.raises(KeyboardInterrupt):
        training.train(_recipe("binary"), "t", _source(task_data, tmp_path / "killed"), tmp_path / "killed", "c")
    monkeypatch.setattr(training.Trainer, "_update", real)
    resumed = training.train(_recipe("binary"), "t", _source(task_data, tmp_path / "killed"), tmp_path / "killed", "c")
    assert resumed["curves"] == whole["curves"]
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("metric, labels, shifted", [("accuracy", 0.2, False), ("matthews", 0.2, True), ("accuracy", 0.0, True)])
def test_classes_are_shifted_for_f1_and_matthews_and_where_no_label_was_learned_from(
    metric, labels, shifted, task_data, teacher, trained, tmp_path, monkeypatch
):
    earlier, _ = trained
    material = prepare(teacher, task_named("sst2"), _source(task_data, earlier), 12)
    judged = replace(task_named("sst2"), metrics=(metric,))
    monkeypatch.setattr(labelled, "task_named", lambda name: judged)
    run = training.Trainer(varied(_recipe(), [f"loss.labels={labels}"]), teacher, material, tmp_path, earlier)
    with torch.no_grad():
        run.student.readout.bias[1] += 50 / run.student.readout.unit
    spoilt = run.check()
    run.settle()
    assert run.check() > spoilt + 0.2 if shifted else run.check() == spoilt
    assert len(run.card.get("shifts", [])) == shifted


def test_no_class_is_shifted_by_texts_whose_labels_were_learned(task_data, teacher, trained, tmp_path):
    earlier, _ = trained
    material = prepare(teacher, task_named("sst2"), _source(task_data, earlier), 12)
    for labels, texts in ((0.2, len(material.held)), (0.0, len(material.held) + material.training.task_texts)):
        run = training.Trainer(varied(_recipe(), [f"loss.labels={labels}"]), teacher, material, tmp_path, earlier)
        assert [len(corpus) for corpus, _ in run._unlearned()] == [len(some) for _, some in run._unlearned()]
        assert sum(len(corpus) for corpus, _ in run._unlearned()) == texts


def test_nothing_is_taken_from_a_teacher_where_the_recipe_says_so(teacher):
    for kind, same in (("none", True), ("both", False)):
        student = SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, **_recipe().model))
        before = student.x.current.token.detach().clone()
        start_student(student, teacher, np.arange(len(random_checkpoint.WORDS)), Start(embedding=kind, score=0.4))
        assert torch.equal(student.x.current.token, before) is same and float(student.layer[0].score.hears.weight().detach()) == pytest.approx(
            0.4, rel=0.01
        )


def test_a_run_starts_from_another_with_its_readout_only_for_the_same_task(task_data, teacher, trained, tmp_path, monkeypatch):
    """A binary student from a ternary one: the latent weights fit, and so do they on a task with other classes but for the readout."""
    monkeypatch.setattr(training, "load_teacher", lambda source: teacher)
    earlier, _ = trained
    card = training.train(_recipe("binary", steps=0), "t", _source(task_data, earlier), tmp_path / "b", "c", dev=False, earlier=earlier)
    assert card["held_out_float"] > 0.5 and (tmp_path / "b" / "model.safetensors").exists()
    tensors, _ = read_tensors(earlier / "float.safetensors")
    student = SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, **_recipe().model))
    for task, same in (("sst2", True), ("rte", False)):
        torch.nn.init.zeros_(student.readout.weight)
        start_from(student, earlier, task, Start())
        name = "layer.1.hidden.hears.synapses.weight"
        assert np.array_equal(student.get_parameter(name).detach(), tensors[f"student.{name}"])
        assert np.array_equal(student.readout.weight.detach(), tensors["student.readout.weight"]) is same
    with pytest.raises(InputError, match=r"layer\.0\.hidden\..* does not fit this recipe's \[model\]"):
        start_from(
            SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, **_recipe().model | {"ffn": 33})), earlier, "sst2", Start()
        )


def test_a_loosened_start_changes_no_code_and_ends_steadiness_but_for_questions(trained):
    """Divided latents quantise to the same codes, ternary as binary."""
    earlier, _ = trained
    for kind in ("ternary", "binary"):
        same, loose = (SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, **_recipe(kind).model)) for _ in range(2))
        start_from(same, earlier, "sst2", Start(steady=16.0))
        start_from(loose, earlier, "sst2", Start(steady=16.0, loosened=2.0))
        for n, (layer, other) in enumerate(zip(same.blocks(), loose.blocks(), strict=True)):
            ended = 16 if n == 0 else 1
            for names, share in ((("query", "key", "hidden", "output"), 2), (("value", "attended"), 2 * ended)):
                for before, after in (map(synapses, (getattr(layer, name), getattr(other, name))) for name in names):
                    assert torch.equal(before.weight, after.weight * share) and torch.equal(before.codes(), after.codes())


@torch.no_grad()
def test_a_crossed_start_asks_across_the_pair_alone_and_says_where_it_found_something(teacher):
    """Heads 0 and 1 see from the first text to the second and back; what spikes because of a match is told apart from what does not."""
    config = BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=1, hidden=128, heads=2, head_dim=48, embedding_rank=32, max_length=24)
    torch.manual_seed(0)
    student = SpikingBert(config)
    pairs = [(f"w{n} w{n + 1} w{n + 2} w{n + 3}", f"w{n + 18} w{n} w{n + 1} w{n + 19}") for n in range(16)]
    corpus = encode(random_checkpoint.small_tokenizer(), pairs, 24)
    start_student(student, teacher, corpus.ids, Start(embedding="words", score=0.075, context=1.05, learned=False, alike=True, crossed=True))
    batch = pack(corpus, range(len(pairs)))
    recalibrate(student, [batch])
    with firing(student) as seen:
        student(batch)
    second = batch.segments == 1
    for name, open_to in (("query", (~second, second)), ("key", (second, ~second))):
        for head, here in zip(seen[f"layer.0.{name}"].tensor.float().unbind(2), open_to, strict=True):
            assert head[:, here].mean() > 0.02 and head[:, ~here].sum() == 0
    told = seen["layer.0.attended"].tensor[:, :, 128 - 48 : 128 - 32].float().mean(2)
    found = (seen["layer.0.score"].tensor.float().sum((0, 3, 4)) > 0).flatten()[batch.place]  # (tokens,): some score of this position spikes
    assert 0.1 < found.float().mean() < 0.9
    assert told[:, found].mean() > 0.1 and told[:, ~found].sum() == 0


def test_a_steady_start_changes_no_code_and_position_is_an_amplitude(teacher):
    corpus, made = encode(random_checkpoint.small_tokenizer(), [("w1 w2", "w2 w3")], 24), []
    for start in (Start(), Start(steady=20.0, position=0.125)):
        torch.manual_seed(0)
        config = BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=1, hidden=32, heads=2, head_dim=8, embedding_rank=16, max_length=24)
        made.append(SpikingBert(config))
        start_student(made[-1], teacher, corpus.ids, start)
    (first, later), (steady, same) = (list(student.blocks()) for student in made)
    for name in ("query", "key", "value", "attended"):
        one, other, below, beside = (synapses(getattr(layer, name)) for layer in (first, steady, later, same))
        assert torch.equal(one.codes(), other.codes()) and torch.equal(one.weight * 20, other.weight)
        assert torch.equal(below.weight, beside.weight)
    assert torch.equal(made[0].x.current.position, made[1].x.current.position * 4)


def test_regression_starts_at_the_mean():
    student = SpikingBert(BertConfig(vocabulary=9, classes=1, hidden=16, embedding_rank=4))
    start_regression(student.readout.bias, student.readout.unit, torch.tensor([[2.0], [3.0]]))
    assert float(student.readout.bias * student.readout.unit) == pytest.approx(2.5)


@pytest.mark.parametrize("causal", [False, True])
def test_windows_hear_neighbours_of_the_same_text_alone(causal):
    corpus = Corpus(np.arange(1, 7, dtype=np.int32), np.zeros(6, np.int8), np.array([0, 3, 4, 6]))
    batch = pack(corpus, [0, 1, 2])
    ids = batch.ids[None, :, None].float()
    found = torch.cat([batch.ahead(ids, -n if causal else n) for n in range(3)], -1)[0]
    after = [[1, 2, 3], [2, 3, 0], [3, 0, 0], [4, 0, 0], [5, 6, 0], [6, 0, 0]]
    before = [[1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 0, 0], [5, 0, 0], [6, 5, 0]]
    assert found.tolist() == (before if causal else after)


def test_held_out_pairs_share_no_sentence_with_training():
    pairs = [Example(f"first sentence number {n % 7}", f"second sentence number {n % 5}", 0.0) for n in range(35)]
    train, held = hold_out(pairs, 10)
    assert len(held) == 35 // 8 and train
    assert not {t for e in train for t in e.texts} & {t for e in held for t in e.texts}


def test_held_out_slice_shares_no_phrase_with_training():
    texts = ["a b c d e f g h", "c d e", "x a b c d e f g h y", "p q r", "i j k l m n o p q r"]
    train, held = hold_out([Example(t, None, 0.0) for t in texts[:3]] + [Example(texts[3], None, 1.0)], 1, 8, seed=0)
    assert len(held) == 1 and not any(e.first in held[0].first or held[0].first in e.first for e in train)


@pytest.mark.parametrize("integer", [False, True])
def test_lif_matches_its_definition_and_has_gradients(integer):
    rng = np.random.default_rng(0)
    drive = rng.integers(-(2**22), 2**22, (6, 500)) if integer else rng.normal(0.4, 1, (6, 500))
    tensor = torch.tensor(drive, dtype=torch.float32, requires_grad=True)
    spikes = lif(tensor, 3277, 20_000 if integer else None)
    if integer:
        v, expected = np.zeros(500, np.int64), []
        for now in drive.astype(np.int64):
            v = arith.saturate(arith.decay(v, 3277) + now)
            expected.append(v > 20_000 * 64)
            v = np.where(expected[-1], 0, v)
    else:
        v, expected = np.zeros(500, np.float32), []
        for now in drive.astype(np.float32):
            v = v * np.float32(3277 / 4096) + now
            expected.append(v > 1)
            v = np.where(expected[-1], np.float32(0), v)
    assert (spikes.float().detach().numpy() == np.array(expected)).all()
    spikes.float().sum().backward()
    assert tensor.grad.abs().sum() > 0 and tensor.grad.isfinite().all()


def test_exact_product_of_all_ones_at_large_fan_in():
    """A bfloat16 sum above 256 rounds; the product must not."""
    ones = torch.ones(2, 3, 3072)
    assert (exact_product(ones, torch.ones(5, 3072)) == 3072).all()
    uneven = torch.ones(1, 1, 777)
    assert exact_product(uneven, torch.ones(1, 777)).item() == 777


def test_quantisers():
    weight = torch.tensor([[0.9, -0.1, 0.0, -2.0]])
    assert ternary(weight).tolist() == [[1.0, 0.0, 0.0, -1.0]]
    for quantise, codes in ((binary, {-1.0, 1.0}), (ternary, {-1.0, 0.0, 1.0})):
        weight = torch.randn(64, 64, requires_grad=True)
        assert set(quantise(weight).unique().tolist()) == codes  # to the last bit: they are multiplied in float32 too
        quantise(weight).sum().backward()
        assert torch.equal(weight.grad, torch.ones(64, 64))


def test_padding_in_the_attention_grid_changes_nothing(checkpoint):
    """A text's logits do not depend on its neighbours in the batch."""
    student, texts = load_student(checkpoint), random_checkpoint.texts(0, 4, 12)
    corpus = encode(random_checkpoint.small_tokenizer(), texts, 12)
    with torch.no_grad():
        together = student(pack(corpus, range(4)))
        alone = torch.cat([student(pack(corpus, [n])) for n in range(4)])
    assert torch.equal(together, alone)


def test_a_rank_beyond_the_teacher_s_table_is_refused(teacher):
    student = SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, hidden=32, embedding_rank=33))
    with pytest.raises(InputError, match=r"^embedding_rank is 33, what the student starts from has 32 columns"):
        start_student(student, teacher, np.arange(40), Start())


@pytest.mark.parametrize("kind", ["context", "both"])
def test_a_student_may_start_from_what_the_teacher_makes_of_each_word(teacher, kind):
    size = len(random_checkpoint.WORDS)
    student = SpikingBert(BertConfig(vocabulary=size, classes=2, hidden=32, embedding_rank=16))
    corpus = encode(random_checkpoint.small_tokenizer(), random_checkpoint.texts(0, 20, 12), 12)
    start_student(student, teacher, corpus.ids, Start(embedding=kind, score=0.4, learned=False))
    table = student.x.current.token.detach()
    assert table.isfinite().all() and len(table.unique(dim=0)) == size
    weight = next(student.blocks()).score.hears.weight
    assert weight().item() == pytest.approx(0.4) and not weight.log.requires_grad
