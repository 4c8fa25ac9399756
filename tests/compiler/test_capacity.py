"""Whether a board has room at all: counted against what is materialised, with the longest text that fits as the way out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import random_network
import text_program

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.mapping import auto
from tritspike.compiler.mapping.auto import smallest
from tritspike.compiler.mapping.capacity import require_room
from tritspike.compiler.mapping.fit import placed
from tritspike.compiler.schedule import schedule
from tritspike.hw_profiles.profile import load
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.neuron import Bias
from tritspike.runtime.network.terms import linear, same
from tritspike.runtime.rates import uniform_rates

SIZES = dict(layers=1, hidden=8, heads=1, head_dim=4, ffn=8, max_length=5)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return text_program.program(random_checkpoint.write(tmp_path_factory.mktemp("room") / "c", **SIZES)).scheduled


def supply(neurons, synapses):
    return replace(load("loihi2"), name="made-up", chips=1, cores_per_chip=1, neurons_per_core=neurons, synapses_per_chip=synapses)


def materialised(program):
    synapses = sum(s.wiring.csr(*program.network.grids(s)).nnz for s in program.network.synapses)
    return sum(p.size for p in program.network.populations if p.neuron), synapses


def test_it_counts_what_is_materialised(network):
    neurons, synapses = materialised(network)
    require_room(network, supply(neurons, synapses))
    for board, message in (
        (supply(neurons - 1, synapses), f"made-up: {neurons} neurons needed, {neurons - 1} available"),
        (supply(neurons, synapses - 1), f"made-up: {synapses} synapses needed, {synapses - 1} available"),
    ):
        with pytest.raises(DoesNotFit) as error:
            require_room(network, board)
        assert str(error.value) == f"{message} (hint: --length 4 fits, or --profile loihi2)"


@pytest.mark.parametrize("by", [0, 1], ids=["neurons", "synapses"])
@pytest.mark.parametrize("short", [0, 1], ids=["all", "one-short"])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_hint_is_the_largest_length_that_fits(network, length, short, by):
    def of(n):
        return replace(network, network=network.network.at_length(n))

    needed, plenty = materialised(of(length)), [1 << 30, 1 << 30]
    plenty[by] = needed[by] - short
    fits = length - short
    way_out = f"--length {fits} fits, or --profile loihi2" if fits else "a smaller model or --profile loihi2"
    with pytest.raises(DoesNotFit) as error:
        require_room(network, supply(*plenty))
    assert str(error.value).endswith(f"(hint: {way_out})")
    if fits:
        require_room(of(fits), supply(*plenty))


def test_a_network_of_no_texts_has_no_length_to_cut():
    net = Net()
    net.count(net.lif("a", same(net.input("x", features=9)), keep=0, vth=1))
    with pytest.raises(DoesNotFit, match=r"made-up: 9 neurons needed, 8 available \(hint: a smaller model or --profile loihi2\)"):
        require_room(schedule(net.network(), Windows(2)), supply(8, 99))


def _wide():
    net = Net()
    x = net.input("x", features=3)
    a = net.lif("a", linear(x, np.ones((2, 3), int), 5).scaled(2), keep=3000, vth=100, keep_u=2000)
    net.readout("out", linear(a, np.ones((2, 2), int), 7))
    found = schedule(net.network(), Windows(4))
    biased = tuple(replace(p, neuron=replace(p.neuron, bias=Bias(9, 3))) if p.name == "a" else p for p in found.network.populations)
    return replace(found, network=replace(found.network, populations=biased))


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(vth_bits=6), "a: vth is 100, the chip holds up to 63"),
        (dict(decay_bits=11), "a: keep is 3000, the chip holds up to 2048"),
        (dict(bias_mantissa_bits=3), "a: bias mantissa is 9, the chip holds up to 7"),
        (dict(bias_exponent_max=2), "a: bias exponent is 3, the chip holds up to 2"),
        (dict(weight_bits=3), "a: weight from x is 5, the chip holds up to 3"),
        (dict(weight_exponent_max=1), "a: weight exponent from x is 2, the chip holds up to 1"),
    ],
)
def test_registers_that_are_too_narrow_are_named(changes, message):
    require_room(_wide(), load("loihi2"))
    with pytest.raises(DoesNotFit) as error:
        require_room(_wide(), replace(load("loihi2"), **changes))
    assert str(error.value) == f"loihi2: {message}"


def test_a_readout_needs_a_threshold_that_nothing_reaches():
    """2 neurons of weight 7 in each of 4 steps."""
    (out,) = (p for p in _wide().network.populations if p.name == "out")
    others = replace(_wide(), network=replace(_wide().network, populations=tuple(_less(p) for p in _wide().network.populations)))
    assert out.neuron.vth >= 56
    require_room(others, replace(load("loihi2"), vth_bits=6))
    with pytest.raises(DoesNotFit, match="out: vth that no input reaches is 56, the chip holds up to 31"):
        require_room(others, replace(load("loihi2"), vth_bits=5))


def _less(p):
    return replace(p, neuron=replace(p.neuron, vth=20)) if p.name == "a" else p


def test_auto_takes_the_smallest_board_and_its_slices():
    program, _ = random_network.draw(0)
    board, found = smallest(program)
    assert board.name == "loihi2" and found.partition.profile is board
    assert placed(found, uniform_rates(program)).cores == found.cores


def relays(features):
    net = Net()
    net.count(net.lif("a", same(net.input("x", features=features), 2), keep=0, vth=1))
    return schedule(net.network(), Windows(2))


def test_auto_goes_on_to_a_larger_board():
    assert smallest(relays(1_000_000))[0].name == "kapoho-point"


def test_auto_tells_the_last_refusal(monkeypatch):
    monkeypatch.setattr(auto, "boards", lambda: [supply(5, 9), replace(supply(7, 9), name="larger")])
    with pytest.raises(DoesNotFit, match="larger: 8 neurons needed, 7 available"):
        smallest(relays(8))
