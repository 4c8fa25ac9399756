"""`tritspike.net`: a network of one's own, from writing it to files and every executor."""

from __future__ import annotations

import re

import numpy as np
import planted
import pytest

from tritspike import net as tn
from tritspike.compiler.errors import CompileError, DoesNotFit, RangeViolation
from tritspike.runtime.errors import ExecutorError, FileError, InputError, MismatchError
from tritspike.runtime.host.arrays import ArrayProgram

RNG = np.random.default_rng(0)
CODES, MORE = RNG.integers(-1, 2, (30, 64)), RNG.integers(-9, 10, (10, 30))
SPIKES = RNG.random((20, 8, 64)) < 0.3


def mlp(**registers) -> tn.Net:
    net = tn.Net()
    x = net.input("x", features=64)
    hidden = net.lif("hidden", tn.linear(x, CODES, 20), **{"keep": 3072, "vth": 100, "bias": np.arange(30) * 8, **registers})
    net.readout("digit", tn.linear(hidden, MORE))
    return net


def test_ten_lines_from_a_network_to_its_answer():
    program = tn.lower(mlp(), tn.Windows(8))
    outcome = tn.run(program, {"x": SPIKES}, record=True)
    hidden = outcome.spikes["hidden"]
    assert hidden.any() and (outcome.read["digit"] == 64 * hidden.sum(1) @ MORE.T).all()
    assert (tn.run(program, {"x": SPIKES}, "reference").read["digit"] == outcome.read["digit"]).all()
    assert str(tn.verify(program, {"x": SPIKES})) == f"equal: reference == fast on 20 samples, 3 populations, {20 * 8 * 104:,} (neuron, step) cells"


def test_it_says_which_rule_runs_what():
    assert tn.explain(tn.lower(mlp(), tn.Windows(8))).splitlines() == [
        "x: play-port",
        "hidden: shared-linear; not play-port: it fires by itself; not skip-repeater: not proved to repeat a source; "
        "not keep-product: not proved to fire where two inputs meet; not spiking-attention: it does not hear one product; "
        "not sum-readout: no membranes of one matrix are read of it",
        "digit: sum-readout; not play-port: it fires by itself; not skip-repeater: not proved to repeat a source; "
        "not keep-product: not proved to fire where two inputs meet; not spiking-attention: it does not hear one product",
    ]


def test_a_recurrent_layer_with_current_memory_is_a_stream():
    net = mlp(keep_u=3000, vth=60, resets=tn.Resets.NEVER)
    hidden = net.handle("hidden")
    net.join(hidden, tn.same(hidden, -9, delay=1))
    program = tn.lower(net, tn.Stream(8, 8))
    tn.verify(program, {"x": SPIKES})
    with pytest.raises(CompileError, match=r"a delay of 1, and windows that are of different texts \(hint: a stream"):
        tn.lower(net, tn.Windows(8))


def test_it_is_put_on_cores_and_costed():
    program = tn.lower(mlp(), tn.Windows(8))
    found = tn.on_cores(program, "loihi2", {"x": SPIKES})
    assert (found["profile"], found["cores"], found["slices"]) == ("loihi2", {"used": 1, "allowed": 120}, 2) and found["energy_pj"]
    assert (
        found["resources"]["neurons"]["used"] == 40
        and found["events"]["synaptic"] > tn.on_cores(program, "loihi2", {"x": SPIKES & False})["events"]["synaptic"]
    )
    assert tn.on_cores(program)["profile"] == "loihi2"
    net = tn.Net()
    x = net.input("x", features=5000)
    net.count(net.lif("many", tn.same(x, 9), keep=0, vth=1))
    with pytest.raises(DoesNotFit, match=r"tiny: \d+ cores needed, \d+ available; .* \(hint: --profile "):
        tn.on_cores(tn.lower(net, tn.Windows(8)), "tiny")


def test_files(tmp_path):
    program = tn.lower(mlp(), tn.Windows(8))
    tn.save(program, tmp_path / "n.tsn")
    assert (tn.run(tn.load(tmp_path / "n.tsn"), {"x": SPIKES}).read["digit"] == tn.run(program, {"x": SPIKES}).read["digit"]).all()
    with pytest.raises(FileError, match="no such file"):
        tn.load(tmp_path / "other.tsn")


def test_what_cannot_be_is_refused_in_one_line():
    net = mlp()
    hidden = net.handle("hidden")
    net.join(hidden, tn.same(hidden, -9))
    with pytest.raises(CompileError, match=r"^hidden -> hidden: a loop without delay \(hint: delay=1"):
        tn.lower(net, tn.Windows(8))
    with pytest.raises(
        RangeViolation, match=r"digit: what spikes can gather in \d+ steps in a membrane that is read is \d+, allowed up to 131071, not to fire"
    ):
        tn.lower(mlp(), tn.Windows(20_000))
    program = tn.lower(mlp(), tn.Windows(8))
    for spikes, message in (
        ({"x": SPIKES[:, :7]}, r"x: bool of shape \(20, 7, 64\) \(hint: \(windows, 8, 64\): 8 steps a window\)"),
        ({"y": SPIKES}, "no spikes for 'x'"),
        ({"x": SPIKES * 2}, "x: int64 of shape"),
        ({}, "no spikes"),
    ):
        for executor in ("fast", "reference"):
            with pytest.raises(InputError, match=message):
                tn.run(program, spikes, executor)
    with pytest.raises(InputError, match="executor 'slow' is unknown"):
        tn.run(program, {"x": SPIKES}, "slow")


