"""What is said to be exact: every spike of the float64 run, on every executor asked, for random networks and inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nir_files import DT, cell, chain, conv, delay, end, linear, pool, threshold, write

from tritspike.compiler.frontend.nir import build
from tritspike.compiler.frontend.nir.floats import run as run_floats
from tritspike.compiler.lower import lower_network
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays

RNG = np.random.default_rng(3)
BEGIN = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def begins_again():
    """Each test has the same numbers, whichever ran before."""
    RNG.bit_generator.state = BEGIN


def built(tmp_path, nodes, edges, steps=None):
    return build(write(tmp_path / "net.nir", nodes, edges), DT, "euler", steps)


def compared(found, samples=6, steps=40, rate=0.3, executors=("fast", "reference"), seed=0) -> int:
    """Spikes and membranes of all layers; how many spikes there were in those that fire by themselves."""
    rng = np.random.default_rng(seed)
    played = {a.name: rng.random((samples, steps, a.size)) < rate for a in found.floats.layers if a.plays}
    theirs, program = run_floats(found.floats, played), lower_network(found.network, found.timing)
    units = {m.layer.name: m.grid.units for m in found.made}
    for executor in executors:
        ours = arrays.run(program, played, executor, How(), record=True)
        for layer in found.floats.layers:
            if layer.threshold is not None:
                assert (ours.spikes[layer.name] == theirs[layer.name]).all(), (executor, layer.name)
        for read in found.floats.read:
            if read.name in ours.read and theirs[read.layer].dtype == np.float64:
                last = theirs[read.layer] if ours.read[read.name].ndim == 3 else theirs[read.layer][:, -1]
                assert (ours.read[read.name] == last * units[read.layer] * 64).all(), (executor, read.name)
    return sum(int(theirs[a.name].sum()) for a in found.floats.layers if not a.plays and a.threshold is not None)


def grid_weights(rng, rows, columns, fine=8):
    return rng.integers(-40, 60, (rows, columns)) / fine


@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF", "Threshold"])
@pytest.mark.parametrize("steps", [None, 40])
def test_layers_without_leak_or_without_memory(kind, steps, tmp_path):
    layer = threshold(2.3, 9) if kind == "Threshold" else cell(kind, 9, v_threshold=2.3)
    nodes = {"in": end("Input", 5), "w": linear(grid_weights(RNG, 9, 5)), "a": layer, "out": end("Output", 9)}
    found = built(tmp_path, nodes, chain("in", "w", "a", "out"), steps)
    assert found.exact and found.made[0].grid.vth.max() == found.made[0].grid.vth.min()
    assert compared(found) > 100


@settings(max_examples=25)
@given(st.integers(0, 1 << 30))
def test_any_exact_network(tmp_path_factory, seed):
    """Two layers, a recurrence, a skip path, delays, resets that are shifted, biases, several thresholds."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 7, 2)
    kinds = rng.choice(["IF", "LIF", "CubaLIF"], 2)
    reset = rng.integers(-2, 1, n) / 2
    one = cell(str(kinds[0]), int(n), v_threshold=rng.integers(1, 9, n) / 3, v_reset=reset, **({"v_leak": 0.25} if kinds[0] != "IF" else {}))
    two = cell(str(kinds[1]), int(m), v_threshold=1.5)
    nodes = {"in": end("Input", 4), "w": linear(grid_weights(rng, n, 4), rng.integers(-4, 5, n) / 4), "a": one, "b": two, "out": end("Output", m)}
    nodes |= {"back": linear(grid_weights(rng, n, n)), "v": linear(grid_weights(rng, m, n)), "skip": linear(grid_weights(rng, m, 4))}
    nodes |= {"wait": delay(rng.integers(0, 4, 4) * DT, 4), "scale": {"type": "Scale", "scale": rng.integers(1, 3, m) / 2}}
    edges = [*chain("in", "w", "a", "v", "scale", "b", "out"), *chain("a", "back", "a"), *chain("in", "wait", "skip", "b")]
    found = built(tmp_path_factory.mktemp("nir"), nodes, edges)
    assert found.exact, [str(m) for m in found.made]
    compared(found, samples=3, steps=25, seed=seed)


def test_convolution_pools_and_flatten_are_one_matrix(tmp_path):
    picture = RNG.integers(-8, 9, (3, 2, 3, 3)) / 8
    nodes = {
        "in": end("Input", 2, 8, 8),
        "c": conv(picture, RNG.integers(-2, 3, 3) / 8, stride=np.array([1, 1]), padding=np.array([1, 1])),
        "a": cell("IF", (3, 8, 8), v_threshold=0.9),
        "p": pool("SumPool2d", 2),
        "q": pool("AvgPool2d", 2),
        "flat": {"type": "Flatten", "start_dim": 0, "end_dim": -1},
        "w": linear(grid_weights(RNG, 5, 3 * 2 * 2, 4)),
        "b": cell("LIF", 5, v_threshold=1.0),
        "out": end("Output", 5),
    }
    found = built(tmp_path, nodes, chain("in", "c", "a", "p", "q", "flat", "w", "b", "out"))
    assert found.exact and compared(found, samples=2, steps=12) > 50


