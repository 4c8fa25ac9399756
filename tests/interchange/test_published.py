"""Files that others published: each is read, or refused for its true reason; how many of the float run's spikes ours has."""

from __future__ import annotations

import numpy as np
import pytest

from tritspike.compiler.frontend.nir import build
from tritspike.compiler.frontend.nir.match import matches, random_input
from tritspike.compiler.lower import lower_network
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays

READ = {"braille_noDelay_bias_zero": (1e-4, "euler"), "braille_noDelay_noBias_subtract": (1e-4, "euler"), "lif_rockpool": (1e-4, "exp")}
REFUSED = {
    "braille_noDelay_bias_zero_subgraph": "lif1: what an edge names is .*'lif', which is no node.*: input, lif1, lin, output",
    "lif_norse": r"the file does not tell \(1: tau 0.0025 s, r 1\)",
    "rockpool_braille": "the file does not tell .*lif2: tau 2.222 s, r 0.55",
}
SHARES = {"braille_noDelay_bias_zero": 0.95, "braille_noDelay_noBias_subtract": 0.96}  # of spikes, at least
_SEEDS, _RATE = 10, 0.08


def test_the_lists_are_whole(nir_dir):
    assert {path.stem for path in nir_dir.glob("*.nir")} == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_it_is_read(name, nir_dir):
    found = build(nir_dir / f"{name}.nir")
    assert (found.floats.steps.dt, found.floats.steps.convention) == READ[name] and not found.exact


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_for_its_true_reason(name, nir_dir):
    with pytest.raises(TritspikeError, match=REFUSED[name]):
        build(nir_dir / f"{name}.nir")


@pytest.mark.parametrize("name, dt", [("lif_norse", 1e-3), ("rockpool_braille", 1.0)])
def test_it_is_read_once_the_step_is_given(name, dt, nir_dir):
    assert build(nir_dir / f"{name}.nir", dt, "euler").network.neurons()


@pytest.mark.parametrize("name", SHARES)
def test_most_spikes_are_those_of_the_float_run(name, nir_dir):
    """Ten seeds of 64 samples of 256 steps; the hidden layer is recurrent, so that one spike more or less is many later."""
    found = build(nir_dir / f"{name}.nir")
    program, shares = lower_network(found.network, found.timing), []
    for seed in range(_SEEDS):
        given = random_input(found.floats, 64, 256, _RATE, seed)
        ours = arrays.run(program, given, "fast", How(), record=True)
        shares.append([m.share for m in matches(found.floats, given, ours.spikes)])
    assert np.mean(shares, 0)[0] >= SHARES[name]


@pytest.mark.parametrize("name", SHARES)
def test_lava_gives_the_same(name, nir_dir):
    pytest.importorskip("lava.magma")
    found = build(nir_dir / f"{name}.nir")
    program = lower_network(found.network, found.timing)
    given = random_input(found.floats, 1, 60, 0.2)
    ours, lava = (arrays.run(program, given, name, How(), record=True) for name in ("fast", "lava"))
    assert ours.spikes["lif1.lif"].any() and all((ours.spikes[name] == lava.spikes[name]).all() for name in ours.spikes)
