"""Floats on the chip's grid: what a float network fires, the rounded one fires too, where weights are far from the rounding's size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tritspike.compiler import pipeline
from tritspike.compiler.errors import CompileError
from tritspike.compiler.passes.quantize import Quantize
from tritspike.runtime import arith
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Resets, Values
from tritspike.runtime.network.terms import linear, same


def floats(seed: int):
    """A network written with whole numbers, which are then replaced by floats; (network, its float arrays)."""
    rng, net = np.random.default_rng(seed), Net()
    x = net.input("x", features=20)
    hidden = net.lif("hidden", linear(x, np.ones((12, 20), int)), keep=1, vth=1)
    out = net.lif(
        "out", linear(hidden, np.ones((5, 12), int)) + same(net.lif("skip", linear(x, np.ones((5, 20), int)), keep=1, vth=1)), keep=1, vth=1
    )
    net.count(out)
    network = net.network()
    weights = {s.name: rng.normal(0, 0.3, s.wiring.codes.shape) for s in network.synapses if s.wiring.shared is None}
    biases = {p.name: rng.normal(0, 0.1, p.size) for p in network.populations if p.neuron is not None}
    synapses = tuple(
        replace(s, wiring=replace(s.wiring, codes=weights[s.name])) if s.name in weights else replace(s, wiring=replace(s.wiring, weight=0.7))
        for s in network.synapses
    )
    populations = tuple(p if p.neuron is None else replace(p, neuron=_neuron(p, biases[p.name])) for p in network.populations)
    return replace(network, synapses=synapses, populations=populations), weights, biases


def _neuron(p, bias) -> Neuron:
    return Neuron(keep=0.75, vth=0.9, bias=Bias(Values((p.grid[-1].name,), bias)), resets=Resets.WINDOW)


def fired(weights, biases, spikes) -> dict:
    """The float rule, in float64: (windows, steps, neurons) of each population."""

    def lif(total, bias):
        v, found = np.zeros(total[:, 0].shape), np.zeros(total.shape, bool)
        for t in range(total.shape[1]):
            v = 0.75 * v + total[:, t] + bias
            found[:, t] = v > 0.9
            v = np.where(found[:, t], 0, v)
        return found

    hidden, skip = (lif(spikes @ weights[f"{name}<x"].T, biases[name]) for name in ("hidden", "skip"))
    return {"hidden": hidden, "skip": skip, "out": lif(hidden @ weights["out<hidden"].T + 0.7 * skip, biases["out"])}


@pytest.mark.parametrize("bits, least", [(8, 0.985), (4, 0.85)])
def test_a_float_network_fires_as_it_did(bits, least):
    rates = []
    for seed in range(8):
        network, weights, biases = floats(seed)
        program = pipeline.run(network, Windows(6), passes=(Quantize(bits), *pipeline.OWN)).scheduled()
        spikes = np.random.default_rng(seed).random((20, 6, 20)) < 0.4
        found, expected = literal.run(program, Spikes.of({"x": spikes}), record=True).spikes, fired(weights, biases, spikes)
        assert expected["out"].any()
        rates += [(found[name] == expected[name]).mean() for name in expected]
    assert np.mean(rates) >= least


def test_the_scale_is_as_large_as_some_limit_allows():
    network, _, _ = floats(1)
    made = pipeline.run(network, Windows(6), passes=(Quantize(), *pipeline.OWN))
    for p in made.network.populations:
        if p.name in ("hidden", "out"):
            most = max(map(abs, made.network.input_bounds(p.name)))
            near = [p.neuron.vth / arith.VTH_LIMIT, most / arith.A_LIMIT, np.abs(p.neuron.bias.mantissa.numbers).max() / arith.BIAS_MANTISSA_LIMIT]
            heavy = [s.wiring.largest * (1 << s.exponent) / (127 << 7) for s in made.network.inputs(p.name)]
            assert max(*near, *heavy) > 0.49 and any(note.startswith(f"quantize: {p.name}: ") for note in made.notes)


@pytest.mark.parametrize(
    "words, said",
    [
        ("quantise", "pass 'quantise' is unknown (hint: some of quantize, fold-registers"),
        ("quantize{bits=9}", "quantize: 9 bits (hint: 2..8)"),
        ("quantize{bits=1}", "quantize: 1 bits (hint: 2..8)"),
        ("quantize{bits=x}", "quantize: option 'bits=x' (hint: bits=N)"),
        ("quantize{size=4}", "quantize: option 'size=4' (hint: bits=N)"),
        ("fold-registers{a=1}", "fold-registers: option 'a=1' (hint: it has no options)"),
        ("quantize{bits=4", "pass 'quantize{bits=4' is unknown"),
    ],
)
def test_what_a_shell_may_say(words, said):
    with pytest.raises(CompileError) as refusal:
        pipeline.run(floats(0)[0], Windows(3), passes=pipeline.named(words))
    assert str(refusal.value).startswith(said)


def test_options_are_taken():
    assert pipeline.named("quantize{bits=4}, fold-registers,") == (Quantize(4), pipeline.PASSES["fold-registers"])


def test_numbers_that_are_not_finite_are_refused():
    network, _, _ = floats(0)
    first = network.synapses[0]
    spoiled = replace(first, wiring=replace(first.wiring, codes=first.wiring.codes * np.inf))
    with pytest.raises(CompileError, match=f"{first.target}: numbers that are not finite"):
        pipeline.run(replace(network, synapses=(spoiled, *network.synapses[1:])), Windows(3), passes=(Quantize(),))


def test_floats_without_the_pass_are_no_network():
    with pytest.raises(CompileError, match=r"hidden: keep is 0\.75, allowed a whole number.* \(hint: quantize\{bits=8\} before the other passes"):
        pipeline.run(floats(0)[0], Windows(3), passes=pipeline.OWN)
