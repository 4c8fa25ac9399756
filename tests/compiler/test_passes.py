"""Of every pass: is the thing gone, is the answer the same, does running it twice change nothing. Golden files hold the printed graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.errors import RangeViolation
from tritspike.compiler.frontend.build import build
from tritspike.compiler.frontend.checkpoint import read_checkpoint
from tritspike.compiler.ir.graph import Coincidence, Edge, Graph, Lif, ProductEdge, Relay, self_edge
from tritspike.compiler.ir.printer import show
from tritspike.compiler.ir.verify import verify
from tritspike.compiler.lower import lower
from tritspike.compiler.passes.fold_registers import FoldRegisters
from tritspike.compiler.passes.silence_padding import SilencePadding
from tritspike.compiler.pipeline import DEFAULT, run
from tritspike.hw_profiles.profile import load
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.program import Bias
from tritspike.runtime.simulator import fast, layout, reference
from tritspike.runtime.wiring import Along, Matrix

TINY = dict(seed=0, layers=1, hidden=8, heads=2, head_dim=2, ffn=6, max_length=5, steps=3, embedding_rank=4)
VARIANTS = {
    "mean": TINY,
    "causal-binary": TINY | dict(seed=4, causal=True, weights="binary"),
    "two-layers-first": dict(seed=6, max_length=6, readout="first"),
}
GOLDEN = ["00-frontend", *(f"{n:02}-{step.name}" for n, step in enumerate(DEFAULT, 1))]
BEFORE = {step.name: n for n, step in enumerate(DEFAULT)}  # at this place of the list of graphs
PROFILE = {"two-layers-first": "loihi2"}  # the others: tiny
MOST_BIAS, MOST_WEIGHT = 4095, 127  # mantissas


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(variant, tmp_path_factory) -> Path:
    return random_checkpoint.write(tmp_path_factory.mktemp(variant) / "checkpoint", **VARIANTS[variant])


@pytest.fixture(scope="module")
def graphs(folder, variant) -> list[Graph]:
    """The frontend's graph and the one after each pass."""
    out = [build(read_checkpoint(folder), None)]
    for step in DEFAULT:
        out.append(step.apply(out[-1], load(PROFILE.get(variant, "tiny"))))
    return out


@pytest.fixture(scope="module")
def program(folder, variant):
    return lower(folder, PROFILE.get(variant, "tiny"))


@pytest.fixture(scope="module")
def dumped(tmp_path_factory) -> Path:
    """The folder that --dump-ir writes for the smallest checkpoint."""
    top = tmp_path_factory.mktemp("dumped")
    lower(random_checkpoint.write(top / "checkpoint", **TINY), "tiny", dump=top / "ir")
    return top / "ir"


@pytest.mark.parametrize("name", GOLDEN)
def test_printed_graph(name, dumped, golden):
    golden(f"tiny/{name}.txt", (dumped / f"{name}.txt").read_text())


def test_a_graph_is_dumped_after_each_pass_and_no_golden_file_is_stale(dumped):
    kept = Path(__file__).parent.parent / "golden" / "tiny"
    assert sorted(p.stem for p in dumped.iterdir()) == sorted(p.stem for p in kept.iterdir()) == GOLDEN


@pytest.mark.parametrize("step", DEFAULT, ids=lambda step: step.name)
def test_twice_changes_nothing(step, graphs, variant):
    profile = load(PROFILE.get(variant, "tiny"))
    once = step.apply(graphs[BEFORE[step.name]], profile)
    verify(once, "once")
    twice = step.apply(once, profile)
    verify(twice, "twice")
    assert show(twice) == show(once)


def test_the_whole_table_changes_nothing_in_a_lowered_graph(graphs, variant):
    assert show(run(graphs[-1], load(PROFILE.get(variant, "tiny")))) == show(graphs[-1])


@pytest.mark.parametrize("name", ["prove-ranges", "check-capacity"])
def test_checks_return_the_graph_itself(name, graphs):
    before, after = graphs[BEFORE[name]], graphs[BEFORE[name] + 1]
    assert after is before


# fold-registers


def _values(edge) -> object:
    if isinstance(edge, ProductEdge):
        return edge.weight.mantissa << edge.exponent
    return edge.wiring.mantissa << edge.exponent if isinstance(edge.wiring, Along) else None


def test_fold_keeps_every_number_and_fits_registers(graphs):
    before, after = graphs[0], graphs[1]
    for old, new in zip(before.ops, after.ops):
        assert [_values(e) for e in new.inputs] == [_values(e) for e in old.inputs]
        for edge in new.inputs:
            along = edge.weight if isinstance(edge, ProductEdge) else edge.wiring
            assert isinstance(along, Along | Matrix) or new.name == "readout"
            assert not isinstance(along, Along) or abs(along.mantissa) <= MOST_WEIGHT
        if isinstance(old, Lif) and old.bias is not None:
            assert new.bias is not None and (new.bias.values() == old.bias.values()).all()
            assert np.abs(new.bias.mantissa).max() <= MOST_BIAS
            assert not new.bias.exponent or np.abs(new.bias.values() >> (new.bias.exponent - 1)).max() > MOST_BIAS
    assert any(isinstance(op, Lif) and op.bias is not None and np.abs(op.bias.mantissa).max() > MOST_BIAS for op in before.ops)


