"""What tasks are scored by: GLUE's own metrics, and what more classes need, from scikit-learn and scipy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Metric:
    """measure: of (labels, guesses). classes: which numbers of classes it is of; regression has none."""

    measure: Callable[[np.ndarray, np.ndarray], float]
    classes: range


def _accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    return float((truth == guess).mean())


def _f1(truth: np.ndarray, guess: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, guess))


def _macro_f1(truth: np.ndarray, guess: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, guess, average="macro", zero_division=0.0))


def _matthews(truth: np.ndarray, guess: np.ndarray) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(truth, guess))


def _correlation(kind: str) -> Callable[[np.ndarray, np.ndarray], float]:
    def measure(truth: np.ndarray, guess: np.ndarray) -> float:
        from scipy import stats

        if any((side == side[0]).all() for side in (truth, guess)):
            return math.nan  # and no warning: a metric that is nan says so
        return float(getattr(stats, kind)(truth, guess).statistic)

    return measure


MOST_CLASSES = 1000  # of a task: the names are held in every program of it
_CLASSES, _TWO, _NUMBERS = range(2, MOST_CLASSES + 1), range(2, 3), range(1)
METRICS = {
    "accuracy": Metric(_accuracy, _CLASSES),
    "f1": Metric(_f1, _TWO),
    "macro_f1": Metric(_macro_f1, _CLASSES),
    "matthews": Metric(_matthews, _CLASSES),
    "pearson": Metric(_correlation("pearsonr"), _NUMBERS),
    "spearman": Metric(_correlation("spearmanr"), _NUMBERS),
}
