"""Random networks and streams as ONNX graphs: in onnxruntime every spike and reading is the reference's, and onnx's own evaluator agrees."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import random_network
import stream_network
from random_network import require_same

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from tritspike.compiler.schedule import schedule
from tritspike.runtime.errors import InputError, RangeError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.onnx import run as onnx_run
from tritspike.runtime.executors.table import executor
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.inputs import Spikes
from tritspike.runtime.network.network import Stream, Windows
from tritspike.runtime.network.neuron import Bias
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.network.sequences import Sequences, apart
from tritspike.runtime.network.terms import linear, same

SEEDS, STREAMS = range(120), range(40)
ALL = Ask(record=True)


def in_onnx(program, inputs, ask=ALL):
    return executor("onnx").prepare(program, How(threads=1)).run(inputs, ask)


@pytest.mark.parametrize("part", range(4))
def test_every_spike_and_reading_is_the_reference_s(part):
    for seed in SEEDS[part::4]:
        require_same(random_network.expected(seed), in_onnx(*random_network.drawn(seed)))


def test_registers_may_differ_from_neuron_to_neuron():
    for seed in SEEDS[::8]:
        program, inputs = random_network.varied(random_network.drawn(seed)[0], seed), random_network.drawn(seed)[1]
        require_same(literal.run(program, inputs, record=True), in_onnx(program, inputs))


def test_windows_in_streams_beside_each_other_and_in_parts(monkeypatch):
    """However many streams there are and steps one call has."""
    several = 0
    for seed in SEEDS[::5]:
        program, inputs = random_network.drawn(seed)
        for filling, steps in ((0, 1 << 26), (0, 1), (2, 1)):
            monkeypatch.setattr(onnx_run, "_FILLING", filling)
            monkeypatch.setattr(onnx_run, "_BYTES", steps)
            several += onnx_run._Windows(program, inputs, []).streams > 1
            require_same(random_network.expected(seed), in_onnx(program, inputs))
    assert several > 8, several


def test_only_what_is_asked_for_is_recorded():
    program, inputs = random_network.drawn(3)
    name = program.network.populations[-1].name
    found = in_onnx(program, inputs, Ask(record=[name]))
    assert found.spikes.keys() == {name} and (found.spikes[name] == random_network.expected(3).spikes[name]).all()
    assert in_onnx(program, inputs, Ask()).spikes is None


@pytest.mark.parametrize("positions", [2, 127, 128, 300])
def test_counts_of_any_size_are_multiplied_exactly(positions):
    """All spike, so that pairs of products are as large as they can be: beyond 127 octets could not hold them."""
    net, rng = Net(), np.random.default_rng(positions)
    x = net.input("x", Axis("position", positions, grows=True), features=8)
    codes = np.where(rng.random((4, 8)) < 0.7, rng.choice([-1, 1], (4, 1)), 0) * (16000 // positions // 8 % 127 + 1)
    net.readout("out", linear(x, codes, pool=["position"]))
    program, inputs = schedule(net.network(), Windows(2)), Spikes.of({"x": np.ones((3, 2, 8 * positions))})
    expected = literal.run(program, inputs, record=True)
    assert np.abs(expected.read["out"]).max() > 100_000
    require_same(expected, in_onnx(program, inputs))


def test_names_may_be_any():
    """Also those that parts of the graph have themselves."""
    net = Net()
    x = net.input("now", features=3)
    same_name = net.lif("before/now", same(x, 2), keep=3072, vth=1)
    net.count(net.lif("before/now/spikes", same(same_name, 3), keep=3072, vth=1), "out")
    program, inputs = schedule(net.network(), Windows(2)), Spikes.of({"now": np.ones((3, 2, 3))})
    require_same(literal.run(program, inputs, record=True), in_onnx(program, inputs))


# streams


@pytest.mark.parametrize("part", range(2))
def test_streams_are_the_reference_s_whole_and_token_by_token(part):
    for seed in STREAMS[part::2]:
        program, inputs = stream_network.drawn(seed), stream_network.sequences(stream_network.drawn(seed), seed)
        whole = literal.run(program, inputs, record=True)
        require_same(whole, in_onnx(program, inputs))
        _require_session(program, inputs, whole, seed)


def _require_session(program, inputs, whole, seed):
    session, first = executor("onnx").prepare(program, How(threads=1)).open(), int(inputs.lengths[0])
    cut = int(np.random.default_rng(seed).integers(0, first + 1))
    read = [session.add(_words(inputs, a, b)) for a, b in ((0, cut), (cut, first))]
    for name, expected in whole.read.items():
        assert (np.concatenate([part[name] for part in read]) == expected[:first]).all(), (seed, name)


def _words(inputs, begin, end):
    return {name: np.ascontiguousarray(words[begin:end]) for name, words in inputs.words.items()}


def _endless(count):
    return [seed for seed in STREAMS if stream_network.kind(seed).slot == 0][:count]


def test_many_streams_without_end_go_on_in_one_session_each_by_itself():
    for seed in _endless(4):
        program = stream_network.drawn(seed)
        inputs = Sequences(_words(stream_network.sequences(program, seed, count=12), 0, 12), np.array([4, 4, 4]))
        whole = apart(partial(literal.run, program), inputs)
        require_reads(whole, in_onnx(program, inputs, Ask()))
        session = executor("onnx").prepare(program, How(threads=1)).open(3)
        require_reads(whole, session.add(inputs.words))


def require_reads(whole, found):
    read = found if isinstance(found, dict) else found.read
    assert read.keys() == whole.read.keys() and all((read[name] == whole.read[name]).all() for name in read)


def test_a_session_goes_on_from_another_s_state_at_another_place_of_its_text():
    """Streams of which one has read more than the other, side by side."""
    for seed in _endless(6):
        program, inputs = stream_network.drawn(seed), stream_network.sequences(stream_network.drawn(seed), seed, longest=9)
        engine, count = executor("onnx").prepare(program, How(threads=1)), int(inputs.lengths[0])
        whole, ahead, behind = engine.open().add(inputs.words), engine.open(), engine.open()
        ahead.add(_words(inputs, 0, count - 1))
        both = engine.open(2)
        states = [ahead.state(), behind.state()]
        both.restore(
            {name: np.concatenate([state[name] for state in states]) for name in states[0] if name != "tokens"} | {"tokens": states[0]["tokens"]}
        )
        parts = _words(inputs, count - 1, count), _words(inputs, 0, 1)
        found = both.add({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        for name, read in whole.items():
            assert (found[name] == read[[count - 1, 0]]).all(), (seed, name)


def test_what_is_no_state_is_refused():
    session = executor("onnx").prepare(stream_network.drawn(_endless(1)[0]), How(threads=1)).open()
    state = session.state()
    spikes = next(name for name in state if name.endswith("/spikes"))
    for change, said in (
        ({"more": state["step"]}, "a state of "),
        ({spikes: state[spikes].astype(np.int32)}, "int32 of shape"),
        ({"step": state["step"] - 1}, "step: -1..-1"),
        ({"step": state["step"] + 1}, "step: within a token"),
    ):
        with pytest.raises(InputError, match=said):
            session.restore(state | change)


# what is refused


def test_streams_that_are_none_are_refused():
    program, _ = random_network.drawn(next(s for s in SEEDS if isinstance(random_network.drawn(s)[0].timing, Windows)))
    with pytest.raises(InputError, match="keeps nothing of a text that grows"):
        executor("onnx").prepare(program, How()).open()
    with pytest.raises(InputError, match="0 streams"):
        executor("onnx").prepare(stream_network.drawn(0), How()).open(0)


def test_a_neuron_that_fires_while_its_membrane_is_read_is_found_or_refused():
    """A bias drives it there, which is no input."""
    net = Net()
    x = net.input("x", features=2)
    hidden = net.lif("hidden", same(x, 2), keep=0, vth=1)
    net.readout("out", linear(hidden, np.array([[1, 1]])))
    program = schedule(net.network(), Stream(2, 4))
    network = program.network
    out = network.by_name[network.probes[0].population]
    driven = replace(out, neuron=replace(out.neuron, vth=30, bias=Bias(2000)))
    program = replace(program, network=replace(network, populations=tuple(driven if p is out else p for p in network.populations)))
    inputs = Spikes.of({"x": np.ones((2, 2, 2))})
    refused = "what spikes can gather in 4 steps in a membrane that is read is 136, allowed up to 30, not to fire"
    for name, said in (("reference", "its membranes are read, and one fired at step 1"), ("onnx", refused)):
        with pytest.raises(RangeError, match=said):
            executor(name).prepare(program, How(threads=1)).run(inputs)


def test_what_could_leave_a_register_is_refused():
    net = Net()
    x = net.input("x", features=2)
    net.count(net.lif("p", linear(x, np.array([[127, 127]]), 127).scaled(7), keep=0, vth=1))
    program = schedule(net.network(), Windows(2))
    assert any("the most synaptic input" in str(found) for found in executor("onnx").refuses(program, How()))
    with pytest.raises(RangeError):
        executor("onnx").prepare(program, How()).run(Spikes.of({"x": np.ones((1, 2, 2))}))
