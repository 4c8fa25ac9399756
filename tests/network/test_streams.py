"""Streams: what SEQUENCE clears, what ports play by the timing, and every executor the same on streaming networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import stream_network
from hypothesis import given, settings
from hypothesis import strategies as st
from random_network import require_same

from tritspike.compiler.mapping.fit import fit, placed
from tritspike.compiler.mapping.workload import assumed_of
from tritspike.compiler.schedule import schedule
from tritspike.hw_profiles import profile as profiles
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError, RangeError
from tritspike.runtime.executors import partitioned
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.generic import run as generic
from tritspike.runtime.executors.lava.plan import plan as lava_plan
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.inputs import Spikes, played
from tritspike.runtime.network.network import Stream, Windows
from tritspike.runtime.network.neuron import Resets, Values
from tritspike.runtime.network.ranges import each_bounds, findings, require_ranges
from tritspike.runtime.network.sequences import Sequences
from tritspike.runtime.network.state import begins
from tritspike.runtime.network.terms import onto, same, sparse

SEEDS = range(48)


def expected(seed: int):
    program = stream_network.drawn(seed)
    inputs = stream_network.sequences(program, seed)
    return program, inputs, literal.run(program, inputs, record=True)


@pytest.mark.parametrize("part", range(4))
def test_at_once_over_time_as_step_by_step(part):
    for seed in SEEDS[part::4]:
        program, inputs, whole = expected(seed)
        for plainly in (True, False):
            require_same(whole, generic.run(program, inputs, record=True, plainly=plainly))


def test_core_by_core_as_step_by_step():
    for seed in SEEDS[::6]:
        program, inputs, whole = expected(seed)
        mapped = placed(fit(program, profiles.load("loihi2")), assumed_of(program).rates).mapping()
        require_same(whole, partitioned.run(mapped, inputs, record=True))


@pytest.mark.parametrize("part", range(2))
def test_on_lava_s_model_classes(part):
    pytest.importorskip("lava.magma", reason="lava-nc is not installed")
    import lava_network

    for seed in SEEDS[part::4]:
        program, inputs, whole = expected(seed)
        require_same(whole, lava_network.run(program, inputs))


def test_on_lava_s_runtime():
    pytest.importorskip("lava.magma", reason="lava-nc is not installed")
    from tritspike.runtime.executors.lava import executor

    program, inputs, whole = expected(4)
    assert program.timing.slot == 0 and program.timing.period > program.timing.steps
    require_same(whole, executor.run(program, inputs, record=True, limit=120))


def test_they_are_drawn_over_everything_and_spike():
    kinds = [stream_network.kind(seed) for seed in SEEDS]
    for what in ("layers", "steps", "slot", "idle", "window", "gate", "biases", "answer"):
        assert len({getattr(k, what) for k in kinds}) >= 2, what
    rates = {}
    for seed in SEEDS:
        for name, spikes in expected(seed)[2].spikes.items():
            rates.setdefault(name.split(".")[-1], []).append(spikes.mean())
    for name in ("event", "trace", "hidden", "z"):
        assert sum(0.005 < rate < 0.6 for rate in rates[name]) > 30, (name, rates[name])


# what is cleared, and when


def test_a_stream_without_end_is_one_sequence():
    for resets, cleared in ((Resets.NEVER, []), (Resets.SEQUENCE, [0]), (Resets.WINDOW, [-2, -1, 0, 1, 2, 3])):
        assert [w for w in range(-2, 4) if begins(Stream(2, 3), resets, w, 0)] == cleared
        assert not any(begins(Stream(2, 3), resets, w, 1) for w in range(-2, 4))
    assert [w for w in range(-2, 5) if begins(Stream(2, 3, 2), Resets.SEQUENCE, w, 0)] == [-2, 0, 2, 4]
    assert begins(Windows(3), Resets.SEQUENCE, 1, 0)


def late(resets: Resets, bias: int = 300):
    """A biased population at latency 3, whose state lasts; its own input comes by relays."""
    net = Net()
    x = net.input("x", features=4)
    far = net.lif("far", same(net.lif("near", same(x, 9), keep=1, vth=3), 9), keep=1, vth=3)
    last = net.lif("last", same(far, 2), keep=4096, keep_u=3000, vth=60, bias=bias, resets=resets)
    net.count(last)
    return schedule(net.network(), Stream(2, 3))


def test_what_came_before_the_first_token_is_forgotten():
    inputs = Spikes.of({"x": np.zeros((8, 2, 4))})
    forgotten, kept = (literal.run(late(resets), inputs, record=True).spikes["last"].reshape(24, 4) for resets in (Resets.SEQUENCE, Resets.NEVER))
    fires = np.flatnonzero(forgotten[:, 0])
    assert fires[0] == 60 * arith.ONE // 300 and (forgotten == forgotten[:, :1]).all()  # so many steps of 300 pass the threshold
    assert np.flatnonzero(kept[:, 0])[0] == fires[0] - 3
    for plainly in (True, False):
        require_same(literal.run(late(Resets.SEQUENCE), inputs, record=True), generic.run(late(Resets.SEQUENCE), inputs, True, plainly))


def test_lava_clears_once():
    program = late(Resets.SEQUENCE)
    (part,) = lava_plan(program).parts["last"]
    registers = lava_plan(program).groups[part.group].registers
    assert program.latency["last"] == 3 and (registers.interval, registers.offset) == (2**31 - 1, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(-4000, 4000), st.integers(0, 4095), st.integers(1, 6), st.integers(0, 4))
def test_a_state_that_lasts_is_its_recurrence(seed, bias, keep_u, period, latency):
    """Whatever bias and latency: from a population's first token on it is a LIF that began at rest."""
    rng, net, steps = np.random.default_rng(seed), Net(), int(np.random.default_rng(seed).integers(1, period + 1))
    at = net.input("x", features=3)
    for n in range(latency):
        at = net.lif(f"relay.{n}", same(at, 2), keep=1, vth=1)
    weights, vth = rng.integers(-30, 31, 3), int(rng.integers(1, 500))
    weights[weights == 0] = 1
    heard = sparse(at, np.arange(3), np.arange(3), weights, at.grid)
    net.count(net.lif("trace", heard, keep=3072, keep_u=keep_u, vth=vth, bias=bias & ~7, resets=Resets.SEQUENCE))
    program, x = schedule(net.network(), Stream(steps, period)), rng.random((6, steps, 3)) < 0.5
    line, u, v = np.zeros((6, period, 3), np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    line[:, :steps] = x
    found = literal.run(program, Spikes.of({"x": x}), record=True).spikes["trace"].reshape(-1, 3)
    for t, now in enumerate(line.reshape(-1, 3)):
        u = arith.decay(u, keep_u) + (now * weights << 6)
        v = arith.saturate(arith.decay(v, 3072) + u + (bias & ~7))
        assert (found[t] == (v > vth << 6)).all()
        v[found[t]] = 0


# what ports play by the timing


def ports():
    net = Net()
    x = net.input("x", features=2)
    heard = [onto(net.input(name, plays=name), x.grid, 2) for name in ("idle", "active", "continues")]
    net.count(net.lif("p", sum(heard, same(x, 2)), keep=1, vth=1), "often")
    return net.network()


def lines(program, inputs):
    return {p.plays: played(program, inputs, p).reshape(len(inputs), -1).astype(int).tolist() for p in program.network.ports if p.plays != "x"}


def test_what_follows_from_the_timing_is_made():
    x = np.zeros((3, 2, 2))
    program = schedule(ports(), Stream(2, 4, 3))
    assert lines(program, Spikes.of({"x": x})) == {
        "idle": [[0, 0, 1, 1]] * 3,
        "active": [[1, 1, 0, 0]] * 3,
        "continues": [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]],
    }
    inputs = Sequences({"x": np.zeros((3, 2, 1), np.uint64)}, np.array([2, 1]), 3)
    real, padding = [0, 0, 1, 1], [1, 1, 1, 1]
    assert lines(program, inputs)["idle"] == [real, real, padding, real, padding, padding]
    assert lines(program, inputs)["active"] == [[1, 1, 0, 0]] * 2 + [[0] * 4] + [[1, 1, 0, 0]] + [[0] * 4] * 2
    assert lines(program, inputs)["continues"] == [[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4] * 2
    endless = schedule(ports(), Stream(2, 4))
    assert lines(endless, Spikes.of({"x": x}))["continues"] == [[1, 1, 0, 0]] * 3
    given_too = Spikes.of({"x": x, "continues": np.zeros((3, 2, 1))})
    assert lines(endless, given_too)["continues"] == [[0] * 4] * 3


def test_what_follows_from_the_timing_is_not_given():
    with pytest.raises(InputError, match=r"^spikes for 'idle', which follow from the timing \(hint: leave them out\)$"):
        lines(schedule(ports(), Stream(2, 4)), Spikes.of({"x": np.zeros((3, 2, 2)), "idle": np.zeros((3, 2, 1))}))
    with pytest.raises(InputError, match=r"^no spikes for 'idle'"):
        lines(schedule(ports(), Windows(2)), Spikes.of({"x": np.zeros((3, 2, 2))}))


SOUND = Sequences({"x": np.zeros((3, 2, 1), np.uint64)}, np.array([2, 1]), 3)


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(slot=2), "sequences in slots of 2 tokens"),
        (dict(lengths=np.array([4])), r"a sequence of 4 tokens \(hint: up to 3, a slot's"),
        (dict(lengths=np.array([0, 3])), "one a sequence, of one token or more each"),
        (dict(lengths=np.array([2.0])), "lengths are array"),
        (dict(words={}), r"no spikes for 'x' \(hint: they are given for nothing"),
        (dict(words={"x": np.zeros((2, 2, 1), np.uint64)}), r"x: words are uint64 of shape \(2, 2, 1\).*\(3, 2, 1\)"),
        (dict(words={"x": np.full((3, 2, 1), 4, np.uint64)}), "x: spikes beyond the last of 2 neurons"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        literal.run(schedule(ports(), Stream(2, 4, 3)), replace(SOUND, **change))


def test_sequences_are_the_dense_stream():
    for seed in SEEDS[1::5]:
        program, inputs, whole = expected(seed)
        x = inputs.dense(np.unpackbits(inputs.words["x"].view(np.uint8), axis=-1, bitorder="little"))[..., : program.network.by_name["x"].size]
        if inputs.real.all():
            require_same(whole, literal.run(program, Spikes.of({"x": x}), record=True))


# proofs


def traces(keep_u, weights, timing=None, resets=Resets.SEQUENCE):
    net = Net()
    x = net.input("x", group=2, trace=3)
    heard = sparse(x, np.arange(6), np.arange(6), np.array(weights), x.grid)
    net.count(net.lif("t", heard, keep=3072, keep_u=Values(("group",), np.array(keep_u)), vth=9, resets=resets))
    return schedule(net.network(), timing or Stream(2, 4))


def test_each_neuron_s_input_is_bounded_against_its_own_current():
    """A large weight on a fast neuron and a small one on a slow neuron fit; the large one on the slow neuron does not."""
    require_ranges(traces([100, 4095], [127, -127, 127, 31, 31, -31]))
    (found,) = findings(traces([100, 4095], [127, 1, 1, 1, 32, 1]))
    assert str(found) == (
        "t: the most synaptic input that spikes can bring into a current that keeps 4095/4096 a step is 32, allowed -31..31; "
        "with this input keep_u up to 4094, a time constant of 512 tokens"
    )
    (found,) = findings(traces([100, 4095], [127, 1, 1, 1, -127, 1]))
    assert "is -127, allowed -31..31; with this input keep_u up to 4092, a time constant of 256 tokens" in str(found)
    with pytest.raises(RangeError):
        literal.run(traces([100, 4095], [1, 1, 1, 1, 127, 1]), Spikes.of({"x": np.ones((9000, 2, 6))}))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_bounds_of_each_neuron_are_those_of_its_synapses(seed):
    program = stream_network.drawn(seed % 48)
    for p in program.network.populations:
        high, low = each_bounds(program.network, p.name)
        weights = [s.wiring.csr(*program.network.grids(s)).toarray().astype(int) << s.exponent for s in program.network.inputs(p.name)]
        assert (high == sum((np.maximum(w, 0).sum(1) for w in weights), np.zeros(p.size, int))).all()
        assert (low == sum((np.minimum(w, 0).sum(1) for w in weights), np.zeros(p.size, int))).all()
        assert (int(high.max()), int(low.min())) == (program.network.input_bounds(p.name) if len(weights) == 1 else (high.max(), low.min()))


def test_a_readout_of_a_sequence_lives_as_long_as_its_slot():
    def read(slot: int, weight: int):
        net = Net()
        net.readout("class", same(net.input("x", features=2), weight).scaled(7), resets=Resets.SEQUENCE)
        return schedule(net.network(), Stream(2, 3, slot))

    require_ranges(read(20, 17))
    (found,) = findings(read(20, 18))
    assert str(found).startswith("class: what spikes can gather in 60 steps in a membrane that is read is 138240, allowed up to 131071")
    assert "in a stream without resets" in str(next(findings(read(0, 1))))
