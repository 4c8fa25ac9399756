"""Of every pass: is the thing gone, is the answer the same, is it asked for what it requires, does running it twice change nothing.

Golden files hold the printed networks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import executors_agree, found

from tritspike.compiler.errors import CompileError, RangeViolation, VerifyError
from tritspike.compiler.frontend.table import source
from tritspike.compiler.lower import lower
from tritspike.compiler.passes.base import FITS, FOLDED, PROVED, SILENT, STEPS, TIMED, Lowering
from tritspike.compiler.passes.silence_padding import SilencePadding
from tritspike.compiler.pipeline import DEFAULT, PASSES, go_on, named, run
from tritspike.compiler.printer import show
from tritspike.hw_profiles.profile import load
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Reads, Stream, Windows
from tritspike.runtime.network.neuron import RELAY, Bias, Values, each
from tritspike.runtime.network.terms import linear, same
from tritspike.runtime.tables import COINCIDENCE, READOUT, kind
from tritspike.runtime.tables import RELAY as RELAYS

TINY = dict(seed=0, layers=1, hidden=8, heads=2, head_dim=2, ffn=6, max_length=5, steps=3, embedding_rank=4)
VARIANTS = {
    "mean": TINY,
    "causal-binary": TINY | dict(seed=4, causal=True, weights="binary", window=2),
    "two-layers-first": dict(seed=6, max_length=6, readout="first"),
}
NAMES = [step.name for step in DEFAULT]
GOLDEN = ["00-frontend", *(f"{n:02}-{name}" for n, name in enumerate(NAMES, 1))]
BEFORE = {name: n for n, name in enumerate(NAMES)}  # at this place of the list of networks
PROFILE = {"two-layers-first": "loihi2"}  # the others: tiny
MOST_BIAS, MOST_WEIGHT = 4095, 127  # mantissas


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(variant, tmp_path_factory) -> Path:
    return random_checkpoint.write(tmp_path_factory.mktemp(variant) / "checkpoint", **VARIANTS[variant])


@pytest.fixture(scope="module")
def profile(variant):
    return load(PROFILE.get(variant, "tiny"))


@pytest.fixture(scope="module")
def networks(folder, profile) -> list[Lowering]:
    """The frontend's network and the one after each pass."""
    read = source(folder)
    out = [Lowering(network=read.network, timing=read.timing)]
    for step in DEFAULT:
        out.append(go_on(out[-1], profile, [step]))
    return out


@pytest.fixture(scope="module")
def program(folder, profile):
    return lower(folder, profile)


@pytest.fixture(scope="module")
def dumped(tmp_path_factory) -> Path:
    """The folder that --dump-ir writes for the smallest checkpoint."""
    top = tmp_path_factory.mktemp("dumped")
    lower(random_checkpoint.write(top / "checkpoint", **TINY), "tiny", dump=top / "ir")
    return top / "ir"


@pytest.mark.parametrize("name", GOLDEN)
def test_printed_network(name, dumped, golden):
    golden(f"tiny/{name}.txt", (dumped / f"{name}.txt").read_text())


def test_a_network_is_dumped_after_each_pass_and_no_golden_file_is_stale(dumped):
    kept = Path(__file__).parent.parent / "golden" / "tiny"
    assert sorted(p.stem for p in dumped.iterdir()) == sorted(p.stem for p in kept.iterdir()) == GOLDEN


@pytest.mark.parametrize("name", NAMES)
def test_twice_changes_nothing(name, networks, profile):
    once = networks[BEFORE[name] + 1]
    twice = go_on(once, profile, [PASSES[name]])
    assert show(twice) == show(once) and twice.holds == once.holds


def test_the_whole_table_changes_nothing_in_a_lowered_network(networks, profile):
    assert show(go_on(networks[-1], profile, DEFAULT)) == show(networks[-1])


def test_a_check_returns_the_network_itself(networks):
    assert networks[BEFORE["prove-ranges"] + 1].network is networks[BEFORE["prove-ranges"]].network


# what passes require and ensure


def test_what_holds_after_each(networks):
    ensured = [FOLDED, SILENT, TIMED, STEPS, PROVED, FITS]
    assert [state.holds for state in networks] == [frozenset(ensured[:n]) for n in range(len(ensured) + 1)]