def test_what_does_not_fit_into_memory_is_refused_before_it_begins(monkeypatch):
    net = tn.Net()
    x = net.input("x", features=1 << 15)
    net.count(net.lif("all", tn.onto(x, (*x.grid, tn.Axis("more", 1 << 15))), keep=0, vth=1))
    program = tn.lower(net, tn.Windows(2))
    for executor in ("fast", "reference"):
        with pytest.raises(ExecutorError, match=r"^1,073,741,824 neurons and 1,073,741,824 synapses one by one need [\d,]+ MiB, [\d,]+ MiB are free"):
            tn.run(program, {"x": np.zeros((1, 2, 1 << 15), bool)}, executor)


def test_a_difference_is_named(monkeypatch):
    program = tn.lower(mlp(), tn.Windows(8))
    planted.replaced(monkeypatch, "fast", planted.flipped("hidden", (3, 2, 17)))
    with pytest.raises(MismatchError, match=r"^sample 3, step 2, hidden\[17\]: reference \d != fast \d$"):
        tn.verify(program, {"x": SPIKES})


def test_it_prints_as_a_few_lines():
    program = tn.lower(mlp(), tn.Windows(8))
    assert repr(program) == "<Scheduled: 40 neurons in 3 populations, Windows(steps=8)>"
    assert str(program).splitlines()[1:] == ["x: 64 neurons, latency 0", "hidden: 30 neurons, latency 1", "digit: 10 neurons, latency 2"]


def test_inputs_that_nothing_hears_are_named():
    net = tn.Net()
    for name in ("left", "right"):
        net.input(name, features=3)
    net.count(net.lif("h", tn.linear(net.input("x", features=3), np.eye(3, dtype=int)), keep=1, vth=1))
    with pytest.raises(CompileError) as refusal:
        tn.lower(net, tn.Windows(2))
    each = "populations that hear it is 0, allowed at least one, or a probe"
    assert str(refusal.value) == f"left: {each}; right: {each} (hint: hear it, or leave the input out)"


# several sequences through one stream


def counter(steps: int = 2, period: int = 4):
    """Hears itself a token ago."""
    net = tn.Net()
    x = net.input("x", rows=5, columns=2)
    hidden = net.lif("hidden", tn.same(x, 40), keep=2048, vth=30, resets=tn.Resets.SEQUENCE)
    net.join(hidden, tn.same(hidden, 35, delay=1))
    net.count(hidden)
    return tn.lower(net, tn.Stream(steps, period))


TOKENS = np.random.default_rng(3).random((3, 6, 2, 5, 2)) < 0.3  # (samples, tokens, steps, rows, columns)


@pytest.mark.parametrize("executor", ["fast", "reference"])
def test_each_sample_of_a_stream_is_one_from_rest(executor):
    program = counter()
    found = tn.play(program, {"x": TOKENS}, executor, record=True)
    assert found.read["hidden"].shape == (3, 6, 10) and found.spikes["hidden"].shape == (3, 6 * 4, 10) and found.read["hidden"].any()
    alone = [tn.run(program, {"x": sample}, executor, record=True) for sample in TOKENS]
    assert all((a == b.read["hidden"]).all() for a, b in zip(found.read["hidden"], alone))
    assert all((a == b.spikes["hidden"].reshape(24, 10)).all() for a, b in zip(found.spikes["hidden"], alone))
    whole = tn.run(program, {"x": TOKENS.reshape(18, 2, 10)}, executor).read["hidden"]
    assert (whole != found.read["hidden"].reshape(18, 10)).any(), "one stream goes on where a sample would begin"


def test_samples_of_a_stream_are_verified_and_mapped():
    program = counter()
    assert str(tn.verify(program, {"x": TOKENS})).startswith("equal: reference == fast on 3 samples")
    assert str(tn.verify(program, {"x": TOKENS[0]})).startswith("equal: reference == fast on 6 samples")  # tokens of one
    assert tn.on_cores(program, "loihi2", {"x": TOKENS})["cores"]


@pytest.mark.parametrize("given", [TOKENS[:, :, :, 0], np.zeros((3, 12, 5, 2), bool), TOKENS[:, :, :1]], ids=["narrow", "no steps", "few steps"])
def test_a_stream_s_axes_are_told_by_what_they_are(given):
    shape, one = re.escape(f"x: bool of shape {given.shape}"), re.escape("(tokens, 2, 5, 2): the tokens of one stream, 2 steps each; ")
    many = re.escape("(samples, tokens, 2, 5, 2): samples, each a stream from rest)")
    for ask, also in ((tn.play, "or "), (tn.run, "play and verify also take "), (tn.verify, "play and verify also take ")):
        with pytest.raises(InputError, match=rf"^{shape} \(hint: {one}{also}{many}$"):
            ask(counter(), {"x": given})
    with pytest.raises(InputError, match=re.escape("(samples, steps, 5, 2): samples, each a stream from rest)")):
        tn.play(counter(1, 1), {"x": np.zeros((3, 4), bool)})


def test_a_stream_s_samples_are_said():
    said = ArrayProgram(scheduled=counter()).takes, ArrayProgram(scheduled=counter(1, 1)).takes
    assert said == ("samples of any number of tokens, 2 steps each, from rest", "samples of any number of steps, each from rest")