def test_matrices_are_those_that_torch_makes():
    torch = pytest.importorskip("torch")
    from tritspike.compiler.frontend.nir.matrices import matrix, shape_behind
    from tritspike.compiler.frontend.nir.nodes import Convolution

    for groups, stride, padding, dilation in ((1, (1, 2), (1, 0), (1, 1)), (2, (2, 1), (0, 2), (2, 1)), (2, (1, 1), None, (1, 2))):
        weight = RNG.standard_normal((4, 4 // groups, 3, 2))
        node = Convolution(
            name="c", kind="Conv2d", weight=weight, bias=RNG.standard_normal(4), stride=stride, padding=padding, dilation=dilation, groups=groups
        )
        x = RNG.standard_normal((4, 7, 6))
        out = shape_behind(node, x.shape)
        weights, bias = matrix(node, x.shape, out)
        layer = torch.nn.functional.conv2d(
            torch.tensor(x)[None], torch.tensor(weight), torch.tensor(node.bias), stride, "same" if padding is None else padding, dilation, groups
        )
        assert layer.shape[1:] == out and np.allclose((weights @ x.ravel() + bias).reshape(out), layer[0].numpy())


def test_membranes_that_are_read(tmp_path):
    """LI, I and weights alone before an Output; a membrane that keeps all needs windows."""
    for layer, steps in ((cell("LI", 3), None), (cell("I", 3), 20), (cell("CubaLI", 3), None), (None, None), (None, 20)):
        nodes = {"in": end("Input", 4), "w": linear(grid_weights(RNG, 3, 4), [0.5, 0, -0.25]), "out": end("Output", 3)}
        nodes |= {} if layer is None else {"li": layer}
        found = built(tmp_path, nodes, chain("in", "w", *([] if layer is None else ["li"]), "out"), steps)
        assert found.exact
        compared(found, steps=20)


def test_inner_graphs_are_taken_apart(tmp_path):
    inner = {"nodes": {"input": end("Input", 99), "lif": cell("LIF", 6), "rec": linear(grid_weights(RNG, 6, 6)), "output": end("Output", 6)}}
    inner["edges"] = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    nodes = {"in": end("Input", 4), "w": linear(grid_weights(RNG, 6, 4)), "g": inner, "out": end("Output", 6)}
    found = built(tmp_path, nodes, chain("in", "w", "g", "out"))
    assert [m.layer.name for m in found.made] == ["g/lif"]
    assert found.floats.notes[0] == "g/input: declares shape (99,), and hears (6,): what it hears is taken"
    assert compared(found) > 50


def test_weights_of_more_than_eight_bits_take_two_planes(tmp_path):
    wide = RNG.integers(-8000, 16000, (4, 6)) / 1024
    nodes = {"in": end("Input", 6), "w": linear(wide), "a": cell("IF", 4, v_threshold=20), "out": end("Output", 4)}
    found = built(tmp_path, nodes, chain("in", "w", "a", "out"), 40)
    assert found.exact and found.made[0].planes == 2 and len(found.network.synapses) == 2
    assert compared(found) > 20


def test_a_bias_that_fires_alone_is_silent_before_the_first_step(tmp_path):
    """In a loop whose layer is three steps deep: spikes of the steps before would be on their way."""
    eye = np.eye(3)
    nodes = {"in": end("Input", 3), "out": end("Output", 3)} | {f"w{n}": linear(eye, [1.5, 0, 0.5]) for n in range(3)}
    nodes |= {f"a{n}": cell("IF", 3) for n in range(3)} | {"back": linear(-eye)}
    edges = [*chain("in", "w0", "a0", "w1", "a1", "w2", "a2", "out"), *chain("a2", "back", "a2")]
    found = built(tmp_path, nodes, edges)
    assert found.exact and compared(found, rate=0.1) > 50


def test_it_says_for_how_long_it_is_exact(tmp_path):
    nodes = {"in": end("Input", 2), "w": linear([[-1, 1]]), "a": cell("IF", 1, v_threshold=3), "out": end("Output", 1)}
    edges = chain("in", "w", "a", "out")
    assert built(tmp_path, nodes, edges).made[0].lasts == 131071
    assert built(tmp_path, nodes, edges, 1000).made[0].lasts is None
