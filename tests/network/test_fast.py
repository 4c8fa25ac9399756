"""`fast` by proof: what rules take is packed, what they do not runs as any network does, and either way every spike is the literal one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import random_network
import text_network
from shipped import STREAMS, WINDOWED
from text_network import require_literal

from tritspike.compiler.lower import lower
from tritspike.compiler.schedule import schedule
from tritspike.runtime.errors import InputError, RangeError
from tritspike.runtime.executors.fast.flow import flow
from tritspike.runtime.executors.fast.plan import GENERIC, plan
from tritspike.runtime.executors.fast.run import packed
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import file
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.network import Stream, Windows
from tritspike.runtime.network.neuron import Bias, Resets, Values
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.terms import conv2d, linear, same
from tritspike.runtime.network.wiring import Dense, Join
from tritspike.runtime.network.wiring.maps import At, Follow


@pytest.mark.parametrize("folder", WINDOWED + STREAMS, ids=lambda path: path.name)
def test_no_program_of_a_shipped_checkpoint_has_a_generic_part(folder):
    streams = folder in STREAMS
    found, taken = (flow if streams else plan)(lower(folder, "hala-point", length=None if streams else 16).scheduled)
    own = {"gate-sequence", "lasting-trace"} if streams else {"keep-product", "spiking-attention"}
    assert found is not None and {t.rule for t in taken} >= {"play-port", "skip-repeater", "shared-linear"} | own


@pytest.mark.parametrize("plainly", [True, False])
@pytest.mark.parametrize("readout, head", [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")])
def test_programs_of_texts_are_packed(readout, head, plainly, tmp_path):
    for seed in range(3):
        program = lower(random_checkpoint.write(tmp_path / str(seed), seed, readout=readout), "loihi2", head=head)
        assert plan(program.scheduled)[0] is not None
        encoder = Encoder(program)
        require_literal(program.scheduled, encoder.rows(encoder.tokens(random_checkpoint.texts(seed, 5, 12))), plainly)


@pytest.mark.parametrize("part", range(8))
def test_any_network_runs_as_it_comes_back_from_a_file(part, tmp_path):
    for seed in range(part, 400, 8):
        program, inputs = random_network.drawn(seed)
        file.save(program, tmp_path / "n.tsn")
        require_literal(file.load(tmp_path / "n.tsn"), inputs, expected=random_network.expected(seed))


@pytest.mark.parametrize("part", range(4))
def test_random_networks_of_texts_are_the_literal_ones(part):
    for seed in range(part, 240, 4):
        program, rows = text_network.drawn(seed)
        assert plan(program)[0] is not None, seed
        require_literal(program, rows, plainly=bool(seed // 4 % 2))


def mlp(seed: int, keep=3000, resets=Resets.WINDOW, layers: int = 3) -> Net:
    rng, net = np.random.default_rng(seed), Net()
    at = net.input("x", features=70)
    for n in range(layers):
        codes = rng.integers(-1, 2, (60 + 7 * n, at.grid[-1].size))
        at = net.lif(
            f"h{n}", linear(at, codes, rng.integers(1, 40, len(codes))), keep=keep, vth=90, bias=rng.integers(-900, 900, len(codes)), resets=resets
        )
    net.readout("class", linear(at, rng.integers(-9, 10, (10, at.grid[-1].size))))
    return net


def spikes(seed: int, windows: int, steps: int, features: int) -> Rows:
    return packed({"x": np.random.default_rng(seed).random((windows, steps, features)) < 0.3})


def test_a_network_without_texts_is_packed_window_by_window():
    program = schedule(mlp(0).network(), Windows(5))
    assert plan(program)[0] is not None
    for plainly in (True, False):
        require_literal(program, spikes(1, 40, 5, 70), plainly)


@pytest.mark.parametrize(
    "change, why",
    [
        (dict(resets=Resets.NEVER), "not reset with each window"),
        (dict(resets=Resets.SEQUENCE), "not reset with each window"),
        (dict(keep=np.arange(60)), "differ in leak or threshold"),
    ],
)
def test_what_is_not_proved_is_said_and_runs(change, why):
    layers = 1 if "keep" in change else 3
    program = schedule(mlp(2, layers=layers, **change).network(), Windows(4))
    found, taken = plan(program)
    assert found is None and any(why in said for t in taken if t.rule == GENERIC for _, said in t.declined)
    require_literal(program, spikes(3, 6, 4, 70))


def test_streams_and_convolutions_run_too():
    net = Net()
    x = net.input("x", Axis("y", 6), Axis("x", 6), Axis("features", 1))
    codes = np.random.default_rng(0).integers(-1, 2, (4, 1, 3, 3))
    seen = net.lif("seen", conv2d(x, codes, 20), keep=3000, vth=30, resets=Resets.NEVER)
    net.join(seen, same(seen, -5, delay=1))
    net.count(seen)
    program = schedule(net.network(), Stream(3, 8))
    require_literal(program, packed({"x": np.random.default_rng(1).random((9, 3, 36)) < 0.4}))


# tampering: whatever one register is changed to, fast gives the literal spikes or refuses


def changed(program, where: int):
    """Every network that differs in one register, weight, rule or step of latency, one after another."""
    network = program.network
    for n, p in enumerate(network.populations):
        for neuron in _neurons(p.neuron, p) if p.neuron else ():
            populations = (*network.populations[:n], replace(p, neuron=neuron), *network.populations[n + 1 :])
            yield f"{p.name}: {neuron}", replace(program, network=replace(network, populations=populations))
    for n, s in enumerate(network.synapses):
        for synapse in _synapses(s):
            synapses = (*network.synapses[:n], synapse, *network.synapses[n + 1 :])
            yield f"{s.name}", replace(program, network=replace(network, synapses=synapses))
    for names in (n for k in (1, 2, 3) for n in itertools.combinations(("score.and", "score", "context.and"), k)):
        yield f"causal: {names}", _on_grids(program, names, lambda grid: tuple(replace(a, causal=True) if isinstance(a, Pairs) else a for a in grid))
    yield "a readout in rows", _on_grids(program, ("class",), lambda grid: (Axis("position", 5, grows=True), *grid), rows=("features",))
    for name, at in program.latency.items():
        yield from ((f"{name} at {at + d}", replace(program, latency={**program.latency, name: at + d})) for d in (-1, 1))


def _on_grids(program, names, change, **wiring):
    """With other grids of the populations `names`, and in the matrices into them what `wiring` says."""
    network = program.network
    populations = tuple(replace(p, grid=change(p.grid)) if p.name in names else p for p in network.populations)
    synapses = tuple(replace(s, wiring=replace(s.wiring, **wiring)) if s.target in names and wiring else s for s in network.synapses)
    return replace(program, network=replace(network, populations=populations, synapses=synapses))


def _neurons(n, p):
    yield from (replace(n, keep=n.keep + d) for d in (-1, 1) if 0 <= n.keep + d <= 4096)
    yield from (replace(n, vth=n.vth + d) for d in (-1, 1) if 0 <= n.vth + d < 1 << 17)
    yield replace(n, keep_u=1000)
    yield from (replace(n, resets=r) for r in Resets if r is not n.resets)
    inner = tuple(axis for axis in p.grid if isinstance(axis, Axis) and not axis.grows)
    shape = grids.shape(inner)
    values = n.bias.each(inner) if n.bias and inner else 0
    for change in (64, -64):
        some = np.clip((np.broadcast_to(values, grids.size(inner)).reshape(shape) + change) >> 3, -4095, 4095)
        yield replace(n, bias=Bias(Values(grids.names(inner), some), 3))


def _synapses(s):
    yield replace(s, exponent=s.exponent + 1)
    w = s.wiring
    if isinstance(w, Join):
        yield from (replace(s, wiring=replace(w, weight=w.weight + d)) for d in (-1, 1))
        yield from (replace(s, wiring=replace(w, read=read)) for read in _reads(w.read))
    if isinstance(w, Dense):
        flipped = w.codes.copy()
        flipped[0, 0] = 1 if flipped[0, 0] != 1 else -1
        yield replace(s, wiring=replace(w, codes=flipped))
        yield replace(s, wiring=replace(w, gain=w.gain + (np.arange(len(w.gain)) == 0)))
        moved = {name: replace(r, offset=r.offset - 1) if isinstance(r, Follow) else r for name, r in w.read.items()}
        yield replace(s, wiring=replace(w, read=moved))


def _reads(read):
    """Maps that read one coordinate otherwise, or two the other way round."""
    for name, rule in read.items():
        yield {**read, name: replace(rule, offset=rule.offset - 1) if isinstance(rule, Follow) else At(0)}
    for a, b in itertools.combinations(read, 2):
        yield {**read, a: read[b], b: read[a]}


def test_the_network_to_tamper_with_is_packed():
    program = text_network.small()
    found, taken = plan(program)
    assert found is not None, [t for t in taken if t.rule == GENERIC]
    assert {t.rule for t in taken} == {"play-port", "skip-repeater", "keep-product", "spiking-attention", "shared-linear", "sum-readout"}
    require_literal(program, text_network.rows(), False)


def test_whatever_one_register_is_changed_to_the_spikes_are_the_literal_ones():
    program = text_network.small()
    rows, tried, generic = text_network.rows(), 0, 0
    for what, tampered in changed(program, 0):
        try:
            require_literal(tampered, rows)
        except (InputError, RangeError):
            continue
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from None
        tried, generic = tried + 1, generic + (plan(tampered)[0] is None)
    assert tried > 150 and 30 < generic < tried - 30, (tried, generic)
