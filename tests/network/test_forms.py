"""A record that somebody wrote by hand and that holds something else than its field says is refused in one line, before anything is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tritspike import net as tn
from tritspike.compiler.errors import CompileError
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.network import Network
from tritspike.runtime.network.wiring import Dense, Join, Sparse
from tritspike.runtime.network.wiring.maps import At, Follow


def network() -> Network:
    net = tn.Net()
    x = net.input("x", position=3, features=4)
    net.readout("r", tn.linear(net.lif("h", tn.same(x, 9), keep=0, vth=1, bias=8), np.ones((2, 12), int)))
    return net.network()


def neuron(**changed) -> Network:
    found = network()
    x, h, r = found.populations
    return replace(found, populations=(x, replace(h, neuron=replace(h.neuron, **changed)), r))


def synapse(**changed) -> Network:
    found = network()
    return replace(found, synapses=(replace(found.synapses[0], **changed), found.synapses[1]))


def population(**changed) -> Network:
    found = network()
    return replace(found, populations=(*found.populations, replace(found.populations[1], **{"name": "more", **changed})))


CASES = {
    "a reset that is a word": (lambda: neuron(resets="never"), "h: resets is 'never', allowed Resets.WINDOW, Resets.SEQUENCE, Resets.NEVER"),
    "no reset": (lambda: neuron(resets=None), "h: resets is None"),
    "a register that is a word": (lambda: neuron(keep="all"), "h: keep is 'all', allowed a whole number, or Values"),
    "a register that is a truth value": (lambda: neuron(vth=True), "h: vth is True"),
    "a register of a list": (lambda: neuron(keep=tn.Values(("features",), [1, 2, 3, 4])), "h: keep is Values"),
    "a bias that is a number": (lambda: neuron(bias=3), "h: bias is 3, allowed a Bias"),
    "a bias of words": (lambda: neuron(bias=tn.Bias("a")), "h: bias is 'a'"),
    "a bias shifted back": (lambda: neuron(bias=tn.Bias(4, -1)), "h: exponent of its biases is -1, allowed a whole number in 0..62"),
    "a bias shifted out of 64 bits": (lambda: neuron(bias=tn.Bias(5, 99)), "h: exponent of its biases is 99"),
    "a weight as large as memory": (lambda: synapse(exponent=1 << 39), "h<x: exponent is 549755813888, allowed a whole number in 0..62"),
    "an exponent that is a word": (lambda: synapse(exponent="a"), "h<x: exponent is 'a'"),
    "a delay that is a fraction": (lambda: synapse(delay=0.5), "h<x: delay is 0.5"),
    "no wiring": (lambda: synapse(wiring=None), "h<x: wiring is None, allowed Dense, Join or Sparse"),
    "a weight that is a fraction": (lambda: synapse(wiring=Join(1.5, {})), "h<x: weight is 1.5"),
    "a rule that is a word": (lambda: synapse(wiring=Join(1, {"position": "sum"})), "h<x: what it reads along position is 'sum'"),
    "an offset that is a fraction": (lambda: synapse(wiring=Join(1, {"position": Follow("position", 1, 0.5)})), "h<x: what it reads along position"),
    "a place that is a word": (lambda: synapse(wiring=Join(1, {"position": At("a")})), "h<x: what it reads along position"),
    "codes of a list": (lambda: synapse(wiring=Dense([[1]], np.ones(1, np.int64), {})), "h<x: wiring is list, ndarray, allowed arrays of numbers"),
    "weights of words": (lambda: synapse(wiring=Sparse(np.array(["a"]), np.zeros(1, int), np.zeros(1, int), (1, 1))), "h<x: wiring is ndarray"),
    "a neuron that is a word": (lambda: population(neuron="relay"), "more: neuron is 'relay', allowed a Neuron"),
    "no grid": (lambda: population(grid="features"), "more: grid is 'features', allowed a tuple of axes"),
    "half a cell": (lambda: population(grid=(tn.Axis("a", 0.5),)), "more: cells of a is 0.5"),
    "an axis without a name": (lambda: population(grid=(tn.Axis("", 5),)), "more: an axis is '', allowed 1 to 500 printable characters"),
    "a name of two lines": (lambda: population(name="a\nb"), "network: a name is 'a\\nb', allowed 1 to 500 printable characters"),
    "a name that is a number": (lambda: population(name=3), "network: a name is 3"),
    "a probe of words": (lambda: replace(network(), probes=(replace(network().probes[0], reads="membrane"),)), "r: what it reads is 'membrane'"),
}


ROUNDING = "quantize{bits=4},fold-registers,assign-latencies,insert-relays,prove-ranges"  # a fraction is what it rounds
TRIED = [(name, passes) for name in CASES for passes in (None, ROUNDING) if not (passes and name == "a weight that is a fraction")]


@pytest.mark.parametrize("name, passes", TRIED)
def test_what_is_no_such_record_is_refused(name, passes):
    made, message = CASES[name]
    with pytest.raises(CompileError) as error:
        tn.lower(made(), tn.Windows(4), passes)
    assert message in str(error.value)


def test_executors_refuse_it_too():
    program = tn.lower(network(), tn.Windows(4))
    changed = replace(program, network=neuron(resets="never"))
    for executor in ("fast", "reference"):
        with pytest.raises(InputError, match="h: resets is 'never'"):
            tn.run(changed, {"x": np.ones((1, 4, 3, 4), bool)}, executor)


@pytest.mark.parametrize("bias", [tn.Bias(5, 61), tn.Bias(1 << 40, 40), tn.Bias(-(1 << 62), 1)])
def test_biases_too_large_for_any_register_are_not_lost(bias):
    with pytest.raises(CompileError, match=r"h: biases up to [0-9]+ are not multiples of one power of two"):
        tn.lower(neuron(bias=bias), tn.Windows(4))


def test_what_has_long_names_is_read_again(tmp_path):
    net = tn.Net()
    net.count(net.lif("h" * 190, tn.same(net.input("x" * 190, features=2), 9), keep=0, vth=1))
    tn.save(tn.lower(net, tn.Windows(2)), tmp_path / "n.tsn")
    assert tn.load(tmp_path / "n.tsn").network.neurons() == 2
