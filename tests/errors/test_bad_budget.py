"""Budgets and thread counts that `fast` cannot keep, and programs that it cannot run."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME

from tritspike.compiler.lower import lower
from tritspike.compiler.pipeline import DEFAULT
from tritspike.runtime import limits
from tritspike.runtime.errors import ExecutorError, InputError, RangeError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.program import Bias
from tritspike.runtime.simulator import fast, layout
from tritspike.runtime.wiring import Along, Matrix


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


@pytest.mark.parametrize("threads", [0, -3, 257])
def test_thread_count_through_the_api(lowered, threads):
    with pytest.raises(InputError, match=rf"^{threads} threads, allowed 1\.\.256 \(hint: this machine has {limits.cores()} cores\)$"):
        fast.batch_tokens(lowered, threads, limits.MEMORY)


def test_memory_too_small_for_one_text(program, shell):
    found = shell.refusal(RUNTIME, "classify", program, "w1", "--memory", 1, "--threads", 2)
    assert found == "a memory budget of 1 MiB is too small: 2 texts of 120 tokens at once need 8 MiB (hint: --memory 8, or --threads 1)"
    assert shell.run(RUNTIME, "classify", program, "w1", "--memory", 8, "--threads", 2)[0] == 0
    found = shell.refusal(RUNTIME, "classify", program, "w1", "--memory", 1, "--threads", 1)
    assert found == "a memory budget of 1 MiB is too small: 1 texts of 120 tokens at once need 4 MiB (hint: --memory 4)"


def test_the_budget_shares_memory_among_threads(lowered):
    token = layout.bytes_per_token(lowered, 12)
    assert fast.batch_tokens(lowered, 1, token * 100) == 100 and fast.batch_tokens(lowered, 4, token * 100) == 25
    assert fast.batch_tokens(lowered, 1, 1 << 40) == 1024
    with pytest.raises(InputError):
        fast.batch_tokens(lowered, 4, token * 12 * 4 - 1)


def _changed(program, name, **changes):
    """The program with other fields in one population or synapse."""
    populations = tuple(replace(p, **changes) if p.name == name else p for p in program.populations)
    synapses = tuple(replace(s, **changes) if s.name == name else s for s in program.synapses)
    return replace(program, populations=populations, synapses=synapses)


def test_structures_that_no_kernel_knows(lowered):
    name = "layer.0.hidden<layer.0.attended"
    one = next(s for s in lowered.synapses if s.name == name)
    twice = replace(one, name="again", wiring=replace(one.wiring, gain=one.wiring.gain + 1))
    known = r"^layer\.0\.hidden: fast knows one source's matrices of -1, 0 and 1 with at most one identity, or one product without bias; here: "
    with pytest.raises(ExecutorError, match=known + r"Matrix from layer\.0\.attended, Matrix from"):
        layout.plan(replace(lowered, synapses=(*lowered.synapses, twice)))
    strong = Matrix(np.ones((24, 16), np.int8), np.full(24, 127))
    with pytest.raises(RangeError, match=r"^layer\.0\.hidden: synaptic input can reach"):
        layout.plan(_changed(lowered, name, wiring=strong, exponent=7))
    with pytest.raises(ExecutorError, match=r"^readout: fast knows readouts that are reset with each sample, keep all of their membrane"):
        layout.plan(_changed(lowered, "readout", keep=3072))


def test_a_biased_population_without_a_mask_that_is_strong_enough(lowered):
    """Found by running a padded position: one unit of membrane decides."""
    p = lowered.by_name["layer.0.query"]
    mask = next(s for s in lowered.synapses if s.target == p.name and isinstance(s.wiring, Along) and "pad" in s.source)
    lowered = _changed(lowered, mask.name, wiring=replace(mask.wiring, mantissa=-5), exponent=0)
    for bias, silent in ((64 * (5 + 10), True), (64 * (5 + 10) + 1, False)):
        loud = replace(_changed(lowered, p.name, vth=10, bias=Bias(np.full(len(p.bias.mantissa), bias), 0)), steps=1)
        if silent:
            layout.plan(loud)
            continue
        with pytest.raises(ExecutorError, match=r"^layer\.0\.query: fires at padded positions, which fast leaves out"):
            layout.plan(loud)


def test_an_unproved_program_is_refused(tmp_path):
    unproved = [step for step in DEFAULT if step.name != "prove-ranges"]
    gain = {"layer.0.hidden.gain": np.full(24, 127, np.int8)}
    program = lower(random_checkpoint.write(tmp_path / "c", hidden=2200, layers=1, weights="binary", tensors=gain), "loihi2", unproved)
    with pytest.raises(RangeError, match=r"^layer\.0\.hidden: synaptic input can reach 14\d{4} at one neuron, allowed below 131072$"):
        layout.plan(program)


DEEP = dict(layers=12, ffn=64)


def held(program, tokens, count) -> int:
    """Bytes that a run allocates at most, beside what it is given and what it answers."""
    samples = Encoder(program).samples(tokens)
    fast.run(program, samples, count=count)  # plans and compiles
    tracemalloc.start()
    try:
        result = fast.run(program, samples, count=count)
        return tracemalloc.get_traced_memory()[1] - result.read.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [False, True])
@pytest.mark.parametrize(
    "shape",
    [DEEP, dict(layers=1, window=8, hidden=256, ffn=8), dict(layers=2, readout="each", hidden=128)],
    ids=["deep", "window", "each"],
)
def test_the_promise_is_kept(shape, count, tmp_path):
    """What is promised a token is what is held a token: buffers go after their last use, counting or not; a window's copy is among them."""
    program = lower(random_checkpoint.write(tmp_path / "c", 0, **shape), "hala-point")
    tokens = random_checkpoint.tokens(0, 400, program.dims.positions)
    promised = layout.bytes_per_token(program, program.dims.positions) * sum(len(ids) for ids, _ in tokens)
    given = sum(len(ids) for ids, _ in tokens) * program.steps * 8 * -(-program.dims.hidden // 64)  # x, which is encoded before
    assert promised / 2 < held(program, tokens, count) + given <= promised * 1.05 + (200 << 10)
