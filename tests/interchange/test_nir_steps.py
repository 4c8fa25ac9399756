"""Seconds to steps: each writer's marks, what is ambiguous, what the options decide; and what is refused by name."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from nir_files import cell, chain, conv, delay, end, linear, threshold, write

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir import build
from tritspike.compiler.frontend.nir.floats import run as run_floats
from tritspike.compiler.frontend.nir.reading import read
from tritspike.compiler.frontend.nir.steps import CONVENTION, DT, steps_of
from tritspike.compiler.lower import lower_network
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays


def graph(tmp_path, *layers, metadata=None):
    """Layers of 2 neurons one after another."""
    names = [f"a{n}" for n in range(len(layers))]
    nodes = {"in": end("Input", 2), "w": linear(np.eye(2)), "out": end("Output", 2)} | dict(zip(names, layers))
    if metadata:
        nodes["in"]["metadata"] = metadata
    edges = chain("in", "w", names[0]) + [e for a, b in pairwise(names) for e in chain(a, f"w{b}", b)] + chain(names[-1], "out")
    nodes |= {f"w{b}": linear(np.eye(2)) for b in names[1:]}
    return write(tmp_path / "net.nir", nodes, edges)


def leaky(tau, r, kind="LIF"):
    return cell(kind, 2, r=r, **({"tau": tau} if kind == "LIF" else {"tau_mem": tau, "tau_syn": tau}))


def found(path, dt=None, convention=None):
    s = steps_of(read(path), dt, convention)
    return s.dt, s.convention


def test_each_writer_s_marks(tmp_path):
    dt = 1e-4
    snntorch = [leaky(tau, tau / dt, kind) for tau, kind in ((9.7e-4, "LIF"), (3.1e-4, "CubaLIF"))]
    rockpool = [leaky(tau, tau * math.exp(-dt / tau) / dt) for tau in (2.5e-3, 7e-4)]
    assert found(graph(tmp_path, *snntorch)) == (1e-4, "euler")
    assert found(graph(tmp_path, *rockpool)) == (1e-4, "exp")
    assert found(graph(tmp_path, rockpool[0])) == (1e-4, "exp") and found(graph(tmp_path, snntorch[0])) == (1e-4, "euler")
    assert found(graph(tmp_path, cell("IF", 2, r=1e4))) == (1e-4, "euler")
    assert found(graph(tmp_path, cell("IF", 2, r=1))) == found(graph(tmp_path, threshold(1, 2))) == (1.0, "euler")
    ours = {DT: 0.25, CONVENTION: "exp"}
    assert found(graph(tmp_path, leaky(2.0, 1.0), metadata=ours)) == (0.25, "exp")


def test_thirty_two_bits_are_near_enough(tmp_path):
    tau = np.float32(np.array([2.2222e-4, 3.3333e-4]))
    assert found(graph(tmp_path, leaky(tau, np.float32(tau / 1e-4)))) == (1e-4, "euler")


@pytest.mark.parametrize(
    "layers, told",
    [
        ([leaky(2.5e-3, 1.0)], r"a0: tau 0.0025 s, r 1\) \(hint: --dt SECONDS and --convention euler\|exp; snnTorch"),
        ([leaky(2.5e-3, 25.0), leaky(2.5e-3, 20.0)], "the file does not tell"),
        ([leaky(10.0, 0.9)], "the file does not tell"),
    ],
)
def test_what_does_not_tell_is_refused(layers, told, tmp_path):
    path = graph(tmp_path, *layers)
    with pytest.raises(CompileError, match=told):
        build(path)
    assert found(path, 1e-3, "exp") == (1e-3, "exp")


def test_one_option_has_to_fit_what_the_file_tells(tmp_path):
    path = graph(tmp_path, leaky(2.5e-3, 25.0))
    assert found(path, 1e-4) == found(path, None, "euler") == (1e-4, "euler")
    for given in ((2e-4, None), (None, "exp")):
        with pytest.raises(CompileError, match=r"with (dt 0.0002|convention exp), the file does not tell"):
            found(path, *given)
    assert found(path, 2e-4, "exp") == (2e-4, "exp")


def test_both_conventions_keep_what_they_say(tmp_path):
    for convention, kept in (("euler", 1 - 0.4), ("exp", math.exp(-0.4))):
        made = build(graph(tmp_path, leaky(2.5e-3, 1.0)), 1e-3, convention)
        layer = made.floats.layers[1]
        assert layer.keep[0] == pytest.approx(kept, abs=1e-15) and made.floats.ways[0].weights[0, 0] == pytest.approx(1 - kept)
        assert made.made[0].grid.keep[0] == round(kept * 4096) and not made.exact


def built(tmp_path, nodes, edges, **more):
    nodes = {"in": end("Input", 2), "w": linear(np.eye(2)), "out": end("Output", 2)} | nodes
    return build(write(tmp_path / "net.nir", nodes, edges), 1e-3, "euler", **more)


@pytest.mark.parametrize(
    "nodes, edges, told",
    [
        (
            {"a": cell("LIF", 2, v_threshold=-1)},
            chain("in", "w", "a", "out"),
            "a: threshold above where the membrane is reset is -1, allowed 0 or more",
        ),
        ({"a": cell("LIF", 2, v_reset=2)}, chain("in", "w", "a", "out"), "a: threshold above where the membrane is reset is -1"),
        ({"a": cell("LI", 2), "b": cell("LIF", 2)}, chain("in", "w", "a", "b", "out"), "a: LI before b is a graded value"),
        ({"a": cell("CubaLI", 2), "v": linear(np.eye(2))}, chain("in", "w", "a", "v", "out"), "a: CubaLI before v is a graded value"),
        ({"d": delay(1.5e-3, 2), "a": cell("IF", 2)}, chain("in", "d", "w", "a", "out"), "d: delay is 1.5 steps, allowed whole steps of 0.001 s"),
        ({"d": delay(1.5, 2), "a": cell("IF", 2)}, chain("in", "d", "w", "a", "out"), "d: delay is 1500 steps, .*up to 1000"),
        ({"d": delay(1e-3, 2), "w": linear(np.eye(2), [1, 1]), "a": cell("IF", 2)}, chain("in", "w", "d", "a", "out"), "d: what it delays is a bias"),
        ({"a": cell("LIF", 2, tau=1e-4)}, chain("in", "w", "a", "out"), "a: tau is 0.0001 s, allowed at least a step, 0.001 s, in euler"),
        ({"a": cell("IF", 2), "i": end("Input", 2)}, chain("in", "w", "a", "out"), "i: nodes that hear it is none"),
        ({"a": cell("IF", 2), "v": linear(np.eye(2))}, [*chain("in", "w", "a", "out"), ("v", "w")], "v: nodes that it hears is none"),
        (
            {"a": cell("IF", 2), "v": linear(np.eye(2))},
            [*chain("in", "w", "a", "out"), ("w", "v"), ("v", "w")],
            "its circle is without a neuron in it",
        ),
        (
            {"a": cell("IF", 2), "b": cell("IF", 2)},
            [*chain("in", "w", "a", "b", "out"), ("b", "a")],
            r"b -> a: the delay of a loop through several layers is 1 steps, allowed 2 or more \(hint: a Delay node",
        ),
        ({"a": cell("IF", 3)}, chain("in", "w", "a", "out"), "a: numbers that it hears is 2, allowed 3|out: numbers that it hears is 3"),
        ({"w": linear(np.ones((2, 3))), "a": cell("IF", 2)}, chain("in", "w", "a", "out"), "w: numbers that it hears is 2, allowed 3"),
        ({"idle": cell("IF", 2), "steady": cell("LIF", 2)}, chain("in", "w", "idle", "out"), "steady: nodes that hear it is none"),
    ],
)
def test_what_a_chip_cannot_be_is_refused_by_name(nodes, edges, told, tmp_path):
    with pytest.raises(CompileError, match=told):
        built(tmp_path, nodes, edges)


def test_weights_of_no_common_grid_with_the_threshold_are_refused(tmp_path):
    edges = chain("in", "w", "a", "out")
    with pytest.raises(CompileError, match=r"a: its input, biases and decays against its threshold is .* times too large"):
        built(tmp_path, {"a": cell("LIF", 2, tau=3e-3, r=1e30)}, edges)
    found = built(tmp_path, {"a": cell("LIF", 2, tau=3e-3, v_threshold=[0, 1.5])}, edges)
    assert found.made[0].grid.vth[0] == 0 < found.made[0].grid.vth[1]


def test_all_is_said_at_once(tmp_path):
    nodes = {"a": cell("LIF", 2, v_threshold=-1, tau=1e-4), "b": cell("LI", 2), "c": cell("IF", 2)}
    with pytest.raises(CompileError) as refusal:
        built(tmp_path, nodes, chain("in", "w", "a", "b", "c", "out"))
    assert all(f"{name}: " in str(refusal.value) for name in "ab") and str(refusal.value).count("; ") == 2


def test_a_loop_with_a_delay_as_long_as_its_way(tmp_path):
    nodes = {"a": cell("IF", 2), "b": cell("IF", 2), "d": delay(2e-3, 2)}
    found = built(tmp_path, nodes, [*chain("in", "w", "a", "b", "out"), *chain("b", "d", "a")])
    assert found.exact and {s.delay for s in found.network.synapses} == {0, 2}


def test_windows_are_for_what_has_no_loop_and_no_delay(tmp_path):
    with pytest.raises(CompileError, match=r"in -> a: spikes that wait, and windows of different samples \(hint: no --steps"):
        built(tmp_path, {"d": delay(1e-3, 2), "a": cell("IF", 2)}, chain("in", "d", "w", "a", "out"), steps=8)


@pytest.mark.parametrize("kind, taus", [("LI", {"tau": 7e-3}), ("CubaLI", {"tau_mem": 7e-3, "tau_syn": 3e-3})])
def test_a_membrane_that_leaks_is_read_for_ever(kind, taus, tmp_path):
    """Whatever comes for however long: the reference would say where it fires or stops at its register's end."""
    found = built(tmp_path, {"w": linear([[90, 3], [-50, -80]], [4, -7]), "a": cell(kind, 2, v_leak=0.5, **taus)}, chain("in", "w", "a", "out"))
    program = lower_network(found.network, found.timing)
    read = arrays.run(program, {"in": np.ones((1, 400, 2), bool)}, "reference", How()).read["out"][0]
    units, last = found.made[0].grid.units[0], run_floats(found.floats, {"in": np.ones((1, 400, 2), bool)})["a"][0, -1]
    assert read[-1] == pytest.approx(last * units * 64, rel=1e-3) and np.abs(read).max() > 64 * 100_000


