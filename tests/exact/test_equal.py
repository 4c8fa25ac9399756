"""The product: torch integer mode == reference == fast == Lava's model classes, on every population, step and logit."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import all_agree, executors_agree, found
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime import arith
from tritspike.runtime.errors import MismatchError
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tables import LIF, kind

CASES = 100
activity: Counter[str] = Counter()  # of populations that computed, how many did more than sleep or saturate


@st.composite
def models_and_texts(draw):
    steps, length = draw(st.integers(1, 8)), draw(st.integers(1, 24))
    hidden, heads = draw(st.integers(16, 96)), draw(st.integers(1, 4))
    keep = {kind: draw(st.sampled_from([1, 511, 2048, 3072, 3277, 4095, 4096]) | st.integers(1, 4096)) for kind in random_checkpoint.KINDS}
    config = dict(
        steps=steps,
        max_length=length,
        hidden=hidden,
        heads=heads,
        head_dim=draw(st.integers(2, 24)),
        ffn=draw(st.integers(8, 130)),
        layers=draw(st.integers(1, 3)),
        weights=draw(st.sampled_from(["ternary", "binary"])),
        window=draw(st.integers(1, 4)),
        causal=draw(st.booleans()),
        readout=draw(st.sampled_from(["mean", "first", "each"])),
        keep=keep,
    )
    config["causal"] |= config["readout"] == "each"
    head = draw(st.sampled_from(["host", "chip"])) if hidden * steps <= arith.VTH_LIMIT // 60 else "host"  # random heads have weights up to 60
    return config, draw(st.integers(0, 2**31)), draw(st.integers(1, 4)), head


@settings(max_examples=CASES, suppress_health_check=list(HealthCheck))
@given(models_and_texts())
def test_torch_reference_fast_and_lava_models_agree(case):
    config, seed, count, head = case
    folder = Path(tempfile.mkdtemp())
    try:
        path = random_checkpoint.write(folder, seed, **config)
        program = lower(path, "kapoho-point", head=head)
        _all_agree(path, program, random_checkpoint.tokens(seed, count, config["max_length"]))
    finally:
        shutil.rmtree(folder)


def _all_agree(path, program, tokens):
    expected = all_agree(path, program, tokens)
    for p in program.network.populations:
        if kind(program.scheduled, p) == LIF:
            rate = expected.spikes[p.name].mean()
            activity["some" if 0 < rate < 1 else "none or all"] += 1


def test_random_populations_neither_sleep_nor_saturate():
    """Runs after the property: equality of silence would prove nothing."""
    if not activity:
        pytest.fail("the property did not run before this test")
    assert activity["some"] / activity.total() > 0.8, activity


def test_rows_of_ones_at_large_fan_in(tmp_path):
    """Every spike and every weight 1 through 3,072 inputs: what a bfloat16 sum gets wrong, and balanced random weights never show."""
    ones = np.full((16, 3072 // 4), 0b01010101, np.uint8)
    tensors = {
        "layer.0.output.codes": ones,
        "layer.0.hidden.bias": np.full(3072, 4095 << 6, np.int32),
        "layer.0.hidden.vth": np.array([90], np.int32),
    }
    path = random_checkpoint.write(tmp_path / "wide", 5, layers=1, ffn=3072, tensors=tensors | _thresholds(90))
    _all_agree(path, lower(path, "loihi2"), random_checkpoint.tokens(1, 3, 12))


def _thresholds(vth):
    """One threshold for all populations of a one-layer model, as integer mode needs, with output gains small enough for the accumulator."""
    names = ("query", "key", "value", "score", "context", "attended", "hidden", "output")
    one = np.array([vth], np.int32)
    gains = np.arange(16, dtype=np.int8) % 40 + 1
    return {f"layer.0.{n}.vth": one for n in names} | {
        "embedding.vth": one,
        "layer.0.output.gain": gains,
        "layer.0.output.skip": np.array([64], np.int32),
    }


def test_different_thresholds_and_scales_per_population(checkpoint, tmp_path):
    """Torch trains with one threshold; the compiler and the executors take any."""
    rng = np.random.default_rng(0)
    names = ("query", "key", "value", "score", "context", "attended", "hidden", "output")
    tensors = {f"layer.{n}.{name}.vth": np.array([rng.integers(20, 200)], np.int32) for n in range(2) for name in names}
    path = random_checkpoint.write(tmp_path / "mixed", 7, tensors=tensors)
    program = lower(path, "loihi2")
    encoder = Encoder(program)
    executors_agree(program, encoder.rows(encoder.tokens(random_checkpoint.texts(3, 4, 12))))


def test_a_flipped_spike_is_found_and_named(checkpoint):
    """The comparison itself can fail: one flipped bit is reported by sample, step, population and neuron."""
    program = lower(checkpoint, "loihi2")
    encoder = Encoder(program)
    rows = encoder.rows(encoder.tokens(["w1 w2 w3"]))
    expected, got = (found(name, program, rows) for name in ("reference", "fast"))
    name = "layer.1.hidden"
    got.spikes[name][0, 2, 10] ^= True
    bit = int(expected.spikes[name][0, 2, 10])
    with pytest.raises(MismatchError, match=rf"sample 0, step 2, layer\.1\.hidden\[10\]: reference {bit} != fast {1 - bit}"):
        require_equal(program, expected, got, ("reference", "fast"))
