"""Networks that snnTorch, SpikingJelly and Norse trained and exported themselves, against the libraries' own forward pass on the same input.

Needs TORCH_LIBS_PYTHON, a Python that has them: `make .venv/.torch-libs`. None is imported here.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from command import ROOT

from benchmarks.libraries import STEP, UNLIKE, exported, made
from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir import build
from tritspike.compiler.frontend.nir.nodes import Cell
from tritspike.compiler.frontend.nir.reading import read

pytestmark = pytest.mark.skipif("TORCH_LIBS_PYTHON" not in os.environ, reason="TORCH_LIBS_PYTHON names no Python with these libraries")

WHOLE = "IFNode, weights in sixteenths, v_threshold 31/32"
LIKE = {  # networks that do what their files say
    "snntorch": ["Leaky, zero", "Leaky, zero, convolution", "RLeaky, zero, reset_delay=False", "Synaptic, zero, reset_delay=False"],
    "spikingjelly": ["LIFNode", "LIFNode, convolution", "IFNode", WHOLE],
    "norse": ["LIFBoxCell", "LIFBoxCell, convolutions, input_shape set", "LIFCell, w_in = tau_syn/dt set"],
}
OTHERS = {
    "snntorch": ["Synaptic, zero", "Leaky, subtract (default)"],
    "spikingjelly": ["IFNode, weights in sixteenths, v_threshold 1"],
    "norse": ["LIFCell", "LIFBoxCell, reset_subtract"],
}
SOFT = {"snntorch": ("Leaky, zero", "Leaky, subtract (default)"), "norse": ("LIFBoxCell", "LIFBoxCell, reset_subtract")}
REFUSED = "LIFNode, v_reset=None"
HIDDEN, OUTPUT = 0.99, 0.98  # of spikes that are in both, at least; measured 0.9970 and 0.9941 in the worst case
FLOATS = 0.9999  # of the file in float64, where the library has float32


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """By a library's name (what it said, its networks by name); each is asked once."""
    known = {}

    def ask(name: str):
        if name == "spikingjelly" and sys.version_info < (3, 11):
            pytest.skip("SpikingJelly 2.0.0 needs Python 3.11")
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            said = made(os.environ["TORCH_LIBS_PYTHON"], name, folder)
            known[name] = said, {one.name: one for one in exported(said, name, folder)}
        return known[name]

    return ask


def each(table):
    return [(name, network) for name, networks in table.items() for network in networks]


@pytest.mark.parametrize("name", STEP)
def test_the_lists_are_whole(name, library):
    said, networks = library(name)
    assert sorted(networks) == sorted(LIKE[name] + OTHERS[name]) and set(OTHERS[name]) <= set(UNLIKE)
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line and ";" not in line)
    assert {some: said["versions"][some] for some in (name, "nir", "nirtorch")} == {some: pinned[some] for some in (name, "nir", "nirtorch")}


@pytest.mark.parametrize("name, network", each(LIKE))
def test_a_lowered_network_is_the_library_s(name, network, library):
    one = library(name)[1][network]
    ours = one.spikes()
    *hidden, output = one.matches(ours)
    assert min(m.share for m in hidden) >= HIDDEN and output.share >= OUTPUT and min(m.either for m in (*hidden, output)) > 2000
    assert min(m.share for m in one.matches(one.floats())) >= FLOATS
    assert abs(one.accuracy(ours) - one.accuracy(one.fired)) <= 0.01 and one.accuracy(one.fired) > 0.8


@pytest.mark.parametrize("name, network", each(LIKE))
def test_the_reference_fires_alike(name, network, library):
    one = library(name)[1][network]
    quick, literal = one.spikes("fast", 40), one.spikes("reference", 40)
    assert all(np.array_equal(quick[layer], literal[layer]) and quick[layer].any() for layer in one.fired)


def test_weights_on_a_grid_give_every_spike(library):
    one = library("spikingjelly")[1][WHOLE]
    ours = one.spikes()
    assert one.found.exact and all(np.array_equal(ours[layer], theirs) for layer, theirs in one.fired.items())


@pytest.mark.parametrize("name, network", each(OTHERS))
def test_what_a_file_does_not_say_is_lost(name, network, library):
    """And how much of it: the file's own float run is as far off, so that no lowering could have kept it."""
    one = library(name)[1][network]
    for ours, floats in zip(one.matches(one.spikes()), one.matches(one.floats())):
        assert ours.share < 0.9 and abs(ours.share - floats.share) < 0.01


@pytest.mark.parametrize(
    "name, network, told",
    [
        ("snntorch", "Leaky, subtract (default)", "a reset by subtraction, snnTorch's default, looks the same in NIR"),
        ("norse", "LIFBoxCell, reset_subtract", "a reset by subtraction, snnTorch's default, looks the same in NIR"),
        ("spikingjelly", "IFNode, weights in sixteenths, v_threshold 1", "_1, _3: a membrane may come to the threshold itself"),
        ("norse", "LIFCell", "1, 3: w_in is 1, of which a step brings dt/tau_syn"),
    ],
)
def test_the_report_says_what_to_look_at(name, network, told, library):
    assert told in "\n".join(library(name)[1][network].found.lines())


@pytest.mark.parametrize("name", SOFT)
def test_a_reset_by_subtraction_is_not_in_a_file(name, library):
    """Every field of every neuron is alike: nothing could be refused."""
    hard, soft = (read(library(name)[1][network].path).nodes for network in SOFT[name])
    cells = [(hard[n], soft[n]) for n in hard if isinstance(hard[n], Cell)]
    assert len(cells) == 2
    for a, b in cells:
        assert vars(a).keys() == vars(b).keys() and all(np.array_equal(vars(a)[field], vars(b)[field]) for field in vars(a))


def test_spikingjelly_itself_refuses_a_soft_reset(library):
    kinds = library("spikingjelly")[0]["kinds"]
    assert {network: told for network, told in kinds.items() if told} == {REFUSED: "NIR does not distinguish soft reset."}


@pytest.mark.parametrize("name, network", [("spikingjelly", "LIFNode"), ("norse", "LIFBoxCell")])
def test_a_file_that_does_not_tell_its_step_is_refused_with_the_writers_own(name, network, library):
    with pytest.raises(CompileError, match=r"SpikingJelly mean dt 1e-4 and euler, Norse 1e-3, or 1e-6 as its 1\.1\.0 exports"):
        build(library(name)[1][network].path)


@pytest.mark.parametrize("name, network", [("snntorch", "Leaky, zero"), ("spikingjelly", "IFNode")])
def test_a_file_that_tells_needs_no_option(name, network, library):
    steps = build(library(name)[1][network].path).floats.steps
    assert (steps.dt, steps.convention) == (1e-4, "euler")


def test_lava_fires_alike(library):
    pytest.importorskip("lava.magma", reason="lava-nc is not installed")
    one = library("snntorch")[1]["Leaky, zero"]
    stock, quick = one.spikes("lava", 3), one.spikes("fast", 3)
    assert all(np.array_equal(stock[layer], quick[layer]) and quick[layer].any() for layer in one.fired)