@pytest.mark.parametrize(
    "bias, mantissa, exponent",
    [([4095, -4095], [4095, -4095], 0), ([4096, -16], [2048, -8], 1), ([4095 << 7, 128], [4095, 1], 7), ([0, -8192], [0, -2048], 2)],
)
def test_fold_takes_the_smallest_exponent_of_a_bias(graphs, bias, mantissa, exponent):
    folded = _with_bias(graphs[0], np.array(bias), FoldRegisters())
    assert folded.mantissa.tolist() == mantissa and folded.exponent == exponent


def test_fold_drops_a_bias_of_zero(graphs):
    assert _with_bias(graphs[0], np.zeros(2, np.int64), FoldRegisters()) is None


def test_fold_refuses_what_no_register_holds(graphs):
    """A checkpoint's own numbers are refused before; a pass or a frontend of another kind may make others."""
    with pytest.raises(RangeViolation, match=r"^layer\.0\.hidden: biases up to 4097 are not multiples of one power of two with mantissas up to 4095"):
        _with_bias(graphs[0], np.array([4097, 0]), FoldRegisters())
    attended = graphs[0].op("layer.0.attended")
    edges = [replace(e, wiring=replace(e.wiring, mantissa=255)) if isinstance(e.wiring, Along) else e for e in attended.inputs]
    ops = [replace(op, inputs=tuple(edges)) if op.name == attended.name else op for op in graphs[0].ops]
    with pytest.raises(RangeViolation, match=r"^layer\.0\.attended: weight from x 255 is not m << e with \|m\| <= 127 \(hint: 256 is\)$"):
        FoldRegisters().apply(graphs[0].with_ops(ops), load("loihi2"))


def _with_bias(graph: Graph, values, step) -> Bias | None:
    ops = [replace(op, bias=Bias(values.astype(np.int64), 0)) if op.name == "layer.0.hidden" else op for op in graph.ops]
    return step.apply(graph.with_ops(ops), load("loihi2")).op("layer.0.hidden").bias


# silence-padding


def _pads(op) -> list[Edge]:
    return [e for e in op.inputs if isinstance(e, Edge) and e.source == "pad"]


def _least_inhibition(bias: int) -> int:
    """The smallest m << e that outweighs `bias`, by looking at them all."""
    return min(m << e for e in range(8) for m in range(128) if 64 * (m << e) >= bias)


def test_padding_is_inhibited_where_a_bias_is_positive_by_as_little_as_will_do(graphs):
    biased = 0
    for op in graphs[BEFORE["silence-padding"] + 1].ops:
        most = int(op.bias.values().max()) if isinstance(op, Lif) and op.bias is not None else 0
        assert [-(e.wiring.mantissa << e.exponent) for e in _pads(op)] == ([_least_inhibition(most)] if most > 0 else [])
        assert all(abs(e.wiring.mantissa) <= MOST_WEIGHT and e.wiring.source == "i" for e in _pads(op))
        biased += most > 0
    assert biased >= 6


@pytest.mark.parametrize("bias", [-1, 0, 1, 64, 65, 127 * 64, 127 * 64 + 1, 255 * 64, 8190 * 64])
def test_inhibition_of_any_bias(graphs, bias):
    lif = replace(graphs[1].op("layer.0.hidden"), bias=Bias(np.array([bias, -5]), 0), inputs=())
    silenced = SilencePadding().apply(graphs[1].with_ops([lif]), load("loihi2"))
    found = [-(e.wiring.mantissa << e.exponent) for e in _pads(silenced.op(lif.name))]
    assert found == ([_least_inhibition(bias)] if bias > 0 else [])
    assert [op.name for op in silenced.ops] == (["pad", lif.name] if bias > 0 else [lif.name])


# expand-products, assign-latencies, insert-relays


def test_products_become_coincidences(graphs):
    before, after = graphs[BEFORE["expand-products"]], graphs[BEFORE["expand-products"] + 1]
    products = [op.name for op in before.ops for e in op.inputs if isinstance(e, ProductEdge)]
    assert not any(isinstance(e, ProductEdge) for op in after.ops for e in op.inputs)
    assert [op.name for op in after.ops if isinstance(op, Coincidence)] == [f"{name}.and" for name in products] != []


