"""Of two models' answers to the same examples: how far apart the metric is, how sure that is, and how often they say the same.

The interval is the percentile bootstrap over examples: each resample draws examples with replacement and scores both models on the same
draw. A resample is a row of weights (how often each example was drawn), so every metric is a few products for all rows at once, and
Spearman's ranks come from cumulated weights instead of a sort a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], Floats]  # (resamples, examples) weights -> (resamples,) metric

LEVEL, RESAMPLES = 0.95, 2000
_CELLS = 1 << 21  # of weights at once
_FLAT = 1e-28  # a variance below this share of the mean square is rounding


@dataclass(frozen=True)
class Interval:
    """Of a difference, at `LEVEL`; NaN where no resample has the metric."""

    low: float
    high: float


@dataclass(frozen=True)
class McNemar:
    """Examples that only one model gets right, and the exact two-sided p of so uneven a split."""

    only_a: int
    only_b: int
    p: float


def interval(difference: Weighted, examples: int, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Percentile bootstrap; scipy's of the same seed. Resamples without the metric (a constant's correlation) are left out."""
    found = np.concatenate([difference(weights) for weights in _draws(examples, resamples, np.random.default_rng(seed))])
    sound = found[np.isfinite(found)]
    if not len(sound):
        return Interval(float("nan"), float("nan"))
    low, high = np.percentile(sound, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(low), float(high))


def _draws(examples: int, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    rows = max(1, _CELLS // examples)
    for at in range(0, resamples, rows):
        yield _weights(rng.integers(0, examples, (min(rows, resamples - at), examples)), examples)


def _weights(drawn: NDArray[np.int64], examples: int) -> Floats:
    cells = drawn + np.arange(len(drawn))[:, None] * examples
    return np.bincount(cells.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def floats(values: Sequence[float] | Floats) -> Floats:
    """As an array."""
    return np.asarray(values, np.float64)


def mcnemar(truth: Floats, a: Floats, b: Floats) -> McNemar:
    """Exact binomial test of whether each model is alone in the right equally often."""
    only_a, only_b = int(((a == truth) & (b != truth)).sum()), int(((b == truth) & (a != truth)).sum())
    p = float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p)


def agreement(classes: bool, a: Floats, b: Floats) -> dict[str, float]:
    """Share of equal answers; for numbers, their correlations."""
    if classes:
        return {"equal predictions": float((a == b).mean())}
    return {name: float(METRICS[name](a, b)(np.ones((1, len(a))))[0]) for name in ("spearman", "pearson")}


def difference(metric: str, truth: Sequence[float] | Floats, a: Floats, b: Floats) -> Weighted:
    """`metric` of b less that of a, for any weights."""
    of_a, of_b = (METRICS[metric](floats(truth), guesses) for guesses in (a, b))
    return lambda weights: of_b(weights) - of_a(weights)


# metrics: (truth, guess) -> Weighted


def _accuracy(truth: Floats, guess: Floats) -> Weighted:
    right = (truth == guess).astype(np.float64)
    return lambda weights: weights @ right / weights.sum(1)


def _table(truth: Floats, guess: Floats) -> Floats:
    """(examples, 4) one-hot: true and false positives, false and true negatives."""
    sure = guess == 1, guess != 1
    return np.stack([(truth == 1) & sure[0], (truth != 1) & sure[0], (truth == 1) & sure[1], (truth != 1) & sure[1]], 1).astype(np.float64)


def _f1(truth: Floats, guess: Floats) -> Weighted:
    table = _table(truth, guess)

    def measure(weights: Floats) -> Floats:
        tp, fp, fn, _ = (weights @ table).T
        return _ratio(2 * tp, 2 * tp + fp + fn, 0.0)

    return measure


def _matthews(truth: Floats, guess: Floats) -> Weighted:
    table = _table(truth, guess)

    def measure(weights: Floats) -> Floats:
        tp, fp, fn, tn = (weights @ table).T
        return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)), 0.0)

    return measure


def _ratio(top: Floats, bottom: Floats, otherwise: float) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, otherwise), where=bottom > 0)


def _pearson(truth: Floats, guess: Floats) -> Weighted:
    return lambda weights: _correlation(weights, truth[None], guess[None])


def _correlation(weights: Floats, x: Floats, y: Floats) -> Floats:
    """(resamples,); x, y: (resamples or 1, examples). NaN where one is constant."""
    total = weights.sum(1, keepdims=True)
    least = [_FLAT * (weights * side * side).sum(1) for side in (x, y)]
    x, y = (side - (weights * side).sum(1, keepdims=True) / total for side in (x, y))
    heavy = weights * x
    with_y, own, other = (heavy * y).sum(1), (heavy * x).sum(1), (weights * y * y).sum(1)
    flat = (own <= least[0]) | (other <= least[1])
    return _ratio(with_y, np.where(flat, 0.0, np.sqrt(own * other)), np.nan)


def _spearman(truth: Floats, guess: Floats) -> Weighted:
    ranks_of_truth, ranks_of_guess = _ranks(truth), _ranks(guess)
    return lambda weights: _correlation(weights, ranks_of_truth(weights), ranks_of_guess(weights))


def _ranks(values: Floats) -> Weighted:
    """(resamples, examples) mean ranks that each example has in the resample, drawn or not."""
    order = np.argsort(values, kind="stable")
    _, firsts, group = np.unique(values, return_index=True, return_inverse=True)
    starts = np.searchsorted(values[order], values[firsts])

    def rank(weights: Floats) -> Floats:
        drawn = np.add.reduceat(weights[:, order], starts, axis=1)
        return (np.cumsum(drawn, 1) - (drawn - 1) / 2)[:, group]

    return rank


METRICS: dict[str, Callable[[Floats, Floats], Weighted]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "matthews": _matthews,
    "pearson": _pearson,
    "spearman": _spearman,
}
