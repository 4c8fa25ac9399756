"""Where a student starts: its token table from the teacher's, its score and context weights at a chosen number of coincidences."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tritspike.models import state
from tritspike.models.bigrams import start_bigrams
from tritspike.models.data import Corpus, length_sorted_batches, pack
from tritspike.models.nets.current import Current
from tritspike.models.nets.neurons import Neurons
from tritspike.models.progress import Watched
from tritspike.models.sizes import BertConfig
from tritspike.models.spiking import Synapses
from tritspike.models.spiking_bert import Layer, SpikingEncoder
from tritspike.models.student_options import Start
from tritspike.models.teacher import Teacher
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import read_json
from tritspike.runtime.streams import say

_AT_ONCE = 512  # words
_OUTPUT = ("readout.", "answer.")
_MARKS = 16  # channels that tell a text of a pair: as many -1 outweigh what some 256 random weights add up to (a deviation of about 5)
_ALWAYS = 4  # values of each head that say only that there was a match
_MARK = 3.0  # in an embedding row, whose other entries have a variance of 1; int8 tables reach about 8


@torch.no_grad()
def start_student(student: SpikingEncoder, teacher: Teacher, ids: np.ndarray, start: Start) -> None:
    """Set what `start` describes; the rest of the student stays as it was made. ids: all tokens that it will be trained on."""
    start_words(student.x.current, teacher, ids, start.embedding)
    student.x.current.position.mul_(start.position)
    for layer in student.blocks():
        _start_layer(layer, start)
    if start.crossed:
        _mark_segments(student)
        _tell_matches(student)
        _cross(next(student.blocks()), student.config)
    first = next(student.blocks())
    for part in (first.query, first.key, first.value, first.attended):
        synapses(part).weight.mul_(start.steady)


def _start_layer(layer: Layer, start: Start) -> None:
    for branch in (layer.attended, layer.output):
        synapses(branch).norm.weight.fill_(start.loud)
        assert branch.skip is not None
        branch.skip.weight.log.fill_(math.log(start.skip))
    if start.alike:
        synapses(layer.key).weight.copy_(synapses(layer.query).weight)
    for part, value in ((layer.score, start.score), (layer.context, start.context)):
        part.hears.weight.log.fill_(math.log(value))
        part.hears.weight.log.requires_grad_(start.learned)


def synapses(part: Neurons) -> Synapses:
    """The matrix that neurons hear by."""
    return part.hears.synapses


@torch.no_grad()
def start_regression(bias: Tensor, unit: Tensor, targets: Tensor) -> None:
    """Begin at the mean of what is to be predicted: the bias counts in units of the logits' scale and would take thousands of steps."""
    bias.fill_(float(targets.mean() / unit))


def start_from(student: SpikingEncoder, run: Path, task: str, start: Start) -> None:
    """Everything that an earlier run's float student had learned; its readout only where the task was the same. Raises `InputError`."""
    tensors, card = state.read(run / "float")
    earlier = state.part_of(tensors)
    if state.task_of(card or read_json(run / "float.json")) != task:
        earlier = {k: v for k, v in earlier.items() if not k.startswith(_OUTPUT)}
    own = student.state_dict()
    wrong = [k for k, v in earlier.items() if k not in own or own[k].shape != v.shape]
    wrong += [k for k in own if k not in earlier and not k.startswith(_OUTPUT)]
    if wrong:
        raise InputError(f"{run}: {min(wrong)} does not fit this recipe's [model]", "start from a run of the same sizes")
    student.load_state_dict(own | earlier)
    if start.loosened > 1:
        _loosen(student, start)


@torch.no_grad()
def _loosen(student: SpikingEncoder, start: Start) -> None:
    for layer in student.blocks():
        for part in (layer.query, layer.key, layer.value, layer.attended, layer.hidden, layer.output):
            synapses(part).weight.div_(start.loosened)
    first = next(student.blocks())
    for part in (first.value, first.attended):
        synapses(part).weight.div_(start.steady)


def _tables(teacher: Teacher, kind: str) -> list[Tensor]:
    words = [teacher.model.get_input_embeddings().weight.float().cpu()] if kind in ("words", "both") else []
    return [*words, alone(teacher)] if kind in ("context", "both") else words


def _unit(table: Tensor, share: Tensor) -> Tensor:
    """Centred, and with a variance of 1 over a corpus in which row i has the share `share[i]`."""
    centred = table - share @ table
    return centred / (share @ centred.square()).sum().sqrt()