def test_latency_is_the_longest_path(graphs):
    before, after = graphs[BEFORE["assign-latencies"]], graphs[BEFORE["assign-latencies"] + 1]
    assert all(op.latency is None for op in before.ops)
    for op in after.ops:
        spans = [op.latency - after.op(name).latency for name in op.sources()]
        assert min(spans) == 1 if spans else op.latency == 0


def _spans(graph: Graph) -> list[int]:
    return [op.latency - graph.op(e.source).latency - e.stage for op in graph.ops for e in op.inputs if not self_edge(op, e)]


def test_relays_leave_no_edge_longer_than_a_step(graphs):
    before, after = graphs[BEFORE["insert-relays"]], graphs[BEFORE["insert-relays"] + 1]
    assert max(_spans(before)) > 1 and set(_spans(after)) == {1}
    relays = [op for op in after.ops if isinstance(op, Relay)]
    longest = {op.name: max(e.stage for user in after.ops for e in user.inputs if e.source == op.name and not self_edge(user, e)) for op in relays}
    assert longest == {op.name: op.stages - 1 for op in relays} != {}  # tapped to the end and never beyond
    assert all(e.stage == 0 for op in after.ops for e in op.inputs if not isinstance(after.op(e.source), Relay))


def test_every_register_of_the_program_fits_the_profile(program):
    profile = load(program.profile)
    for p in program.populations:
        assert p.vth < 1 << profile.vth_bits, p.name
        if p.bias is not None:
            assert np.abs(p.bias.mantissa).max() < 1 << profile.bias_mantissa_bits and p.bias.exponent <= profile.bias_exponent_max, p.name
    for s in program.synapses:
        assert np.abs(program.csr(s).data).max(initial=0) < 1 << (profile.weight_bits - 1) and s.exponent <= profile.weight_exponent_max, s.name


# the answer


def _texts(longest: int) -> list[str]:
    return random_checkpoint.texts(5, 12, longest)


def _run(program, texts: list[str], positions: int | None = None):
    encoder = Encoder(program)
    program = program if positions is None else program.at_length(positions)
    return reference.run(program, encoder.samples(encoder.tokens(texts), positions), record=True)


def _grid(program, result, name: str) -> np.ndarray:
    """(samples, steps, stages, positions, channels) spikes of a population that has positions."""
    p = program.by_name[name]
    bits = np.unpackbits(result.spikes[name], axis=-1, count=program.size(p))
    return bits.reshape(*bits.shape[:2], p.stages, program.dims.positions, -1)


def test_dumping_changes_no_byte(folder, program, tmp_path):
    program_file.save(program, tmp_path / "plain.tsp")
    program_file.save(lower(folder, program.profile, dump=tmp_path / "ir"), tmp_path / "dumped.tsp")
    assert (tmp_path / "plain.tsp").read_bytes() == (tmp_path / "dumped.tsp").read_bytes()


@pytest.mark.parametrize("length", [2, 3, 4])
def test_a_program_cut_to_a_length_equals_one_lowered_for_it(folder, program, length):
    texts = _texts(length)
    cut, lowered = _run(program, texts, length), _run(lower(folder, program.profile, length=length), texts)
    assert (cut.logits == lowered.logits).all()
    assert len(np.unique(cut.logits, axis=0)) > 1 or length == 2
    assert cut.spikes.keys() == lowered.spikes.keys()
    assert all((cut.spikes[name] == lowered.spikes[name]).all() for name in cut.spikes)


@pytest.mark.parametrize("length", [2, 3, 4])
def test_padding_changes_no_logit_and_no_spike_and_stays_silent(program, length):
    texts = _texts(length)
    short, long = _run(program, texts, length), _run(program, texts)
    assert (short.logits == long.logits).all()
    for p in program.populations:
        if p.axes[0] != "i" or p.name.startswith("pad"):
            continue
        valid, padded = np.split(_grid(program, long, p.name), [length], 3)
        assert (valid == _grid(program.at_length(length), short, p.name)).all(), p.name
        assert not padded.any(), p.name


def test_the_literal_program_with_its_relays_gives_the_same_spikes(program):
    encoder = Encoder(program)
    samples = encoder.samples(encoder.tokens(_texts(4)[:3]))
    quick, literal = (simulator.run(program, samples, record=True) for simulator in (fast, reference))
    assert (quick.logits == literal.logits).all()
    assert [name for name in quick.spikes if (quick.spikes[name] != literal.spikes[name]).any()] == []


def test_without_silence_padding_the_answer_would_depend_on_padding(folder, program):
    loud = lower(folder, program.profile, [step for step in DEFAULT if step.name != "silence-padding"])
    texts = _texts(3)
    assert (_run(loud, texts, 5).logits != _run(loud, texts, 3).logits).any()
    with pytest.raises(ExecutorError, match=r"^layer\.0\.query: fires at padded positions, which fast leaves out \(hint: lower with silence-padding"):
        layout.plan(loud)
    assert all(s.source not in ("pad", "pad.relay") for s in loud.synapses)
