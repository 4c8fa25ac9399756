"""What a student is compared by without its task's dev set: how far it is from its teacher, and how often its neurons spike.

A slice of 1,000 labelled texts has a standard error of about a point; the distance to the teacher on a few thousand texts that were
never trained on tells recipes apart with far fewer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from tritspike.models.data import Corpus, length_sorted_batches, pack
from tritspike.models.export import answer_of
from tritspike.models.flow import Flow
from tritspike.models.nets.texts import Classes
from tritspike.models.spiking_bert import SpikingBert

_SHIFTS, _NEIGHBOURS = 37, 5  # candidates 2.5 % of the texts apart, each judged over 10 %


@torch.no_grad()
def logits(student: SpikingBert | Flow, corpus: Corpus) -> np.ndarray:
    """(texts, classes) float64 logits of the student as it is now: in integers those of its program, bit for bit."""
    student.eval()
    answer = answer_of(student)
    assert isinstance(answer, Classes)
    out = np.zeros((len(corpus), student.config.classes))
    for rows in length_sorted_batches(corpus, 64):
        out[rows] = answer.scores(student.encoded(pack(corpus, rows))).cpu().numpy()
    return out


def distance(student: np.ndarray, teacher: np.ndarray) -> float:
    """Mean KL divergence of the student's classes from the teacher's, in nats; mean squared difference where there is one number."""
    ours, theirs = (torch.from_numpy(side).float() for side in (student, teacher))
    if theirs.shape[1] == 1:
        return float(F.mse_loss(ours, theirs))
    return float(F.kl_div(F.log_softmax(ours, -1), F.softmax(theirs, -1), reduction="batchmean"))


def agreement(student: np.ndarray, teacher: np.ndarray) -> float:
    """Share of texts that both put into the same class."""
    return float((student.argmax(1) == teacher.argmax(1)).mean())


def best_shift(logits: np.ndarray, judge: Callable[[np.ndarray], float]) -> float:
    """What to add to the second of two classes' logits so that `judge` (of 0/1 answers) is highest: F1 and Matthews are not best where accuracy is.
    Candidates answer 1 for 5 to 95 % of the texts; each counts as the mean over its neighbours, for the slice that judges is small."""
    needed = logits[:, 0] - logits[:, 1]
    shifts = np.quantile(needed, np.linspace(0.05, 0.95, _SHIFTS))
    found = [judge((needed < shift).astype(np.float64)) for shift in shifts]
    smooth = np.convolve(found, np.full(_NEIGHBOURS, 1 / _NEIGHBOURS), "valid")
    return float(shifts[_NEIGHBOURS // 2 + int(smooth.argmax())])


def mean_rate(rates: dict[str, float]) -> float:
    """Mean spike rate over populations, each counted once whatever its size (coincidence neurons and relays are not among them)."""
    return sum(rates.values()) / len(rates)