def test_a_membrane_that_keeps_all_needs_windows(tmp_path):
    found = built(tmp_path, {"a": cell("I", 2)}, chain("in", "w", "a", "out"))
    with pytest.raises(CompileError, match="what spikes can gather in a stream without resets in a membrane that is read"):
        lower_network(found.network, found.timing)


def pictured(tmp_path, *shape):
    weight = np.random.default_rng(3).integers(-3, 5, (2, 1, 2, 2))
    nodes = {"in": end("Input", *shape), "w": conv(weight), "a": cell("IF", (2, 2, 3), v_threshold=4), "out": end("Output", 2, 2, 3)}
    return build(write(tmp_path / "net.nir", nodes, chain("in", "w", "a", "out")), 1e-3, "euler")


def test_a_batch_of_one_is_no_axis_of_a_picture(tmp_path):
    """Norse writes the shape of the sample that it exports with."""
    (plain,), (batched,) = (pictured(tmp_path, *shape).floats.ways for shape in ((1, 3, 4), (1, 1, 3, 4)))
    assert plain.weights.shape == (12, 12) and plain.weights.nnz and (plain.weights != batched.weights).nnz == 0
    with pytest.raises(CompileError, match=r"w: what it hears is of shape \(2, 1, 3, 4\), allowed \(channels, height, width\)"):
        pictured(tmp_path, 2, 1, 3, 4)