@lru_cache(maxsize=1)
def alone(teacher: Teacher) -> Tensor:
    """(vocabulary, hidden): the teacher's last hidden state of each token in a text of nothing else. Unlike its word table, this
    already says what the fine-tuned teacher makes of the word (after Model2Vec, github.com/MinishLab/model2vec)."""
    size, words = teacher.tokenizer.get_vocab_size(), len(teacher.model.get_input_embeddings().weight)
    if size > words:  # transformers adds tokens that it misses, such as [MASK]
        raise InputError(f"the teacher's tokenizer has {size} tokens, its table {words} words", "a tokenizer with all of its special tokens")
    frame = teacher.tokenizer.encode("").ids  # the special tokens around an empty text
    ids = np.concatenate([[*frame[:1], token, *frame[1:]] for token in range(size)]).astype(np.int32)
    width = len(frame) + 1
    corpus = Corpus(ids, np.zeros(len(ids), np.int8), np.arange(size + 1) * width)
    out = torch.empty(size, teacher.model.config.hidden_size)
    say("starting the student: what the teacher makes of each word")
    for rows in Watched(length_sorted_batches(corpus, _AT_ONCE), "starting the student", (_AT_ONCE, "words")):
        states = teacher.outputs(pack(corpus, rows), states=True).hidden_states[-1]
        out[rows] = states[:, min(1, width - 1)].float().cpu()
    return out


@torch.no_grad()
def start_words(part: Current, teacher: Teacher, ids: np.ndarray, kind: str) -> None:
    """The token table and projection from the teacher's, as `Start.embedding` says; as they were for "none". ids: all tokens of training."""
    share = torch.bincount(torch.from_numpy(ids).long(), minlength=len(part.token)).float()
    if kind == "bigrams":
        start_bigrams(part, ids)
    if parts := [_unit(table[: len(share)], share / share.sum()) for table in _tables(teacher, kind)]:
        _start_embedding(part, torch.cat(parts, 1), share / share.sum())


def _start_embedding(part: Current, centred: Tensor, share: Tensor) -> None:
    """The directions of most variance over the corpus; the projection gives each an ON and an OFF channel."""
    hidden, rank = part.projection.shape
    if centred.shape[1] < rank:
        way_out = f"model.embedding_rank={centred.shape[1]}, or start.embedding='both', which takes two tables"
        raise InputError(f"embedding_rank is {rank}, what the student starts from has {centred.shape[1]} columns", way_out)
    _, directions = torch.linalg.eigh((centred * share[:, None]).T @ centred)
    reduced = centred @ directions.flip(1)[:, :rank]
    part.token.copy_(reduced / (share @ reduced.square()).mean().sqrt())
    on, _ = torch.linalg.qr(torch.randn(rank, rank))
    rows = torch.cat([on, -on]).repeat(math.ceil(hidden / (2 * rank)), 1)
    part.projection.copy_(rows[:hidden])


def _mark_segments(student: SpikingEncoder) -> None:
    """The last channels of x say which text of a pair a token is in: `_MARKS` fire at every step in the first, as many in the second."""
    part, rank, own = student.x.current, student.config.embedding_rank, student.config.hidden - 2 * _MARKS
    for table in (part.token, part.position, part.projection):
        table[:, rank - 2 :] = 0
    part.segment.zero_()
    part.projection[own:] = 0
    for n in range(2):
        part.segment[n, rank - 2 + n] = _MARK
        part.projection[own + n * _MARKS : own + (n + 1) * _MARKS, rank - 2 + n] = 1
    part.norm.weight[own:] = 2  # batch norm leaves +-1 of a mark: twice that is above the threshold at once, or never


def _tell_matches(student: SpikingEncoder) -> None:
    """`_MARKS` channels that x leaves silent fire in `attended` where attention found something: the first values of each head always spike,
    and these channels hear them alone. How much of each text has its like in the other can then be read out from the first step on."""
    own = student.config.hidden - 3 * _MARKS
    channels, layer = slice(own, own + _MARKS), next(student.blocks())
    student.x.current.projection[channels] = 0
    student.x.current.norm.bias[channels] = -2
    each, value, attended = student.config.head_dim, synapses(layer.value), synapses(layer.attended)
    attended.weight[channels] = 0
    for head in range(student.config.heads):
        always = slice(head * each, head * each + _ALWAYS)
        value.norm.bias[always] = 3
        attended.weight[channels, always] = 1 / math.sqrt(attended.weight.shape[1])
    attended.norm.bias[channels] = 0.5


def _cross(layer: Layer, c: BertConfig) -> None:
    """Queries of the first heads are vetoed in the second text, their keys in the first; of the other heads the other way round."""
    d, query, key = c.hidden, synapses(layer.query), synapses(layer.key)
    marks = slice(d - 2 * _MARKS, d - _MARKS), slice(d - _MARKS, d)
    half = c.heads // 2 * c.head_dim
    for rows, (own, other) in ((slice(0, half), marks), (slice(half, len(query.weight)), marks[::-1])):
        for part, open_to, vetoed in ((query, own, other), (key, other, own)):
            part.weight[rows, open_to] = 0
            part.weight[rows, vetoed] = -1 / math.sqrt(d)
            part.norm.bias.fill_(-0.5)  # what is not vetoed lies above the mean of both texts
