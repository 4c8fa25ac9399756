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
from tritspike.runtime import arith, bits
from tritspike.runtime.checkpoint import pack_codes
from tritspike.runtime.errors import RangeError
from tritspike.runtime.host.batches import run
from tritspike.runtime.network.rows import Rows

HINT = "(hint: smaller weights; for texts also a shorter --length, an answer from the first position alone, or a language model's head on the host)"
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


def worst(program) -> Rows:
    """One text in which everything that is played fires at every step."""
    words = bits.pack(np.ones((program.positions, program.steps, program.hidden), np.bool_))
    return Rows({"x": words}, np.array([program.positions]), program.positions)


def test_accumulator_overflow_is_refused(shell, tmp_path):
    found = shell.lowering_refusal(accumulator(tmp_path / "checkpoint", skip=8))
    assert found == f"layer.0.output: the most synaptic input that spikes can bring is 131072, allowed -131071..131071 {HINT}"


def test_accumulator_overflow_is_real(tmp_path):
    program = lower(accumulator(tmp_path / "checkpoint", skip=8), "loihi2", UNPROVED)
    with pytest.raises(RangeError, match=r"^layer\.0\.output: a current of 8388608, allowed up to 8388607$"):
        run(program, worst(program), "reference")


def test_accumulator_one_unit_below_is_accepted(shell, tmp_path):
    folder = accumulator(tmp_path / "checkpoint", skip=7)
    assert shell.run(LOWER, folder, "--out", tmp_path / "program.tsp")[::2] == (0, "")
    program = lower(folder, "loihi2")
    assert program.network.input_bounds("layer.0.output")[0] == 131071 == arith.A_LIMIT - 1
    assert (run(program, worst(program), "reference").logits == run(program, worst(program), "fast").logits).all()


def test_accumulator_underflow_is_refused(shell, tmp_path):
    """Gain and codes of one sign or the other; inhibition of the padding counts too: ceil(4095 / 64) = 64 units."""
    folder = accumulator(tmp_path / "checkpoint", skip=0)
    tensors = always("attended", 1, 1) | always("hidden", 1032, 1) | always("output", 1, 1032, -127)
    random_checkpoint.write(folder, layers=1, hidden=1, heads=1, head_dim=1, ffn=1032, steps=2, max_length=1, tensors=tensors)
    found = shell.lowering_refusal(folder)
    assert found == f"layer.0.output: the most synaptic input that spikes can bring is -131128, allowed -131071..131071 {HINT}"


@pytest.mark.parametrize("sign, what", [(1, "fire"), (-1, "saturate")])
def test_readout_out_of_range_is_refused(sign, what, shell, tmp_path):
    expected = f"readout: what spikes can gather in 64 steps in a membrane that is read is 131072, allowed up to 131071, not to {what} {HINT}"
    assert shell.lowering_refusal(readout(tmp_path / "checkpoint", sign=sign)) == expected


def test_readout_would_really_fire(tmp_path):
    program = lower(readout(tmp_path / "checkpoint"), "loihi2", UNPROVED)
    last = program.scheduled.latency["readout"] + 64
    with pytest.raises(RangeError, match=rf"^readout: its membranes are read, and one fired at step {last}$"):
        run(program, worst(program), "reference")


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
    found = run(program, worst(program), "reference").logits - 4 * program.host.class_bias
    assert found.tolist() == [[64 * 511 * 4 * 64] * 2]