@pytest.mark.parametrize(
    "passes, line",
    [
        ("silence-padding", "silence-padding: requires that registers hold every number (hint: fold-registers before it)"),
        ("silence-padding,fold-registers", "silence-padding: requires that registers hold every number (hint: fold-registers before it)"),
        ("insert-relays", "insert-relays: requires that every population has a latency (hint: assign-latencies before it)"),
        ("insert-relays,assign-latencies", "insert-relays: requires that every population has a latency (hint: assign-latencies before it)"),
        ("assign-latencies,prove-ranges", "prove-ranges: requires that every synapse takes one step (hint: insert-relays before it)"),
        ("assign-latencies,insert-relays,check-capacity", "check-capacity: requires that no input leaves a register (hint: prove-ranges before it)"),
    ],
)
def test_a_pass_that_is_left_out_or_late_is_named(passes, line, folder, profile):
    with pytest.raises(CompileError) as refused:
        lower(folder, profile, named(passes))
    assert str(refused.value) == line


@pytest.mark.parametrize("passes", ["fold-registers", "fold-registers,silence-padding,assign-latencies"])
def test_what_is_not_relayed_is_no_program(passes, folder, profile):
    with pytest.raises(CompileError) as refused:
        lower(folder, profile, named(passes))
    expected = "not a program yet: it is not so that every synapse takes one step (hint: insert-relays, which requires assign-latencies)"
    assert str(refused.value) == expected


def test_every_pass_but_the_first_of_its_kind_asks(networks):
    """No requirement that nothing ensures, and each that a pass has is one of an earlier pass."""
    ensured = set()
    for step in DEFAULT:
        assert set(step.requires) <= ensured
        ensured |= set(step.ensures)


# fold-registers


def _weights(network, s):
    return (s.wiring.csr(*network.grids(s)).astype(np.int64) * (1 << s.exponent)).toarray()


def _bias(p):
    neuron = p.neuron
    return np.broadcast_to(0 if neuron is None or neuron.bias is None else neuron.bias.each(p.grid), p.size)


def test_fold_keeps_every_number_and_fits_registers(networks):
    before, after = networks[0].network, networks[1].network
    for old, new in zip(before.synapses, after.synapses):
        assert (_weights(before, old) == _weights(after, new)).all()
        assert new.wiring.shared is None or abs(new.wiring.shared) <= MOST_WEIGHT
    for old, new in zip(before.populations, after.populations):
        assert (_bias(old) == _bias(new)).all()
        if new.neuron is not None and new.neuron.bias is not None:
            bias = new.neuron.bias
            assert np.abs(bias.mantissa.numbers).max() <= MOST_BIAS
            assert not bias.exponent or np.abs(_bias(new) >> (bias.exponent - 1)).max() > MOST_BIAS
    assert any(np.abs(_bias(p)).max() > MOST_BIAS for p in before.populations)


@pytest.mark.parametrize(
    "bias, mantissa, exponent",
    [([4095, -4095], [4095, -4095], 0), ([4096, -16], [2048, -8], 1), ([4095 << 7, 128], [4095, 1], 7), ([0, -8192], [0, -2048], 2)],
)
def test_fold_takes_the_smallest_exponent_of_a_bias(bias, mantissa, exponent):
    folded = _folded(bias).neuron.bias
    assert folded.mantissa.numbers.tolist() == mantissa and folded.exponent == exponent


@pytest.mark.parametrize("bias", [[0, 0], 0])
def test_fold_drops_a_bias_of_zero(bias):
    assert _folded(bias).neuron.bias is None


def test_fold_takes_a_bias_that_all_share():
    assert (_folded(4096).neuron.bias.mantissa, _folded(4096).neuron.bias.exponent) == (2048, 1)


@pytest.mark.parametrize("weight, mantissa, exponent", [(127, 127, 0), (128, 64, 1), (-254, -127, 1), (127 << 7, 127, 7)])
def test_fold_takes_the_smallest_exponent_of_a_shared_weight(weight, mantissa, exponent):
    (s,) = _folding(0, weight).inputs("p")
    assert (s.wiring.weight, s.exponent) == (mantissa, exponent)


