"""Models that some input could push out of a register are refused, at the very unit where the strict simulator would raise."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
from command import LOWER

from tritspike.compiler.lower import lower
from tritspike.compiler.passes.check_capacity import CheckCapacity
from tritspike.compiler.passes.prove_ranges import ProveRanges
from tritspike.compiler.pipeline import DEFAULT
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import pack_codes
from tritspike.runtime.errors import RangeError
from tritspike.runtime.program import Samples
from tritspike.runtime.simulator import fast, reference

UNPROVED = tuple(step for step in DEFAULT if not isinstance(step, ProveRanges | CheckCapacity))  # both bound the readout


def always(name: str, rows: int, columns: int, gain: int = 1) -> dict[str, np.ndarray]:
    """A population that fires at every step, whatever it hears: codes of one, threshold 0, biases above it."""
    return {
        f"layer.0.{name}.codes": pack_codes(np.ones((rows, columns), np.int8), "ternary"),
        f"layer.0.{name}.gain": np.full(rows, gain, np.int8),
        f"layer.0.{name}.bias": np.full(rows, 4095, np.int32),
        f"layer.0.{name}.vth": np.zeros(1, np.int32),
    }


def accumulator(folder, skip: int):
    """127 * 1032 + skip synaptic units into each neuron of layer.0.output, where all of hidden and attended fire."""
    tensors = always("attended", 1, 1) | always("hidden", 1032, 1) | always("output", 1, 1032, 127)
    return random_checkpoint.write(
        folder,
        layers=1,
        hidden=1,
        heads=1,
        head_dim=1,
        ffn=1032,
        steps=2,
        max_length=1,
        tensors=tensors | {"layer.0.output.skip": np.array([skip], np.int32)},
    )


def readout(folder, zeros: int = 0, sign: int = 1, **changes):
    """4 positions of 512 firing neurons into the classes over 64 steps, less `zeros` synapses a position."""
    codes = np.full((2, 512), sign, np.int8)
    codes[:, :zeros] = 0
    tensors = always("attended", 512, 1) | always("hidden", 1, 512) | always("output", 512, 1)
    return random_checkpoint.write(
        folder,
        layers=1,
        hidden=512,
        heads=1,
        head_dim=1,
        ffn=1,
        steps=64,
        max_length=4,
        tensors=tensors | {"readout.codes": pack_codes(codes, "ternary")},
        **changes,
    )


def worst(program) -> Samples:
    d = program.dims
    return Samples.of(np.ones((1, program.steps, d.positions, d.hidden), np.bool_), np.array([d.positions]))


def test_accumulator_overflow_is_refused(shell, tmp_path):
    found = shell.lowering_refusal(accumulator(tmp_path / "checkpoint", skip=8))
    assert found == (
        "layer.0.output: some input drives 131072 synaptic units into one neuron, allowed below 131072 "
        "(hint: lower its gains, or compile for a shorter --length)"
    )


def test_accumulator_overflow_is_real(tmp_path):
    program = lower(accumulator(tmp_path / "checkpoint", skip=8), "loihi2", UNPROVED)
    with pytest.raises(RangeError, match=r"^layer\.0\.output: synaptic input 131072 at one neuron, allowed below 131072$"):
        reference.run(program, worst(program))


def test_accumulator_one_unit_below_is_accepted(shell, tmp_path):
    folder = accumulator(tmp_path / "checkpoint", skip=7)
    assert shell.run(LOWER, folder, "--out", tmp_path / "program.tsp")[::2] == (0, "")
    program = lower(folder, "loihi2")
    assert program.input_bounds("layer.0.output")[0] == 131071 == arith.A_LIMIT - 1
    assert (reference.run(program, worst(program)).logits == fast.run(program, worst(program)).logits).all()


def test_accumulator_underflow_is_refused(shell, tmp_path):
    """Gain and codes of one sign or the other; inhibition of the padding counts too: ceil(4095 / 64) = 64 units."""
    folder = accumulator(tmp_path / "checkpoint", skip=0)
    tensors = always("attended", 1, 1) | always("hidden", 1032, 1) | always("output", 1, 1032, -127)
    random_checkpoint.write(folder, layers=1, hidden=1, heads=1, head_dim=1, ffn=1032, steps=2, max_length=1, tensors=tensors)
    assert shell.lowering_refusal(folder) == (
        "layer.0.output: some input drives -131128 synaptic units into one neuron, allowed below 131072 "
        "(hint: lower its gains, or compile for a shorter --length)"
    )


HINT = "(hint: compile for a shorter --length, or read the first position only)"


@pytest.mark.parametrize("sign, what", [(1, "fire"), (-1, "saturate")])
def test_readout_out_of_range_is_refused(sign, what, shell, tmp_path):
    expected = f"readout: some input makes the readout {what}: 131072 synaptic units over 64 steps, allowed 131071 {HINT}"
    assert shell.lowering_refusal(readout(tmp_path / "checkpoint", sign=sign)) == expected


def test_readout_would_really_fire(tmp_path):
    program = lower(readout(tmp_path / "checkpoint"), "loihi2", UNPROVED)
    last = program.readout.latency + 64
    with pytest.raises(RangeError, match=rf"^readout: the readout fired at step {last}; its membrane must stay within 64 \* 131071$"):
        reference.run(program, worst(program))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("how", ["a code of zero", "both hints"])
def test_readout_just_inside_is_accepted(sign, how, shell, tmp_path):
    out = ("--out", tmp_path / "program.tsp")
    if how == "a code of zero":
        assert shell.run(LOWER, readout(tmp_path / "checkpoint", zeros=1, sign=sign), *out)[::2] == (0, "")
    else:
        assert shell.run(LOWER, readout(tmp_path / "checkpoint", sign=sign), *out, "--length", 3)[::2] == (0, "")
        assert shell.run(LOWER, readout(tmp_path / "checkpoint", sign=sign, readout="first"), *out)[::2] == (0, "")


def test_readout_just_inside_stays_inside(tmp_path):
    program = lower(readout(tmp_path / "checkpoint", zeros=1), "loihi2")
    found = reference.run(program, worst(program)).logits - 4 * program.host.class_bias
    assert found.tolist() == [[64 * 511 * 4 * 64] * 2]
