"""`fast` on streams: all spikes, readings and counts are the literal ones, of whole runs, of sessions, and of whatever a network is changed to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
import stream_network
from tampering import tampered

from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.fast import flow_run
from tritspike.runtime.executors.fast.flow import flow
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.executors.fast.streaming import Streaming
from tritspike.runtime.executors.fast.taken import GENERIC
from tritspike.runtime.executors.table import executor
from tritspike.runtime.network.activity import counted
from tritspike.runtime.network.network import Network, Scheduled
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.network.sequences import Sequences, apart

SEEDS = range(48)
ALL = Ask(record=True, count=True)


def require_literal(program, inputs, plainly=None, said=None) -> None:
    """What is read, alone and beside everything else that may be asked; every spike; all that is counted."""
    whole = apart(lambda some: literal.run(program, some, record=True), inputs)
    found, alone = run(program, inputs, record=True, count=True, plainly=plainly), run(program, inputs, plainly=plainly)
    for name, read in whole.read.items():
        assert (inputs.each_row(read) == inputs.each_row(found.read[name])).all(), (said, name)
        assert (inputs.each_row(read) == inputs.each_row(alone.read[name])).all(), (said, name)
    for name, spikes in whole.spikes.items():
        where = np.argwhere(spikes != found.spikes[name])
        assert not len(where), f"{said}: {name}: token, step, neuron {where[0]}"
    assert found.activity == counted(program, whole.spikes)


@pytest.mark.parametrize("plainly", [True, False])
@pytest.mark.parametrize("part", range(2))
def test_random_streaming_networks_are_the_literal_ones(part, plainly):
    for seed in SEEDS[part::2]:
        program = stream_network.drawn(seed)
        assert flow(program)[0] is not None and flow(program)[0].still, [t for t in flow(program)[1] if t.rule == GENERIC]
        require_literal(program, stream_network.sequences(program, seed), plainly, seed)


def test_which_rule_took_what_is_shown():
    program = stream_network.drawn(9)
    assert plan(program) == (None, flow(program)[1])
    rules = {t.population: t.rule for t in plan(program)[1]}
    assert {rules[f"layer.1.{name}"] for name in ("event", "hidden", "z")} == {"shared-linear"}
    assert (rules["layer.0.trace"], rules["layer.0.gate.0"], rules["idle"], rules["class"]) == (
        *("lasting-trace", "gate-sequence", "play-port", "sum-readout"),
    )


def test_pairs_are_taken_too():
    program = stream_network.drawn(2)
    rules = {t.population: t.rule for t in plan(program)[1]}
    found = [rules[f"layer.0.{name}"] for name in ("q", "met", "state", "found", "recalled")]
    assert found == ["shared-linear", "meet-rows", "lasting-trace", "meet-rows", "shared-linear"]
    assert sum(stream_network.kind(seed).pairs for seed in SEEDS) == 20


def test_many_streams_without_end_are_each_by_itself():
    for seed in [seed for seed in SEEDS if stream_network.kind(seed).slot == 0][:8]:
        program = stream_network.drawn(seed)
        require_literal(program, stream_network.sequences(program, seed, count=4), said=seed)


def test_what_fired_before_the_first_token_is_heard():
    """Windows of earlier tokens hear what biased populations did before their first one, which only gates forget."""
    heard = 0
    for seed in range(30):
        program = stream_network.drawn(seed, slot=0, gate=False, window=2, layers=2, biases="both", idle=bool(seed % 2))
        found = flow(program)[0]
        heard += any(tap.before is not None and tap.before.any() for stage in found.stages for tap in getattr(stage, "taps", ()))
        require_literal(program, stream_network.sequences(program, seed, longest=4), said=seed)
    assert heard > 5, heard


def test_a_mask_that_does_not_outweigh_is_not_believed():
    """Of weaker masks some populations may fire in steps without input, others in padding alone: spikes stay the literal ones."""
    seen = Counter()
    for seed in range(48):
        program = stream_network.drawn(seed, mask=(-6, -2, 0)[seed // 2 % 3], biases="negative" if seed % 3 else "both", idle=bool(seed % 2))
        inputs = stream_network.sequences(program, seed)
        found = flow(program)[0]
        seen["generic" if found is None else "still" if found.still else "moving"] += 1
        if found is not None and not found.still and not inputs.real.all():
            assert not flow_run.can(found, inputs, ALL) and flow_run.can(found, inputs, Ask())
        require_literal(program, inputs, said=seed)
    assert min(seen["generic"], seen["still"], seen["moving"]) > 5, seen


# sessions


def tokens(program, seed: int, streams: int):
    rng, many = np.random.default_rng([3, seed]), program.timing.slot or 9
    width = program.network.by_name["x"].size
    return bits.pack(rng.random((streams, many, program.timing.steps, width)) < rng.choice([0.1, 0.4, 0.8]))


def rows(words):
    return {"x": np.ascontiguousarray(words).reshape(-1, *words.shape[2:])}


def alone(program, words):
    """What a whole run reads of each stream by itself, (streams, tokens, n) by probe."""
    found = [literal.run(program, Sequences({"x": some}, np.array([len(some)]), program.timing.slot)).read for some in words]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


@pytest.mark.parametrize("plainly", [True, False])
def test_a_session_is_a_whole_run(plainly):
    """Any number of tokens a call, none too; any number of streams; and going on from its state."""
    for seed in SEEDS[::2]:
        program, rng = stream_network.drawn(seed), np.random.default_rng(seed)
        streams = int(rng.integers(1, 4))
        words, session, at = tokens(program, seed, streams), Streaming(program, streams, plainly), 0
        expected = alone(program, words)
        while at < words.shape[1]:
            count = int(rng.integers(0, min(5, words.shape[1] - at) + 1))
            read = session.add(rows(words[:, at : at + count]))
            for name, found in read.items():
                assert (found == expected[name][:, at : at + count].reshape(found.shape)).all(), (seed, name, at)
            at, state = at + count, session.state()
            assert session.length == state["tokens"] == at
            session = Streaming(program, streams, plainly)
            session.restore(state)
        session.restart()
        for name, found in session.add(rows(words)).items():
            assert (found == expected[name].reshape(found.shape)).all()


def test_a_session_reads_many_tokens_in_parts():
    program = stream_network.drawn(14)
    words = np.tile(tokens(program, 14, 2), (1, 20, 1, 1))
    expected = alone(program, words)
    for name, found in Streaming(program, 2).add(rows(words)).items():
        assert (found == expected[name].reshape(found.shape)).all()


def test_a_session_s_memory_does_not_grow():
    program = stream_network.drawn(14)
    session, words = Streaming(program), tokens(program, 14, 1)
    sizes = []
    for n in range(3):
        for at in range(words.shape[1]):
            session.add(rows(words[:, at : at + 1]))
        sizes.append(({name: some.nbytes for name, some in session.state().items()}, sum(some.nbytes for some in session._parts[1].buffers.values())))
    assert sizes[0] == sizes[1] == sizes[2] and list(session._parts) == [1]


def test_state_is_handed_out_and_not_shared():
    program = stream_network.drawn(14)
    words = tokens(program, 14, 1)
    session, other = Streaming(program), Streaming(program)
    session.add(rows(words[:, :3]))
    state = session.state()
    first = session.add(rows(words[:, 3:6]))
    other.restore(state)
    other.add(rows(words[:, :2]))
    other.restore(state)
    assert all((found == other.add(rows(words[:, 3:6]))[name]).all() for name, found in list(first.items())[:1])


def test_the_executor_opens_it():
    program = stream_network.drawn(14)
    engine = executor("fast").prepare(program, How())
    assert isinstance(engine.open(3), Streaming) and engine.open(3).streams == 3
    with pytest.raises(InputError, match=r"^0 streams \(hint: 1\.\.65536\)$"):
        engine.open(0)


def test_a_session_refuses_what_is_no_state_and_no_tokens():
    program = stream_network.drawn(14)
    session, state = Streaming(program, 2), Streaming(program, 2).state()
    before = session.state()
    trace, past = "layer.0.trace.u", "x.earlier"
    for name, wrong, words in (
        (trace, state[trace][:1], r"^layer\.0\.trace\.u: int32 of shape \(1, 64\)"),
        (trace, state[trace].astype(np.int64), "int64 of shape"),
        (trace, state[trace] - (1 << 23), r"-8388608\.\.-8388608 \(hint: -8388607\.\.8388607"),
        (past, ~state[past], r"x\.earlier: spikes beyond the last of"),
        (past, None, "x.earlier: NoneType"),
        ("tokens", np.array(-1), "-1 tokens read"),
        ("more", np.array(0), "a state of .*more.*what state"),
    ):
        with pytest.raises(InputError, match=words):
            session.restore({**state, name: wrong})
    assert all((before[name] == some).all() for name, some in session.state().items())
    words = rows(tokens(program, 14, 2))
    for wrong, said in (
        ({}, "no spikes for 'x'"),
        ({"x": words["x"][:3]}, "3 tokens of 2 streams"),
        ({"x": words["x"][:, :1]}, "words are uint64 of shape"),
    ):
        with pytest.raises(InputError, match=said):
            session.add(wrong)
    slots = stream_network.drawn(1)
    with pytest.raises(InputError, match=r"^7 tokens in a slot of 6 \(hint: restart\)$"):
        Streaming(slots).add({"x": np.zeros((7, slots.timing.steps, bits.words(slots.network.by_name["x"].size)), np.uint64)})
    weak = next(p for p in (stream_network.drawn(s, mask=-6, idle=True) for s in range(9)) if flow(p)[0] is None)
    with pytest.raises(InputError, match=r"^no session token by token: layer\.\d\.\w+: it may fire in steps without input"):
        Streaming(weak)


# tampering


@dataclass(frozen=True, eq=False)
class Bare:
    """A network without a host, for `tampered`."""

    scheduled: Scheduled

    @property
    def network(self) -> Network:
        return self.scheduled.network


def attempt(program, inputs):
    try:
        return literal.run(program, inputs, record=True)
    except TritspikeError as refusal:
        return refusal


@pytest.mark.parametrize("part", range(4))
def test_whatever_a_network_is_changed_to_the_spikes_are_the_literal_ones(part):
    """Or it is refused: what is changed is not believed to be what it was."""
    seen = Counter()
    for seed in range(part, 24, 4):
        program = stream_network.drawn(seed)
        inputs = stream_network.sequences(program, seed, longest=4)
        changes = list(tampered(Bare(program)))
        for what, changed in changes[seed % 7 :: max(1, len(changes) // 40)]:
            expected = attempt(changed.scheduled, inputs)
            try:
                found = run(changed.scheduled, inputs, record=True, count=True)
            except TritspikeError:
                seen["refused"] += 1
                continue
            assert not isinstance(expected, TritspikeError), f"{what}: fast computes what the reference refuses: {expected}"
            seen["flow" if flow(changed.scheduled)[0] else "generic"] += 1
            for name, spikes in expected.spikes.items():
                assert (spikes == found.spikes[name]).all(), f"{seed}: {what}: {name}"
            assert all((inputs.each_row(read) == inputs.each_row(found.read[name])).all() for name, read in expected.read.items()), f"{seed}: {what}"
            assert found.activity == counted(changed.scheduled, expected.spikes), f"{seed}: {what}"
    assert min(seen["refused"], seen["flow"], seen["generic"]) > 5, seen


def test_changed_inputs_are_refused():
    program = stream_network.drawn(0)
    inputs = stream_network.sequences(program, 0)
    with pytest.raises(InputError, match="sequences in slots of 3 tokens"):
        run(program, replace(inputs, slot=3))
