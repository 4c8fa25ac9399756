"""Scheduled networks on stock Lava: its model classes in this process on all of them, its runtime on a few; both as the literal simulator."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import kill_lava
import numpy as np
import pytest
import random_checkpoint
import random_network
from random_network import require_same

from tritspike.compiler.lower import lower
from tritspike.compiler.schedule import schedule
from tritspike.runtime import arith
from tritspike.runtime.errors import ExecutorError, InputError, RangeError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.lava import room
from tritspike.runtime.executors.lava.plan import findings, plan
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Windows
from tritspike.runtime.network.neuron import Bias, Neuron, Resets, Values, numbers
from tritspike.runtime.network.state import State
from tritspike.runtime.network.terms import linear, same

pytest.importorskip("lava.magma", reason="lava-nc is not installed")

import lava_network

from tritspike.runtime.executors.lava import executor

from lava.proc.lif.process import LIF  # isort: skip  (after the remedy in stock.py)

SEEDS = range(400)
SHIPPED = Path(__file__).resolve().parents[2] / "models" / "zoo" / "sst2-one-chip"


# Lava's model classes


@pytest.mark.parametrize("part", range(8))
def test_every_spike_and_reading_of_random_networks(part):
    for seed in SEEDS[part::8]:
        require_same(random_network.expected(seed), lava_network.run(*random_network.drawn(seed)))


def test_a_step_is_lava_s_up_to_the_edges_of_every_register():
    """Each neuron with registers of its own, which the model class takes on a CPU; currents up to the last that does not wrap."""
    rng, n, saturated = np.random.default_rng(0), 20_000, 0
    keep_u, keep = rng.choice([0, 1, 4095], n), rng.choice([1, 4095, 4096], n)
    keep_u, keep = (np.where(rng.random(n) < 0.7, rng.integers(1, 4096, n), some) for some in (keep_u, keep))
    vth = rng.choice([0, 1, 1000, 50_000, arith.VTH_LIMIT], n)
    mantissa, exponent = rng.choice([0, 1, -1, 4095, -4095], n), rng.integers(0, 8, n)
    ours = State("p", Resets.NEVER, keep, keep_u, vth << arith.INPUT_SHIFT, mantissa << exponent)
    ours.start((n,))
    model = lava_network.model(LIF(shape=(n,), du=4095 - keep_u, dv=4096 - keep, vth=vth, bias_mant=mantissa, bias_exp=exponent))
    for _ in range(60):
        wanted = rng.choice([-arith.V_LIMIT + 63, -1000, 0, 1000, arith.V_LIMIT, *rng.integers(-arith.V_LIMIT, arith.V_LIMIT, 5)], n)
        total = (wanted - arith.decay(ours.u, keep_u)) >> arith.INPUT_SHIFT
        spikes, model.a_in.data = ours.advance(total), total.astype(np.int32)
        model.run_spk()
        assert (model.s_out.data == spikes).all() and (model.u == ours.u).all() and (model.v == ours.v).all()
        saturated += int((abs(model.v) == arith.V_LIMIT).sum())
    assert saturated > 1000


@pytest.mark.parametrize("part", range(2))
def test_a_population_whose_neurons_differ_is_spread_over_processes(part):
    spread = 0
    for seed in SEEDS[part::16]:
        program, inputs = random_network.varied(random_network.drawn(seed)[0], seed), random_network.drawn(seed)[1]
        require_same(literal.run(program, inputs, record=True), lava_network.run(program, inputs))
        spread += any(len(parts) > 1 for parts in plan(program).parts.values())
    assert spread > 10


@pytest.mark.parametrize("kind", [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")], ids=str)
def test_programs_of_texts(kind, tmp_path):
    readout, head = kind
    program = lower(random_checkpoint.write(tmp_path / "c", 1, readout=readout), "loihi2", head=head)
    rows = Encoder(program).rows(random_checkpoint.tokens(5, 4, 12))
    require_same(literal.run(program.scheduled, rows, record=True), lava_network.run(program.scheduled, rows))


def test_what_lava_resets_is_tried_before_the_first_window_too():
    """A population of a latency beyond a period, or a sequence, has begun one before its first."""
    early = {Resets.WINDOW: 0, Resets.SEQUENCE: 0}
    for program, _ in map(random_network.drawn, SEEDS):
        for p in program.network.populations:
            span = program.timing.period * (getattr(program.timing, "slot", 1) if p.neuron and p.neuron.resets is Resets.SEQUENCE else 1)
            if p.neuron and p.neuron.resets in early and 0 < span <= program.latency[p.name]:
                early[p.neuron.resets] += 1
    assert early[Resets.WINDOW] > 50 and early[Resets.SEQUENCE] > 20, early


# the plan


def test_few_processes_whatever_the_program():
    """Each costs half a millisecond a step. The shipped one, run and recorded: neurons of 6 kinds and 2 ports, joined by what is between them."""
    program = lower(SHIPPED, "loihi2").at_length(8).scheduled
    planned, neurons = plan(program), [p.name for p in program.network.populations if p.neuron]
    assert (len(planned.groups), planned.processes(), planned.processes(planned.homes(neurons))) == (8, 30, 36)


def test_weights_between_two_groups_add_up_in_as_few_processes_as_hold_them():
    rng = np.random.default_rng(0)
    for exponents in ((0, 0), (0, 3), (7, 2), (1, 5, 3)):
        net = Net()
        x = net.input("x", features=9)
        weights = [rng.integers(-127, 128, (7, 9)) for _ in exponents]
        terms = [linear(x, w, into="rows").scaled(e) for w, e in zip(weights, exponents)]
        net.readout("out", sum(terms[1:], terms[0]))
        links = plan(schedule(net.network(), Windows(1))).links
        assert len(links) == 2 and all(abs(k.weights).max() <= 127 and 0 <= k.exponent <= 7 for k in links)
        assert (sum(k.weights.toarray().astype(int) << k.exponent for k in links) == sum(w << e for w, e in zip(weights, exponents))).all()


def test_one_process_where_weights_are_multiples():
    net = Net()
    x = net.input("x", features=5)
    net.readout("out", same(x, 127).scaled(3) + same(x, -100).scaled(3) + same(x, 3).scaled(4))
    (link,) = plan(schedule(net.network(), Windows(1))).links
    assert link.exponent == 2 and (link.weights.toarray() == 66 * np.eye(5)).all()


def test_weights_that_cancel_are_no_synapses():
    net = Net()
    x = net.input("x", features=5)
    net.readout("out", same(x, 5) + same(x, -5))
    assert plan(schedule(net.network(), Windows(1))).links == ()


# its runtime


def features(program) -> set[str]:
    """What a network has that a runtime could get wrong."""
    neurons = [p.neuron for p in program.network.populations if p.neuron]
    found = {f"resets {n.resets.value}" for n in neurons} | {type(program.timing).__name__} | {p.reads.value for p in program.network.probes}
    found |= {"current memory"} if any(numbers(n.keep_u).max() > 0 for n in neurons) else set()
    found |= {"loop"} if any(len(group) > 1 for group in random_network.groups(program)) else set()
    found |= {"slots"} if getattr(program.timing, "slot", 0) and "resets sequence" in found else set()
    found |= {"pieces"} if any(not link.weights.nnz for link in plan(program).links) else set()
    return found


ON_THE_RUNTIME = (232, 130, 26, 180)


def test_the_few_have_everything():
    programs = [random_network.drawn(seed)[0] for seed in ON_THE_RUNTIME]
    found = set.union(*map(features, programs))
    assert found == {
        *("Windows", "Stream", "resets window", "resets sequence", "resets never"),
        *("membrane", "count", "current memory", "loop", "slots", "pieces"),
    }
    spiking = [name for seed in ON_THE_RUNTIME for name, s in random_network.expected(seed).spikes.items() if name[0] == "p" and 0 < s.mean() < 1]
    assert len(spiking) > 50


@pytest.mark.parametrize("seed", ON_THE_RUNTIME)
def test_on_the_runtime(seed):
    before_it = set(room.SHM.iterdir())
    require_same(random_network.expected(seed), executor.run(*random_network.drawn(seed), record=True, limit=120))
    assert set(room.SHM.iterdir()) <= before_it


def test_registers_that_differ_on_the_runtime():
    program, inputs = random_network.varied(random_network.drawn(19)[0], 19), random_network.drawn(19)[1]
    assert any(len(parts) > 1 for parts in plan(program).parts.values())
    found, expected = executor.run(program, inputs, limit=120), literal.run(program, inputs, record=True)
    assert found.spikes is None
    require_same(expected, replace(found, spikes=expected.spikes))


# what is refused


def one(neuron: Neuron):
    net = Net()
    x = net.input("x", features=4)
    net.count(net.population("p", same(x), neuron))
    return schedule(net.network(), Windows(2)), random_network.Played(2, 2, 0)


@pytest.mark.parametrize(
    "neuron, words",
    [
        (Neuron(keep=1, vth=1, keep_u=4096), "p: keep_u is 4096..4096, allowed 0..4095"),
        (Neuron(keep=0, vth=1, keep_u=1), "p: keep of neurons with a current memory is 0..0, allowed 1..4096"),
        (Neuron(keep=4097, vth=-1), "p: vth is -1, allowed 0..131071; p: keep is 4097, allowed 0..4096"),
        (Neuron(keep=1, vth=1, bias=Bias(4096, 8)), "p: bias is 4096 << 8, allowed up to 4095 << 0..7"),
        (
            Neuron(keep=Values(("features",), np.array([0, 0, 1, 2])), vth=1, keep_u=Values(("features",), np.array([0, 9, 0, 9]))),
            "p: keep of neurons with a current memory is 0..2, allowed 1..4096",
        ),
    ],
)
def test_registers_that_lava_cannot_hold(neuron, words):
    with pytest.raises((ExecutorError, RangeError)) as refused:
        executor.run(*one(neuron))
    assert str(refused.value) == words


def test_what_keeps_nothing_is_cleared_at_every_step():
    program, inputs = one(Neuron(keep=0, vth=0))
    (group,) = (g for g in plan(program).groups if g.registers)
    assert not list(findings(program)) and (group.registers.interval, group.registers.offset) == (1, 0)
    require_same(literal.run(program, inputs, record=True), lava_network.run(program, inputs))


def test_all_that_is_refused_is_said_in_one_line(monkeypatch):
    program, inputs = one(Neuron(keep=1, vth=1, keep_u=4096))
    monkeypatch.setattr(room, "MOST_PROCESSES", 3)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    monkeypatch.setattr(room.resource, "getrlimit", lambda what: (64, 100))
    with pytest.raises(ExecutorError) as refused:
        executor.run(program, inputs)
    assert str(refused.value) == (
        "p: keep_u is 4096..4096, allowed 0..4095; "
        "Lava: the number of processes that neurons and synapses of so many kinds need is 4, allowed up to 3: share thresholds and leaks; "
        "/dev/shm: what Lava's channels need of it, in MiB, is 0, allowed up to 0, which are free: mount a larger one; "
        "Lava: the number of open files for 4 processes is 176, allowed up to 100: ulimit -n"
    )


@pytest.mark.parametrize("hard", [176, room.resource.RLIM_INFINITY])
def test_a_soft_limit_of_files_is_raised(hard, monkeypatch):
    limits = []
    monkeypatch.setattr(room.resource, "getrlimit", lambda what: (64, hard))
    monkeypatch.setattr(room.resource, "setrlimit", lambda what, pair: limits.append(pair))
    assert not list(room.findings(4, 0))
    room.raise_files(4)
    assert limits == [(176, hard)]


def test_thousands_of_kinds_are_refused_at_once():
    vth = Values(("features",), np.arange(3000))
    net = Net()
    x = net.input("x", features=3000)
    first = net.population("first", same(x), Neuron(keep=1, vth=vth))
    net.count(net.population("second", same(first), Neuron(keep=2, vth=vth)))
    with pytest.raises(ExecutorError, match=r"^Lava: the number of processes .* is \d{4,5}, allowed up to 160"):
        executor.run(schedule(net.network(), Windows(1)), random_network.Played(1, 1, 0))


def test_a_port_that_nothing_hears_is_no_process():
    net = Net()
    x, y = net.input("x", features=3), net.input("y", features=3)
    net.count(net.lif("p", same(x), keep=1, vth=0))
    net.count(y)
    program, inputs = schedule(net.network(), Windows(2)), random_network.Played(3, 2, 0)
    assert plan(program).processes() == 3
    require_same(literal.run(program, inputs, record=True), executor.run(program, inputs, record=True, limit=120))


def test_nothing_to_play():
    program, _ = one(Neuron(keep=1, vth=1))
    with pytest.raises(InputError, match="no windows to play"):
        executor.run(program, random_network.Played(0, 2, 0))


# what is left


def test_a_run_out_of_time_says_so_and_leaves_nothing():
    before_it = set(room.SHM.iterdir())
    with pytest.raises(ExecutorError, match=r"Lava did not finish within 1 s and was killed; its last words: none \(hint: raise --time-limit\)"):
        executor.run(*random_network.drawn(68), limit=1)
    assert set(room.SHM.iterdir()) <= before_it


_USER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
import random_network
from tritspike.runtime.executors.lava import executor
program, _ = random_network.drawn(68)
executor.run(program, random_network.Played(3000, program.timing.steps, 0), record=True)
"""


def test_a_killed_run_leaves_nothing(tmp_path):
    run = kill_lava.Run(tmp_path / "run", command=("-c", _USER))
    run.wait_for(lambda run: len(run.processes()) > 12 and len(run.segments()) > 20)
    assert run.started.poll() is None
    run.started.send_signal(signal.SIGKILL)
    trial = run.ended("SIGKILL", "")
    assert (trial.code, trial.left) == (-9, ([], [], [])), trial