def test_fold_refuses_what_no_register_holds():
    """A checkpoint's own numbers are refused before; a frontend of another kind may make others."""
    with pytest.raises(RangeViolation, match=r"^p: biases up to 4097 are not multiples of one power of two with mantissas up to 4095 \(hint: round"):
        _folded([4097, 0])
    with pytest.raises(RangeViolation, match=r"^p: weight 255 from x is not m << e with \|m\| <= 127 \(hint: 256 is\)$"):
        _folded(0, weight=255)


def _folded(bias, weight=1):
    return _folding(bias, weight).by_name["p"]


def _folding(bias, weight):
    """A network of one population p, after fold-registers."""
    net = Net()
    x = net.input("x", features=2)
    heard = same(x)
    net.count(net.lif("p", replace(heard, wiring=heard.wiring.weighing(weight)), keep=1, vth=1))
    network = net.network()
    own = Bias(bias if isinstance(bias, int) else Values(("features",), np.array(bias, np.int64)))
    populations = tuple(p if p.neuron is None else replace(p, neuron=replace(p.neuron, bias=own)) for p in network.populations)
    return run(replace(network, populations=populations), Windows(1), passes=[PASSES["fold-registers"]]).network


# silence-padding


def _masks(network, p):
    return [s for s in network.inputs(p.name) if s.source == "mask"]


def _least_inhibition(need: int) -> int:
    """The smallest m << e that outweighs `need` in 1/64 units, by looking at them all."""
    return min(m << e for e in range(8) for m in range(128) if 64 * (m << e) >= need)