def report(tmp_path, kind, metadata=None, **given):
    nodes = {"in": end("Input", 2), "w": linear(np.eye(2)), "a": cell(kind, 2, **given), "out": end("Output", 2)}
    if metadata:
        nodes["in"]["metadata"] = metadata
    options = () if metadata else (1e-3, "euler")
    return "\n".join(build(write(tmp_path / "net.nir", nodes, chain("in", "w", "a", "out")), *options).lines())


RESETS, TOUCHED, UNWEIGHED = "resets: a spike sets a membrane to v_reset", "a: a membrane may come to the threshold itself", "a: w_in is 1"


@pytest.mark.parametrize(
    "kind, given, told",
    [
        ("IF", {}, {RESETS, TOUCHED}),
        ("IF", {"v_threshold": 1.5}, {RESETS}),
        ("LIF", {"tau": 3e-3}, {RESETS}),
        ("CubaLIF", {"tau_syn": 3e-3}, {RESETS, UNWEIGHED}),
        ("CubaLIF", {"tau_syn": 3e-3, "w_in": 3.0}, {RESETS}),
        ("LI", {"tau": 3e-3}, set()),
    ],
)
def test_what_others_files_do_not_say_is_said(kind, given, told, tmp_path):
    assert {line for line in (RESETS, TOUCHED, UNWEIGHED) if line in report(tmp_path, kind, **given)} == told


