"""Budgets and thread counts that `fast` cannot keep, and programs that it cannot run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME

from tritspike.compiler.lower import lower
from tritspike.compiler.pipeline import DEFAULT
from tritspike.runtime.errors import RangeError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast import run as fast
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.compare import require_equal
from tritspike.runtime.network.neuron import Bias, Resets, Values
from tritspike.runtime.network.wiring import Dense


@pytest.fixture()
def lowered(checkpoint):
    return lower(checkpoint, "loihi2")


@pytest.fixture()
def program(tmp_path):
    """Big enough that one text does not fit a MiB."""
    path = random_checkpoint.write(tmp_path / "big", layers=1, hidden=64, ffn=16000, heads=1, head_dim=2, max_length=120, steps=16)
    program_file.save(lower(path, "kapoho-point"), tmp_path / "p.tsp")
    return tmp_path / "p.tsp"


@pytest.mark.parametrize("command", [("classify", "w1"), ("glue", "--task", "sst2", "--data", "nowhere"), ("perplexity", "--data", "nowhere")])
@pytest.mark.parametrize(
    "option, value, allowed",
    [*(("--threads", n, "1..256") for n in (0, -3, 257)), *(("--memory", n, "1..16,777,216") for n in (0, 10**30, "much", "9" * 5000))],
)
def test_threads_and_memory_out_of_range(shell, command, option, value, allowed):
    """Before anything is read."""
    name, *rest = command
    code, out, err = shell.run(RUNTIME, name, "nowhere.tsp", *rest, option, value)
    shown = value if len(str(value)) <= 40 else str(value)[:40] + " ..."
    expected = f"python -m runtime {name}: error: argument {option}: {shown} is not a whole number in {allowed}"
    assert (code, out, err.splitlines()[-1]) == (2, "", expected)


def test_memory_too_small_for_one_text(program, shell):
    found = shell.refusal(RUNTIME, "classify", program, "w1", "--memory", 1, "--threads", 2)
    assert found == "a memory budget of 1 MiB is too small: 2 texts of 120 tokens at once need 8 MiB (hint: --memory 8, or --threads 1)"
    assert shell.run(RUNTIME, "classify", program, "w1", "--memory", 8, "--threads", 2)[0] == 0
    found = shell.refusal(RUNTIME, "classify", program, "w1", "--memory", 1, "--threads", 1)
    assert found == "a memory budget of 1 MiB is too small: 1 texts of 120 tokens at once need 4 MiB (hint: --memory 4)"


def _changed(program, name, **changes):
    """The network with other fields in one synapse, or in one population's neuron."""
    network = program.network
    populations = tuple(replace(p, neuron=replace(p.neuron, **changes)) if p.name == name else p for p in network.populations)
    synapses = tuple(replace(s, **changes) if s.name == name else s for s in network.synapses)
    return replace(program, network=replace(network, populations=populations, synapses=synapses))


def _declined(program, name) -> str:
    """Why no rule took a population; what `fast` then computes is the reference's."""
    found, taken = plan(program)
    assert found is None
    some = [t for t in taken if t.population == name]
    assert {t.rule for t in some} == {"generic"}
    return "; ".join(why for t in some for _, why in t.declined)


def _require_literal(program, rows) -> None:
    names = ("reference", "fast")
    require_equal(program, literal.run(program, rows, record=True), fast.run(program, rows, record=True), names)


def test_structures_that_no_rule_takes_are_computed_all_the_same(lowered):
    program, rows = lowered.scheduled, Encoder(lowered).rows(random_checkpoint.tokens(0, 3, 12))
    name = "layer.0.hidden<layer.0.attended"
    one = next(s for s in program.network.synapses if s.name == name)
    twice = replace(one, name="again", wiring=replace(one.wiring, gain=one.wiring.gain + 1))
    doubled = replace(program, network=replace(program.network, synapses=(*program.network.synapses, twice)))
    assert "its codes are not -1, 0 and 1 times one gain a row" in _declined(doubled, "layer.0.hidden")
    _require_literal(doubled, rows)
    leaking = _changed(program, "readout", keep=3072)
    assert _declined(leaking, "readout")
    _require_literal(leaking, rows)
    lasting = _changed(program, "layer.0.query", resets=Resets.NEVER)
    assert _declined(lasting, "layer.0.query")
    _require_literal(lasting, rows)


def test_a_structure_that_leaves_a_register_is_refused(lowered):
    strong = Dense(np.ones((24, 16), np.int8), np.full(24, 127), {"position": next(iter(_reads(lowered)))})
    program = _changed(lowered.scheduled, "layer.0.hidden<layer.0.attended", wiring=strong, exponent=7)
    with pytest.raises(RangeError, match=r"^layer\.0\.hidden: the most synaptic input that spikes can bring is 2\d{5}, allowed -131071\.\.131071$"):
        plan(program)


def _reads(lowered):
    """How a hidden neuron reads positions."""
    for s in lowered.network.synapses:
        if s.name == "layer.0.hidden<layer.0.attended":
            yield s.wiring.read["position"]


def test_a_biased_population_without_a_mask_that_is_strong_enough(lowered):
    """Found by running a padded position: one unit of membrane decides."""
    program, p = lowered.scheduled, lowered.network.by_name["layer.0.query"]
    program = replace(program, timing=replace(program.timing, steps=1))
    mask = next(s for s in program.network.inputs(p.name) if s.source == "mask")
    program = _changed(program, mask.name, wiring=replace(mask.wiring, weight=-5), exponent=0)
    rows = Encoder(replace(lowered, scheduled=program)).rows(random_checkpoint.tokens(0, 3, 12))
    for bias, silent in ((64 * (5 + 10), True), (64 * (5 + 10) + 1, False)):
        shape = [grids.extents(p.grid)[name] for name in ("head", "channel")]
        loud = _changed(program, p.name, vth=10, bias=Bias(Values(("head", "channel"), np.full(shape, bias)), 0))
        assert (plan(loud)[0] is not None) == silent
        assert silent or "padded" in _declined(loud, p.name)
        _require_literal(loud, rows)


def test_an_unproved_program_is_refused(tmp_path):
    unproved = [step for step in DEFAULT if step.name not in ("prove-ranges", "check-capacity")]
    gain = {"layer.0.hidden.gain": np.full(24, 127, np.int8)}
    program = lower(random_checkpoint.write(tmp_path / "c", hidden=2200, layers=1, weights="binary", tensors=gain), "loihi2", unproved)
    with pytest.raises(RangeError, match=r"^layer\.0\.hidden: the most synaptic input that spikes can bring is -?\d{6}, allowed -131071\.\.131071$"):
        plan(program.scheduled)
