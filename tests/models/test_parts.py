"""The pieces of training on their own: batches, cached labels, gradients, measures, starts."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import random_checkpoint
import torch
from transformers import PretrainedConfig

from tritspike.compiler.lower import lower
from tritspike.models import measure, nets, training_set
from tritspike.models.data import Corpus, encode, pack, shuffled_batches
from tritspike.models.distil import SpikePrice, mean_rate, operation_rate
from tritspike.models.export import export
from tritspike.models.fold import population_spikes, scale_limits, spike_rates
from tritspike.models.load import load_student
from tritspike.models.nets.listening import firing
from tritspike.models.nets.neurons import Neurons, together
from tritspike.models.recipe import recipe_from
from tritspike.models.sizes import BertConfig
from tritspike.models.spiking import exact_product, lif
from tritspike.models.spiking_bert import SpikingBert
from tritspike.models.start import synapses
from tritspike.models.teacher import Teacher
from tritspike.models.training_set import TrainingSet, teacher_logits
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.grid import Axis


def _corpus(lengths):
    return Corpus(np.arange(sum(lengths), dtype=np.int32), np.zeros(sum(lengths), np.int8), np.cumsum([0, *lengths]))


def test_batches_of_like_length_still_visit_every_text_once():
    corpus = _corpus(np.random.default_rng(0).integers(1, 50, 640))
    batches = shuffled_batches(corpus, 20, 32, seed=3)
    assert sorted(np.concatenate(batches)) == list(range(640))
    spread = [np.ptp(np.diff(corpus.starts)[rows]) for rows in batches]
    assert max(spread) < 10
    assert all((a == b).all() for a, b in zip(batches, shuffled_batches(corpus, 20, 32, seed=3)))


def test_part_of_a_corpus_is_its_texts():
    corpus = _corpus([2, 3, 1, 4])
    part = corpus.part(1, 3)
    assert len(part) == 2 and list(part.ids) == [2, 3, 4, 5] and list(part.starts) == [0, 3, 4]


class _Model(torch.nn.BatchNorm1d):
    """Parameters, buffers and a config, as a teacher has them."""

    def __init__(self, **config):
        super().__init__(1)
        self.config = PretrainedConfig(**config)


class _Apart(_Model):
    pass


@dataclass(frozen=True, eq=False)
class _Counting(Teacher):
    calls: list[int] = field(default_factory=list)

    def logits(self, corpus, label="", size=64):
        self.calls.append(len(corpus))
        return np.repeat(np.add.reduceat(corpus.ids, corpus.starts[:-1])[:, None], 2, 1).astype(np.float32) + float(self.model.weight.detach())


def _counting(model=None):
    return _Counting(model or _Model(), random_checkpoint.small_tokenizer())


def test_labels_are_computed_once_and_a_longer_list_pays_for_its_end_only(tmp_path, monkeypatch):
    monkeypatch.setattr(training_set, "_PART", 4)
    teacher = _counting()
    first = teacher_logits(_corpus([2] * 8), teacher, tmp_path)
    assert teacher.calls == [4, 4]
    again = teacher_logits(_corpus([2] * 11), teacher, tmp_path)
    assert teacher.calls == [4, 4, 3]
    assert torch.equal(again[:8], first) and len(again) == 11


def _heavier(model):
    model.weight.data += 1
    return model


def _running(model):
    model.running_mean += 1
    return model


@pytest.mark.parametrize(
    "other", [_heavier(_Model()), _running(_Model()), _Model(hidden_act="relu"), _Apart()], ids=["weights", "buffers", "config", "kind"]
)
def test_another_teacher_labels_anew(other, tmp_path):
    first, second = _counting(), _counting(other)
    teacher_logits(_corpus([2] * 8), first, tmp_path)
    found = teacher_logits(_corpus([2] * 8), second, tmp_path)
    assert second.calls == [8] and torch.equal(found, torch.from_numpy(second.logits(_corpus([2] * 8))))


def test_a_teacher_that_lies_elsewhere_is_the_same_one(tmp_path):
    teacher_logits(_corpus([2] * 8), _counting(), tmp_path)
    teacher_logits(_corpus([2] * 8), moved := _counting(_Model(name_or_path="elsewhere")), tmp_path)
    assert moved.calls == []


@pytest.mark.parametrize("part", ["ids", "segments", "starts"])
def test_other_tokens_segments_or_ends_of_texts_are_labelled_anew(part, tmp_path):
    teacher, corpus = _counting(), _corpus([2] * 8)
    teacher_logits(corpus, teacher, tmp_path)
    changed = getattr(corpus, part).copy()
    changed[1] += 1
    teacher_logits(replace(corpus, **{part: changed}), teacher, tmp_path)
    assert teacher.calls == [8, 8]


def test_a_scale_is_limited_by_half_the_accumulator_where_that_binds(tmp_path):
    """Every row of `output` hears 4,096 codes of about the same gain: 127 synaptic units each would be four times what the accumulator holds."""
    torch.manual_seed(0)
    model = dict(hidden=8, layers=1, heads=1, head_dim=4, ffn=4096, steps=2, max_length=4, embedding_rank=4)
    student = SpikingBert(BertConfig(vocabulary=len(random_checkpoint.WORDS), classes=2, **model)).eval()
    scale, name, limit = scale_limits(student)[0]
    assert (name, limit) == ("layer.0.output", "accumulator")
    student.fold(scale)
    export(student, random_checkpoint.small_tokenizer(), "sst2", tmp_path / "c", {}, ("0", "1"))
    output = synapses(student.layer[0].output)
    codes, gain = output.codes(), output.registers()[0]
    worst = int((gain.abs() * codes.abs().sum(1)).max())
    assert 0.95 * arith.A_LIMIT / 2 < worst < 1.05 * arith.A_LIMIT / 2  # rows' gains are rounded
    high, low = lower(tmp_path / "c", "loihi2").network.input_bounds("layer.0.output")
    assert max(high, -low) < arith.A_LIMIT


def test_probes_are_never_drawn():
    data = TrainingSet(_corpus([1] * 50), 10, torch.zeros(50), torch.arange(100.0).view(50, 2), probes=20)
    drawn = np.concatenate([data.draw(np.random.default_rng(n), 32, 0.5) for n in range(40)])
    assert set(drawn) == set(range(10)) | set(range(30, 50))
    texts, soft = data.probe()
    assert list(texts.ids) == list(range(10, 30)) and torch.equal(torch.from_numpy(soft), data.soft[10:30])


def test_gradients_of_the_exact_product_are_the_product_rule():
    rng = torch.Generator().manual_seed(0)
    spikes = torch.randint(0, 2, (2, 3, 600), generator=rng).float().requires_grad_()
    codes = torch.randint(-1, 2, (5, 600), generator=rng).float().requires_grad_()
    grad = torch.randint(-3, 4, (2, 3, 5), generator=rng).float()  # small integers: bfloat16 holds every sum here
    out = exact_product(spikes, codes)
    out.backward(grad)
    assert torch.equal(out, spikes.detach() @ codes.detach().T)
    assert spikes.grad is not None and torch.equal(spikes.grad, grad @ codes.detach())
    assert codes.grad is not None and torch.equal(codes.grad, grad.flatten(0, 1).T @ spikes.detach().flatten(0, 1))


def test_gradients_of_lif_are_the_recurrence_backwards():
    drive = torch.randn(5, 40, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weight = torch.randn(5, 40, generator=torch.Generator().manual_seed(2))
    (lif(drive, 3072, None).float() * weight).sum().backward()
    v, excess = torch.zeros(40), []
    for now in drive.detach():
        excess.append(v * 0.75 + now - 1)
        v = torch.where(excess[-1] > 0, 0.0, v * 0.75 + now)
    carry, expected = torch.zeros(40), []
    for x, w in zip(excess[::-1], weight.bfloat16().float().flip(0)):
        carry = w / (1 + (torch.pi * x) ** 2) + torch.where(x <= 0, carry * 0.75, 0.0)
        expected.insert(0, carry)
    assert drive.grad is not None and torch.allclose(drive.grad, torch.stack(expected), atol=1e-5)


def test_distance_is_zero_at_the_teacher_and_agreement_counts_classes():
    theirs = np.array([[2.0, -1.0], [0.0, 3.0]], np.float32)
    assert measure.distance(theirs + 7, theirs) == pytest.approx(0, abs=1e-6)
    assert measure.distance(-theirs, theirs) > 1
    assert measure.agreement(np.array([[1.0, 0.0], [1.0, 0.0]]), theirs) == 0.5
    assert measure.distance(np.array([[1.0]], np.float32), np.array([[3.0]], np.float32)) == 4.0


def _probed(checkpoint):
    """(student, batch, every population's spikes on it)."""
    student = load_student(checkpoint)
    corpus = encode(random_checkpoint.small_tokenizer(), random_checkpoint.texts(0, 5, 12), 12)
    batch = pack(corpus, range(5))
    with torch.no_grad(), firing(student) as seen:
        student(batch)
    return student, batch, seen


def test_the_penalised_rate_is_the_reported_one(checkpoint):
    """Both count score cells only where both positions hold a token, and every population once."""
    student, batch, seen = _probed(checkpoint)
    reported = measure.mean_rate(spike_rates(population_spikes(student, [batch])))
    assert float(mean_rate(seen)) == pytest.approx(reported, abs=1e-4)


def _asked(layer):
    return torch.cat([synapses(part).weight for part in (layer.query, layer.key, layer.value)])


def test_the_share_of_synapses_reached_is_what_the_matrices_count(checkpoint):
    """Against each spike's row of the layer's own matrices, head included, counted one by one."""
    student, _, seen = _probed(checkpoint)
    reached = whole = 0.0
    blocks = list(student.blocks())
    inputs = [("x", _asked(blocks[0]))]
    for n, layer in enumerate(blocks):
        later = _asked(blocks[n + 1]) if n + 1 < student.config.layers else student.readout.weight
        window = torch.stack(synapses(layer.hidden).weight.chunk(student.config.window, 1)).flatten(0, 1)
        inputs += [(f"layer.{n}.context", synapses(layer.attended).weight), (f"layer.{n}.attended", window)]
        inputs += [(f"layer.{n}.hidden", synapses(layer.output).weight), (f"layer.{n}.output", later)]
    for name, weight in inputs:
        spikes = seen[name].tensor.flatten(2)
        assert spikes.shape[-1] == weight.shape[1]
        reached += float(spikes.float().sum()) * len(weight)
        whole += spikes.numel() * len(weight)
    found = operation_rate(seen, student.driven())
    assert float(found) == pytest.approx(reached / whole, rel=1e-5)
    price = SpikePrice(operations=2.0, operations_target=0.5 * float(found))
    assert float(price.price(student, seen)) == pytest.approx(float(found), rel=1e-5)
    assert float(SpikePrice(operations=2.0, operations_target=1.0).price(student, seen)) == 0


def _heard(features=6):
    """Spikes of three texts of other lengths."""
    texts = nets.Texts((torch.rand(4, 3, 5, features, generator=torch.Generator().manual_seed(0)) < 0.4).float(), torch.tensor([5, 2, 3]))
    return nets.Input(Axis("position", 5, grows=True), Axis("features", features))(texts)


@pytest.mark.parametrize("folded", [False, True])
def test_neurons_that_are_computed_together_are_those_alone(folded):
    """Spikes, gradients and what their norms keep."""
    torch.manual_seed(2)
    every = torch.nn.ModuleList(Neurons(6, size, taps=2) for size in (3, 4, 5))
    for neurons in every:
        torch.nn.init.constant_(synapses(neurons).norm.bias, 0.7)
    again = copy.deepcopy(every)
    if folded:
        for modules in (every, again):
            nets.fold(modules, 50)
    x, loss = _heard(), torch.zeros(())
    for one, other in zip(together(x, *every), (neurons(x) for neurons in again), strict=True):
        assert torch.equal(one.tensor, other.tensor) and one.tensor.any() and one.grid == other.grid
        loss = loss + one.tensor.float().sum() + other.tensor.float().sum()
    loss.backward()
    for (name, one), other in zip(every.named_parameters(), again.parameters(), strict=True):
        assert one.grad is not None and torch.allclose(one.grad, other.grad, atol=0.02), name  # products of gradients are bfloat16's
    assert all(torch.equal(one, other) for one, other in zip(every.buffers(), again.buffers(), strict=True))


def test_neurons_with_a_skip_or_of_other_columns_are_not_computed_together():
    with pytest.raises(InputError, match=r"neurons with a skip hear two populations"):
        together(_heard(), Neurons(6, 6), Neurons(6, 6, skip=1.0))
    with pytest.raises(InputError, match=r"hear other columns .*the same columns and taps"):
        together(_heard(), Neurons(6, 6), Neurons(6, 6, taps=2))


def test_an_unknown_start_is_refused():
    with pytest.raises(TypeError, match="embedding"):
        recipe_from({"task": "sst2", "start": {"embedding": "wrods"}})


def test_the_second_class_is_shifted_to_where_the_metric_is_highest_and_one_lucky_cut_is_not_taken():
    rng = np.random.default_rng(0)
    truth = np.arange(1000) < 300
    logits = np.stack([np.zeros(1000), np.where(truth, 1.0, -1.0) - 4 + 0.8 * rng.standard_normal(1000)], 1)
    shift = measure.best_shift(logits, lambda guess: float((guess == truth).mean()))
    assert shift == pytest.approx(4, abs=0.3)
    lucky = measure.best_shift(logits, lambda guess: float((guess == truth).mean()) + (abs(guess.mean() - 0.75) < 0.01))
    assert lucky == pytest.approx(4, abs=0.3)
