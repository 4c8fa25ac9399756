"""Random networks with one register, weight, rule or step of latency changed: `fast` gives what the reference gives, or refuses; none is believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
import random_network
import text_network
from tampering import tampered

from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime.executors import reference
from tritspike.runtime.executors.fast import run as fast
from tritspike.runtime.network.network import Network, Scheduled
from tritspike.runtime.network.rows import Rows

_MOST = 25  # changes of one network, spread over all that there are


@dataclass(frozen=True, eq=False)
class Bare:
    """A network without a host, for `tampered`."""

    scheduled: Scheduled

    @property
    def network(self) -> Network:
        return self.scheduled.network


def attempt(run, program, inputs):
    """The outcome, or the refusal."""
    try:
        return run(program, inputs, record=True)
    except TritspikeError as refusal:
        return refusal


def check(program: Scheduled, inputs, seen: Counter, offset: int) -> None:
    changes = list(tampered(Bare(program)))
    step = max(1, len(changes) // _MOST)
    for what, changed in changes[offset % step :: step]:
        expected, got = (attempt(run, changed.scheduled, inputs) for run in (reference.run, fast.run))
        refused = isinstance(got, TritspikeError)
        seen["refused" if refused else "equal"] += 1
        assert refused or not isinstance(expected, TritspikeError), f"{what}: fast computes what the reference refuses: {expected}"
        if not refused:
            require_same(expected, got, inputs, what)


def require_same(expected, got, inputs, what: str) -> None:
    """Every spike and reading, which `fast` may have by row."""
    for name, spikes in expected.spikes.items():
        assert (spikes == got.spikes[name]).all(), f"{what}: {name}"
    for name, read in expected.read.items():
        by_row = isinstance(inputs, Rows) and got.read[name].shape != read.shape
        assert (got.read[name] == (read.reshape(*inputs.real.shape, -1)[inputs.real] if by_row else read)).all(), f"{what}: {name}"


@pytest.mark.parametrize("part", range(4))
def test_networks_drawn_over_everything(part):
    seen = Counter()
    for seed in range(part, 400, 32):
        check(*random_network.drawn(seed), seen, seed)
    assert seen["equal"] > seen["refused"] > 0


@pytest.mark.parametrize("part", range(4))
def test_networks_of_texts_which_are_packed(part):
    seen = Counter()
    for seed in range(part, 240, 24):
        check(*text_network.drawn(seed), seen, seed)
    assert seen["equal"] > 0 and seen["refused"] > 0
