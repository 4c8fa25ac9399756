"""Metrics over resamples, intervals and tests against scikit-learn's and scipy's own."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.versus import statistics
from tritspike.runtime.tasks.versus.statistics import METRICS, agreement, difference, interval, mcnemar

TASK_OF = {"accuracy": "sst2", "f1": "mrpc", "matthews": "cola", "spearman": "stsb", "pearson": "stsb"}


def answers(metric, count, seed=0):
    """(truth, a, b): b errs more often than a."""
    rng = np.random.default_rng(seed)
    if metric in ("spearman", "pearson"):
        truth = rng.integers(0, 26, count) / 5  # many ties, as in STS-B
        return truth, truth + rng.normal(0, 1, count), np.round(truth + rng.normal(0, 2, count))
    truth = rng.integers(0, 2, count)
    return tuple(np.where(rng.random(count) < share, 1 - truth, truth).astype(float) for share in (0, 0.15, 0.25))


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_the_benchmark_s_on_every_resample(metric):
    truth, guess, _ = answers(metric, 60)
    drawn = np.random.default_rng(3).integers(0, 60, (20, 60))
    weights = np.stack([np.bincount(row, minlength=60) for row in drawn]).astype(float)
    found = METRICS[metric](truth, guess)(weights)
    wanted = [labelled.score(labelled.task_named(TASK_OF[metric]), guess[row], truth[row])[metric] for row in drawn]
    assert np.allclose(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_is_scipy_s(metric, monkeypatch):
    """The same draws from the same seed, in several blocks here, and the same quantiles; the metric there is glue's, one resample at a time."""
    monkeypatch.setattr(statistics, "_CELLS", 7 * 80)
    truth, a, b = answers(metric, 80, seed=1)
    task = labelled.task_named(TASK_OF[metric])

    def one(truth, a, b):
        return labelled.score(task, b, truth)[metric] - labelled.score(task, a, truth)[metric]

    options = dict(paired=True, vectorized=False, n_resamples=200, method="percentile", confidence_level=0.95)
    wanted = stats.bootstrap((truth, a, b), one, random_state=np.random.default_rng(5), **options).confidence_interval
    found = interval(difference(metric, truth, a, b), 80, 200, 5)
    assert (found.low, found.high) == pytest.approx(tuple(wanted), abs=1e-12)
    assert found.low < found.high


def test_mcnemar_is_the_exact_binomial_test():
    truth = np.ones(40)
    a, b = np.ones(40), np.ones(40)
    a[:3], b[3:15], a[15:17], b[15:17] = 0, 0, 0, 0
    found = mcnemar(truth, a, b)
    assert (found.only_a, found.only_b) == (12, 3)
    assert found.p == pytest.approx(2 * sum(stats.binom.pmf(k, 15, 0.5) for k in range(4)), rel=1e-12)
    assert found.p == stats.binomtest(3, 15, 0.5).pvalue == pytest.approx(0.03515625)


def test_models_that_answer_alike_differ_by_nothing():
    truth, a, _ = answers("accuracy", 50)
    assert mcnemar(truth, a, a) == statistics.McNemar(0, 0, 1.0)
    assert interval(difference("accuracy", truth, a, a), 50) == statistics.Interval(0.0, 0.0)
    assert agreement(True, a, a) == {"equal predictions": 1.0}


def test_agreement_of_numbers_is_their_correlation():
    _, a, b = answers("pearson", 50)
    found = agreement(False, a, b)
    assert found["pearson"] == pytest.approx(stats.pearsonr(a, b).statistic) and found["spearman"] == pytest.approx(stats.spearmanr(a, b).statistic)


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_a_constant_correlates_with_nothing(metric):
    truth, a, _ = answers(metric, 30)
    found = interval(difference(metric, truth, np.full(30, 0.1), a), 30, 100)
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(agreement(False, np.full(30, 0.1), a)[metric])


def test_another_seed_gives_another_interval_and_the_same_seed_the_same():
    truth, a, b = answers("f1", 100)
    of = difference("f1", truth, a, b)
    assert interval(of, 100, 500, 1) == interval(of, 100, 500, 1) != interval(of, 100, 500, 2)


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_of_a_dev_set_takes_no_time(metric):
    truth, a, b = answers(metric, 872)
    start = time.thread_time()  # of this thread, however busy the machine is
    interval(difference(metric, truth, a, b), 872, 2000)
    assert time.thread_time() - start < 2