def test_padding_is_inhibited_where_a_bias_is_positive_by_as_little_as_will_do(networks):
    network, inhibited = networks[BEFORE["silence-padding"] + 1].network, 0
    for p in network.populations:
        most = max(int(_bias(p).max()), 0)
        earlier = [s for s in network.inputs(p.name) if s.wiring.behind("position")]  # a causal window's other taps
        need = most + 64 * sum(max(int(np.clip(_weights(network, s), 0, None).sum(1).max()), 0) for s in earlier)
        masks = _masks(network, p)
        if need and "position" in grids.names(p.grid):
            assert -sum(s.wiring.weight << s.exponent for s in masks) == _least_inhibition(-(-need // 64) * 64), p.name
        else:
            assert not masks
        assert all(abs(s.wiring.weight) <= MOST_WEIGHT for s in masks)
        inhibited += bool(masks)
    assert inhibited >= 6
    assert [port.plays for port in network.ports] == ["x", "pad"]


@pytest.mark.parametrize("bias", [-1, 0, 1, 64, 65, 127 * 64, 127 * 64 + 1, 255 * 64, 8190 * 64])
def test_inhibition_of_any_bias(networks, bias):
    network = networks[1].network
    own = Bias(Values(("ffn",), np.array([bias, *[-5] * (network.by_name["layer.0.hidden"].grid[-1].size - 1)])))
    populations = tuple(
        replace(p, neuron=replace(p.neuron, bias=own if p.name == "layer.0.hidden" else None)) if p.neuron else p for p in network.populations
    )
    synapses = tuple(s for s in network.synapses if not s.wiring.behind("position"))
    changed = replace(networks[1], network=replace(network, populations=populations, synapses=synapses))
    silenced = SilencePadding().apply(changed, None).network
    found = [-(s.wiring.weight << s.exponent) for s in silenced.synapses if s.source == "mask"]
    assert found == ([_least_inhibition(bias)] if bias > 0 else [])
    assert ("mask" in silenced.by_name) == (bias > 0)


def test_a_network_without_texts_has_no_padding():
    net = Net()
    net.count(net.lif("p", same(net.input("x", features=2)), keep=1, vth=1, bias=64))
    given = Lowering(network=net.network(), timing=Windows(1))
    assert SilencePadding().apply(given, None) is given


# assign-latencies, insert-relays


def test_latency_is_the_longest_path(networks):
    before, after = networks[BEFORE["assign-latencies"]], networks[BEFORE["assign-latencies"] + 1]
    assert not before.latency and after.network is before.network
    for p in after.network.populations:
        spans = [after.latency[p.name] - after.latency[s.source] for s in after.network.inputs(p.name)]
        assert min(spans) == 1 if spans else after.latency[p.name] == 0


def test_relays_leave_no_synapse_longer_than_a_step(networks):
    before, after = networks[BEFORE["insert-relays"]], networks[BEFORE["insert-relays"] + 1]
    assert max(_spans(before)) > 1 and set(_spans(after)) == {1}
    relays = [p for p in after.network.populations if ".relay." in p.name]
    heard = {s.source for s in after.network.synapses}
    assert relays and all(kind(after.scheduled(), p) == RELAYS and p.name in heard for p in relays)  # to the end and never beyond
    longest = {s.source: 0 for s in before.network.synapses}
    for s in before.network.synapses:
        longest[s.source] = max(longest[s.source], before.latency[s.target] - before.latency[s.source] - 1)
    assert len(relays) == sum(longest.values())
    assert {p.name for p in after.network.populations} - {p.name for p in relays} == {p.name for p in before.network.populations}


def _spans(state: Lowering) -> list[int]:
    return [state.latency[s.target] - state.latency[s.source] for s in state.network.synapses]


def test_a_loop_needs_a_delay_and_a_delay_a_stream():
    net = Net()
    p = net.lif("p", same(net.input("x", features=2)), keep=1, vth=1)
    net.count(p)
    net.join(p, same(p, 1, delay=1))
    with pytest.raises(CompileError, match=r"a delay of 1, and windows that are of different texts \(hint: a stream"):
        run(net.network(), Windows(2), passes=named("assign-latencies"))
    assert run(net.network(), Stream(2, 5), passes=named("assign-latencies,insert-relays")).scheduled().latency["p"] == 1
    network = net.network()
    looped = replace(network, synapses=tuple(replace(s, delay=0) for s in network.synapses))
    with pytest.raises(CompileError, match=r"^p -> p: a loop without delay \(hint: delay=1 on one of its synapses\)$"):
        run(looped, Windows(2), passes=named("assign-latencies"))


# prove-ranges, check-capacity


def test_what_some_input_could_push_out_is_refused():
    rng, net = np.random.default_rng(0), Net()
    x = net.input("x", features=1200)
    net.count(net.lif("p", linear(x, np.ones((3, 1200), int), 120), keep=1, vth=1))
    net.count(net.lif("q", linear(x, rng.integers(-1, 2, (3, 1200)), 1), keep=1, vth=1), "other")
    passes = named("assign-latencies,insert-relays,prove-ranges")
    with pytest.raises(RangeViolation, match=r"^p: ") as refused:
        run(net.network(), Windows(1), passes=passes)
    assert "144000" in str(refused.value) and "q" not in str(refused.value).replace("requires", "")


def test_thresholds_that_nothing_reaches_are_as_high_as_the_profile_has_them(networks, profile):
    before, after = networks[-2].network, networks[-1].network
    read = {probe.population for probe in after.probes if probe.reads is Reads.MEMBRANE}
    assert {p.name for p in after.populations if p.neuron and p.neuron.vth != before.by_name[p.name].neuron.vth} <= read
    assert all(after.by_name[name].neuron.vth == (1 << profile.vth_bits) - 1 for name in read)
    assert go_on(networks[-2], None, [PASSES["check-capacity"]]).network is before, "of a network that knows no board nothing is asked"


def test_every_register_of_the_program_fits_the_profile(program, profile):
    for p in program.network.populations:
        if p.neuron is not None:
            assert np.max(each(p.neuron.vth, p.grid)) < 1 << profile.vth_bits, p.name
            if p.neuron.bias is not None:
                assert np.abs(p.neuron.bias.mantissa.numbers).max() < 1 << profile.bias_mantissa_bits, p.name
                assert p.neuron.bias.exponent <= profile.bias_exponent_max, p.name
    for s in program.network.synapses:
        weights = s.wiring.csr(*program.network.grids(s)).data
        assert np.abs(weights).max(initial=0) < 1 << (profile.weight_bits - 1) and s.exponent <= profile.weight_exponent_max, s.name


def test_what_the_populations_are(program):
    kinds = {p.name: kind(program.scheduled, p) for p in program.network.populations}
    assert {name for name, what in kinds.items() if what == COINCIDENCE} == {name for name in kinds if name.endswith(".and")} != set()
    assert all(p.neuron == RELAY for p in program.network.populations if kinds[p.name] in (COINCIDENCE, RELAYS))
    assert [name for name, what in kinds.items() if what == READOUT] == ["readout"]


# the answer


def _texts(longest: int) -> list[str]:
    return random_checkpoint.texts(5, 12, longest)


def _run(program, texts: list[str], positions: int | None = None):
    encoder = Encoder(program)
    program = program if positions is None else program.at_length(positions)
    return found("reference", program, encoder.rows(encoder.tokens(texts), positions))


def _grid(program, result, name: str) -> np.ndarray:
    """(samples, steps, positions, channels) spikes of a population that has positions before all else."""
    spikes = result.spikes[name]
    return spikes.reshape(*spikes.shape[:2], program.positions, -1)


def test_dumping_changes_no_byte(folder, program, tmp_path):
    program_file.save(program, tmp_path / "plain.tsp")
    program_file.save(lower(folder, program.profile, dump=tmp_path / "ir"), tmp_path / "dumped.tsp")
    assert (tmp_path / "plain.tsp").read_bytes() == (tmp_path / "dumped.tsp").read_bytes()


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_program_cut_to_a_length_equals_one_lowered_for_it(folder, program, length):
    texts = _texts(max(length, 2)) if length > 1 else None
    tokens = Encoder(program).tokens(texts) if texts else [([n], [0]) for n in range(12)]
    short = lower(folder, program.profile, length=length)
    cut, lowered = (found("reference", p, Encoder(p).rows(tokens, length)) for p in (program.at_length(length), short))
    assert (cut.logits == lowered.logits).all()
    assert len(np.unique(cut.logits, axis=0)) > 1 or length == 2
    assert cut.spikes.keys() == lowered.spikes.keys()
    assert all((cut.spikes[name] == lowered.spikes[name]).all() for name in cut.spikes)


@pytest.mark.parametrize("length", [2, 3, 4])
def test_padding_changes_no_logit_and_no_spike_and_stays_silent(program, length):
    texts, looked_at = _texts(length), 0
    short, long = _run(program, texts, length), _run(program, texts)
    assert (short.logits == long.logits).all()
    for p in program.network.populations:
        if not p.grid or grids.names(p.grid)[0] != "position" or len(p.grid[0].names) > 1 or p.name.split(".")[0] == "mask":
            continue
        valid, padded = np.split(_grid(program, long, p.name), [length], 2)
        assert (valid == _grid(program.at_length(length), short, p.name)).all(), p.name
        assert not padded.any(), p.name
        looked_at += 1
    assert looked_at >= 8


def test_every_executor_gives_the_literal_spikes(program):
    encoder = Encoder(program)
    executors_agree(program, encoder.rows(encoder.tokens(_texts(4)[:3])))


def test_without_silence_padding_the_answer_would_depend_on_padding(folder, program):
    """`fast`, which leaves padded rows out where they are proved silent, then runs every row and gives the reference's spikes."""
    loud = lower(folder, program.profile, [step for step in DEFAULT if step.name != "silence-padding"])
    texts = _texts(3)
    assert (_run(loud, texts, 5).logits != _run(loud, texts, 3).logits).any()
    assert plan(program.scheduled)[0] is not None and plan(loud.scheduled)[0] is None
    encoder = Encoder(loud)
    executors_agree(loud, encoder.rows(encoder.tokens(texts)))
    assert all(not s.source.startswith("mask") for s in loud.network.synapses)


def test_a_pass_that_breaks_a_network_is_named(folder, networks, profile):
    class Breaks(SilencePadding):
        """Lose a population."""

        name = "breaks"
        requires = ()

        def apply(self, given, profile):
            return replace(given, network=replace(given.network, populations=given.network.populations[:-1]))

    with pytest.raises(VerifyError, match=r"^after breaks: "):
        go_on(networks[1], profile, [Breaks()])
