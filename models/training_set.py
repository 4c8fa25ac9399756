"""What a student is trained on: task texts and unlabelled ones, tokenised, with the teacher's logits cached on disk."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.data import Corpus, encode, review_sentences
from models.spiking_bert import SpikingBert
from models.teacher import Teacher
from runtime.files import read_tensors, write_tensors
from runtime.glue import Example


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """`corpus` holds the task's `task_texts` texts first, then the unlabelled. labels: NaN where there is none."""

    corpus: Corpus
    task_texts: int
    labels: Tensor
    soft: Tensor

    def draw(self, rng: np.random.Generator, batch: int, task_share: float) -> NDArray[np.int64]:
        """Rows of a random batch, `task_share` of them from the task."""
        others = len(self.corpus) - self.task_texts
        own = batch if not others else round(batch * task_share)
        picks = [rng.integers(0, self.task_texts, own)]
        if others:
            picks.append(self.task_texts + rng.integers(0, others, batch - own))
        return np.concatenate(picks)


def build(teacher: Teacher, train: Sequence[Example], unlabelled: Path | None, count: int, max_length: int, seed: int) -> TrainingSet:
    """Tokenise; soft labels are empty until `cached_logits`."""
    extra = [] if unlabelled is None or not count else review_sentences(unlabelled, count, seed=seed)
    corpus = encode(teacher.tokenizer, [*(e.text for e in train), *extra], max_length)
    labels = torch.tensor([e.label for e in train] + [math.nan] * len(extra))
    return TrainingSet(corpus, len(train), labels, torch.empty(0))


def cached_logits(data: TrainingSet, teacher: Teacher, folder: Path) -> TrainingSet:
    """`data` with the teacher's logits, computed once and kept in `folder` under a name made of weights and texts."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"logits-{_fingerprint(data, teacher)}.safetensors"
    if not path.exists():
        with torch.autocast("cpu", torch.bfloat16):  # soft labels: the third digit does not matter, hours do
            write_tensors(path, {"logits": teacher.logits(data.corpus, "teacher's logits")})
    return replace(data, soft=torch.from_numpy(read_tensors(path)[0]["logits"]))


def _fingerprint(data: TrainingSet, teacher: Teacher) -> str:
    digest = hashlib.sha256(data.corpus.ids.tobytes())
    for weight in teacher.model.parameters():
        digest.update(weight.detach().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def start_from_teacher(student: SpikingBert, teacher: Teacher, corpus: Corpus) -> None:
    """Token table from the teacher's: its directions of most variance over the corpus; the projection gives each an ON and an OFF channel."""
    part, rank = student.embedding, student.config.embedding_rank
    table = teacher.model.get_input_embeddings().weight.float()
    share = torch.bincount(torch.from_numpy(corpus.ids).long(), minlength=len(table)).float()
    share = share / share.sum()
    centred = table - share @ table
    _, directions = torch.linalg.eigh((centred * share[:, None]).T @ centred)
    reduced = centred @ directions.flip(1)[:, :rank]
    part.token.copy_(reduced / (share @ reduced.square()).mean().sqrt())
    on, _ = torch.linalg.qr(torch.randn(rank, rank))
    rows = torch.cat([on, -on]).repeat(math.ceil(student.config.hidden / (2 * rank)), 1)
    part.projection.copy_(rows[: student.config.hidden])
