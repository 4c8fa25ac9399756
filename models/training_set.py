"""What a student is trained on: task texts and unlabelled ones, tokenised, with the teacher's logits cached on disk."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritspike.hw_profiles.errors import decoding
from tritspike.models.augment import Mixture, edited_copies, made_pairs
from tritspike.models.data import Corpus, encode, sentences_of, training_part
from tritspike.models.teacher import Teacher
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import make_folder, read_tensors, write_tensors
from tritspike.runtime.host.text import Text
from tritspike.runtime.streams import say
from tritspike.runtime.tasks import labelled

_PART = 25_000  # texts
_POOL = 20_000  # sentences that pairs are made of
_CODE = 2  # of these labels: changed where the same teacher would say something else to the same tokens
_DTYPE = torch.bfloat16  # of the products: soft labels' third digit does not matter, hours do
_CHOICE = 0  # seed of the unlabelled sample: the same for all runs, which differ by their training alone


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """`corpus` holds the task's `task_texts` texts first, then those without labels; the first `probes` of these are never drawn.
    labels: NaN where there is none."""

    corpus: Corpus
    task_texts: int
    labels: Tensor
    soft: Tensor
    probes: int = 0

    def draw(self, rng: np.random.Generator, batch: int, task_share: float) -> NDArray[np.int64]:
        """Rows of a random batch, `task_share` of them from the task."""
        others = len(self.corpus) - self.task_texts - self.probes
        own = batch if not others else round(batch * task_share)
        picks = [rng.integers(0, self.task_texts, own)]
        if others:
            picks.append(self.task_texts + self.probes + rng.integers(0, others, batch - own))
        return np.concatenate(picks)

    def probe(self) -> tuple[Corpus, NDArray[np.float32]]:
        """The texts that are never drawn, with the teacher's logits."""
        first, last = self.task_texts, self.task_texts + self.probes
        return self.corpus.part(first, last), self.soft[first:last].numpy()


@dataclass(frozen=True)
class Source:
    """Where texts come from, how many are taken, and where the teacher's logits are kept."""

    data: str
    files: tuple[Path, ...]
    cache: Path
    unlabelled: int
    augmented: int
    probes: int
    held_out: int
    parts: float = 0.0


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that a run reads: its training set, and the labelled slice that it is judged by, with the teacher's logits."""

    training: TrainingSet
    held: Corpus
    held_labels: list[float]
    held_soft: NDArray[np.float32]


def prepare(teacher: Teacher, task: labelled.Task, source: Source, max_length: int) -> Material:
    """Read, slice, tokenise, label."""
    say(f"{task.name}: reading and tokenising what is trained on")
    train, held = training_part(task, source.data, source.held_out)
    training = build(teacher, train, extra_texts(task, train, source), max_length, source.probes)
    training = replace(training, soft=teacher_logits(training.corpus, teacher, source.cache))
    corpus = encode(teacher.tokenizer, [e.text for e in held], max_length)
    return Material(training, corpus, [e.label for e in held], teacher_logits(corpus, teacher, source.cache).numpy())


def extra_texts(task: labelled.Task, train: Sequence[labelled.Example], source: Source) -> list[Text]:
    """Texts without labels, of the task's kind (sentences or pairs): the unlabelled files', then what is made of the task's own."""
    paired = len(task.columns) == 2
    count = min(source.unlabelled, _POOL) if paired else source.unlabelled
    pool = sentences_of(source.files, count, seed=_CHOICE) if source.files and count else []
    own = list(dict.fromkeys(text for e in train for text in e.texts))
    if paired:
        kinds = ((pool, source.unlabelled), (own, source.augmented))
        mixture = Mixture.with_parts(source.parts)
        return [pair for texts, n in kinds if texts and n for pair in made_pairs(texts, n, _CHOICE, mixture)]
    return [*pool, *edited_copies(own, source.augmented, _CHOICE)]


def build(teacher: Teacher, train: Sequence[labelled.Example], extra: Sequence[Text], max_length: int, probes: int) -> TrainingSet:
    """Tokenise; soft labels are empty until `teacher_logits`. Of the texts `extra`, `probes` (at most a tenth) stay unseen."""
    corpus = encode(teacher.tokenizer, [*(e.text for e in train), *extra], max_length)
    labels = torch.tensor([e.label for e in train] + [math.nan] * len(extra))
    return TrainingSet(corpus, len(train), labels, torch.empty(0), min(probes, len(extra) // 10))


def teacher_logits(corpus: Corpus, teacher: Teacher, folder: Path) -> Tensor:
    """(texts, classes), computed once and kept in `folder` under names made of all that they depend on (`_asked`, and the texts).

    In parts of `_PART` texts: a killed labelling goes on where it was, and a longer list of texts pays for the new ones only.
    """
    make_folder(folder)
    say(f"soft labels: what the teacher says of {len(corpus):,} texts, kept in {folder}")
    asked = _asked(teacher)
    parts = [corpus.part(at, min(at + _PART, len(corpus))) for at in range(0, len(corpus), _PART)]
    return torch.cat([_labelled(part, teacher, asked, folder) for part in parts])


def _asked(teacher: Teacher) -> list[bytes]:
    """What a teacher's answer to given tokens depends on: its kind, its config but for where it lies, its tensors, and what computes them."""
    config = {k: v for k, v in teacher.model.config.to_dict().items() if k != "_name_or_path"}
    said = [_CODE, str(_DTYPE), torch.__version__, f"{type(teacher.model).__module__}.{type(teacher.model).__qualname__}"]
    if teacher.device.type != "cpu":
        said.append(teacher.device.type)
    parts = [json.dumps([*said, config], sort_keys=True, default=str).encode()]
    for name, tensor in teacher.model.state_dict().items():
        parts += [f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), _bytes(tensor)]
    return [hashlib.sha256(part).digest() for part in parts]


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().reshape(-1).view(torch.uint8).cpu().numpy().tobytes()


def _labelled(part: Corpus, teacher: Teacher, asked: list[bytes], folder: Path) -> Tensor:
    texts = [hashlib.sha256(array.tobytes()).digest() for array in (part.ids, part.segments, part.starts)]
    path = folder / f"logits-{hashlib.sha256(b''.join([*asked, *texts])).hexdigest()[:32]}.safetensors"
    if not path.exists():
        with torch.autocast(teacher.device.type, _DTYPE):
            write_tensors(path, {"logits": teacher.logits(part, "soft labels")})
    with decoding(path, "file of a teacher's logits", FileError):
        return torch.from_numpy(read_tensors(path)[0]["logits"])