def test_our_own_files_say_it(tmp_path):
    found = report(tmp_path, "IF", {DT: 1e-3, CONVENTION: "euler"})
    assert "a: 2 neurons, exact" in found and not any(line in found for line in (RESETS, TOUCHED, UNWEIGHED))


def test_a_filtered_bias_settles_where_it_should_however_coarse_its_grid(tmp_path):
    """A weight of 1,000 leaves 10 units in a threshold: on that grid these biases are one number, and each would fire as often."""
    biases = np.array([0.1, 0.108, 0.113, 0.118, 0.122])
    wide = {"w": linear(np.full((5, 2), 1000.0), biases), "a": cell("CubaLIF", 5, tau_mem=3e-3, tau_syn=2e-3, r=9.0), "out": end("Output", 5)}
    found = built(tmp_path, wide, chain("in", "w", "a", "out"))
    assert found.made[0].grid.vth[0] == 10 and len(set(found.made[0].grid.steady_u)) == 1
    quiet = {"in": np.zeros((1, 400, 2), bool)}
    ours = arrays.run(lower_network(found.network, found.timing), quiet, "reference", How(), record=True).spikes["a"]
    assert run_floats(found.floats, quiet)["a"].sum((0, 1)).tolist() == [0, 0, 36, 49, 66]
    assert ours.sum((0, 1)).tolist() == [0, 0, 33, 49, 57]


def test_a_bias_whose_filters_never_settle_is_left_as_it_is(tmp_path):
    """What rounding took from it would, as a constant, fire by itself."""
    wide = {"w": linear(np.full((2, 2), 1000.0), [0.7, 0.9]), "a": cell("CubaLIF", 2, tau_mem=3.0, tau_syn=2.0, r=9.0), "out": end("Output", 2)}
    grid = built(tmp_path, wide, chain("in", "w", "a", "out")).made[0].grid
    assert grid.steady is None and grid.steady_u is not None
