"""Tokens drawn are those of a full sort, whatever ties there are: by the kernel, in numpy, and for many rows at once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.runtime.host.language import Sampler, Sampling, picks
from tritspike.runtime.host.program import Program
from tritspike.runtime.simulator import plain, vocabulary

TOP_PS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 1 - 1e-12, 1.0]) | st.floats(0, 1)
SPREADS = st.sampled_from([0, 1, 3, 1000, 10**5, 10**12])


def program(scale: float) -> SimpleNamespace:
    """What a sampler asks of one."""
    made = SimpleNamespace(steps=4, host=SimpleNamespace(logit_scale=scale), _pools=False)
    made.scores = lambda logits, lengths: Program.scores(made, logits, lengths)
    return made


def by_a_full_sort(made, rng, how: Sampling, logits) -> int:
    """As samplers were first written."""
    order = np.argsort(-logits, kind="stable")
    scores = made.scores(logits[None, order] - logits.max(), np.ones(1, np.int64))[0] / how.temperature
    shares = np.cumsum(np.exp(scores))
    kept = shares[: int(np.searchsorted(shares, how.top_p * shares[-1])) + 1]
    return int(order[min(int(np.searchsorted(kept, rng.random() * kept[-1], "right")), len(kept) - 1)])


@settings(max_examples=300)
@given(st.integers(0, 2**31), st.sampled_from([1, 2, 40, 3000]), SPREADS, TOP_PS, st.sampled_from([1e-6, 0.1, 0.8, 1.0, 7.0, 1e6]))
def test_draws_are_a_full_sort_s(seed, tokens, spread, top_p, temperature):
    made, rng = program(0.01), np.random.default_rng(seed)
    logits = rng.integers(-spread, spread + 1, (5, tokens))
    logits[3] = rng.choice(logits[3, :2], tokens)
    logits[4, rng.integers(tokens)] += 10**9
    hows = [Sampling(temperature, top_p, seed + row) for row in range(5)]
    expected = [by_a_full_sort(made, np.random.default_rng(how.seed), how, row) for how, row in zip(hows, logits)]
    for plainly in (True, False):
        assert picks([Sampler(made, how) for how in hows], logits, plainly) == expected
    assert [Sampler(made, how).pick(row) for how, row in zip(hows, logits)] == expected


@settings(max_examples=200)
@given(st.integers(0, 2**31), st.sampled_from([4, 40, 1000]), st.integers(1, 30), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_a_draw_at_the_very_bounds(seed, tokens, kinds, top_p):
    """Shares that are sums of few bits, so that bounds are met exactly; draws that lie on them; shares beyond all floats."""
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, kinds, (4, tokens))
    shares = np.stack([2.0 ** (logits[0] % 4), np.ones(tokens), 3.0 ** -(kinds - logits[2]), np.where(logits[3] == 0, np.inf, 1.0)])
    uniform, tops, found = rng.choice([0.0, 0.25, 0.5, 0.75, 1 - 2**-53], 4), np.full(4, top_p), np.zeros((2, 4), np.int64)
    with np.errstate(invalid="ignore"):
        plain.draw(logits, shares, tops, uniform, found[0])
        vocabulary.draw(logits, shares, tops, uniform, found[1])
    assert (found[0] == found[1]).all()


def test_rows_of_a_batch_are_each_as_alone():
    """Greedy rows beside sampled ones of any settings; a sampler goes on with its own numbers."""
    made, rng = program(0.01), np.random.default_rng(3)
    hows = [Sampling(0.0), Sampling(0.8, 0.9, 1), Sampling(1.3, 1.0, 2), Sampling(0.0), Sampling(0.8, 0.5, 1)]
    together, alone = [Sampler(made, how) for how in hows], [Sampler(made, how) for how in hows]
    for _ in range(20):
        logits = rng.integers(-(10**5), 10**5, (5, 500))
        assert picks(together, logits) == [sampler.pick(row) for sampler, row in zip(alone, logits)]
    assert together[1].rng.random() == alone[1].rng.random()


@pytest.mark.parametrize("plainly", [True, False])
def test_of_equals_the_first_is_the_likeliest(plainly):
    logits = np.array([[1, 5, 5, 0], [7, 7, 7, 7]])
    assert picks([Sampler(program(0.01), Sampling(top_p=0.0, temperature=t)) for t in (0.0, 1.0)], logits, plainly) == [1, 0]
