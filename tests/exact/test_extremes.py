"""Every value that the schema allows is computed alike: checkpoints whose numbers lie at the ends of their ranges, zeros among them."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import all_agree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from traced import require_checkpoint

from tritspike.compiler.lower import lower
from tritspike.models.load import load, load_language_model, load_student
from tritspike.runtime.checkpoint import INT32
from tritspike.runtime.errors import CheckpointError

LINEAR = ("query", "key", "value", "attended", "hidden", "output")
SHARED = ("score.gain", "context.gain", "attended.skip", "output.skip")


@st.composite
def models_and_texts(draw):
    config = dict(
        steps=draw(st.integers(1, 4)),
        max_length=draw(st.integers(1, 6)),
        hidden=draw(st.integers(1, 24)),
        heads=draw(st.integers(1, 2)),
        head_dim=draw(st.integers(1, 4)),
        ffn=draw(st.integers(1, 24)),
        layers=draw(st.integers(1, 2)),
        weights=draw(st.sampled_from(["ternary", "binary"])),
        window=draw(st.integers(1, 3)),
        causal=draw(st.booleans()),
        readout=draw(st.sampled_from(["mean", "first", "each"])),
        embedding_rank=draw(st.sampled_from([1, 3, 400])),  # float32 does not hold every sum of 400 products
        embedding_shift=draw(st.sampled_from([0, 5, 30])),
        keep={kind: draw(st.sampled_from([1, 3072, 4096])) for kind in random_checkpoint.KINDS},
        logit_scale=draw(st.sampled_from([0, 0.1, -1e300])),
    )
    config["causal"] |= config["readout"] == "each"
    return config, draw(st.integers(0, 2**31)), draw(st.sampled_from(["host", "chip"]))


def extremes(path: Path, seed: int) -> dict[str, np.ndarray]:
    """The tensors of `path` with some of each kind moved to the ends of what the schema allows."""
    rng, found = np.random.default_rng(seed), load_file(path / "model.safetensors")
    vth = rng.choice([0, 1, 100, 131071])
    for name, old in found.items():
        if name.endswith(".vth"):
            found[name] = np.full_like(old, vth)
        elif name.endswith(SHARED):
            found[name] = np.full_like(old, rng.choice([0, 1, 127, 254, 16256]))
        elif not name.endswith(".codes") and (rng.random() < 0.7 or _of_a_population(name)):
            found[name] = rng.choice(_ends(name, old.dtype, rng), old.shape).astype(old.dtype)
    return found


def _of_a_population(name: str) -> bool:
    return name.startswith("layer.") and name.endswith(".bias")


def _ends(name: str, dtype: np.dtype, rng: np.random.Generator) -> list[int]:
    if name.endswith(".bias"):
        step = 1 << int(rng.integers(0, 8))
        return [0, step, -4095 * step, 4095 * step] if _of_a_population(name) else [0, *INT32, 3_000_001, (1 << 24) + 1]
    return [0, -127, 127] if name.endswith((".gain", ".weight")) else [-128, 127]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(models_and_texts())
def test_torch_reference_fast_and_lava_models_agree_at_the_ends_of_every_range(case):
    config, seed, head = case
    folder = Path(tempfile.mkdtemp())
    try:
        path = random_checkpoint.write(folder, seed, **config)
        save_file(extremes(path, seed), path / "model.safetensors")
        all_agree(path, lower(path, "kapoho-point", head=head), random_checkpoint.tokens(seed, 3, config["max_length"]))
        _comes_back(path, config)
    finally:
        shutil.rmtree(folder)


def _comes_back(path, config):
    """Loaded and traced, every number is what it was."""
    student = load(path)
    require_checkpoint(student, path)
    if config["readout"] != "each":
        assert student.readout.unit.item() == config["logit_scale"]


@pytest.mark.parametrize("readout, bias", [("mean", 2_999_999), ("first", -(2**31)), ("each", (1 << 24) + 1), ("each", 2**31 - 1)])
def test_a_bias_of_the_answer_may_be_any_int32(readout, bias, tmp_path):
    name = "head.bias" if readout == "each" else "readout.bias"
    path = random_checkpoint.write(tmp_path / "c", 3, readout=readout)
    arrays = load_file(path / "model.safetensors")
    arrays[name][:2] = bias, bias + 1 if bias < 0 else bias - 1
    save_file(arrays, path / "model.safetensors")
    all_agree(path, lower(path, "loihi2"), random_checkpoint.tokens(3, 3, 12))


@pytest.mark.parametrize("zero", ["layer.0.score.gain", "layer.1.context.gain", "layer.0.attended.skip", "layer.1.output.skip"])
def test_a_shared_weight_may_be_0(zero, tmp_path):
    path = random_checkpoint.write(tmp_path / "c", 4, tensors={zero: np.zeros(1, np.int32)})
    all_agree(path, lower(path, "loihi2"), random_checkpoint.tokens(4, 3, 12))


def test_every_threshold_may_be_0(tmp_path):
    path = random_checkpoint.write(tmp_path / "c", 5)
    arrays = {name: np.zeros_like(a) if name.endswith(".vth") else a for name, a in load_file(path / "model.safetensors").items()}
    save_file(arrays, path / "model.safetensors")
    all_agree(path, lower(path, "loihi2"), random_checkpoint.tokens(5, 3, 12))


@pytest.mark.parametrize(
    "name, values, expected",
    [
        ("layer.0.hidden.bias", [4097, 0], "holds values up to 4097, not multiples of one power of two with mantissas up to 4095"),
        ("layer.0.score.gain", [16257], "holds 16257..16257, allowed 0..16256"),
        ("layer.0.attended.skip", [255], "holds 255, not m << e with m <= 127"),
        ("embedding.vth", [-1], "holds -1..-1, allowed 0..131071"),
    ],
)
def test_what_the_compiler_refuses_torch_refuses_too(name, values, expected, tmp_path):
    path = random_checkpoint.write(tmp_path / "c", 6)
    arrays = load_file(path / "model.safetensors")
    arrays[name][:] = 0
    arrays[name][: len(values)] = values
    save_file(arrays, path / "model.safetensors")
    said = []
    for read in (load_student, lambda folder: lower(folder, "loihi2")):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        said.append(str(caught.value))
    assert said[0] == said[1] and f"tensor {name} {expected}" in said[0]


def test_a_student_that_no_checkpoint_holds_is_not_written(tmp_path):
    from tritspike.models.export import export

    student = load_student(random_checkpoint.write(tmp_path / "c", 7))
    student.readout.bias.data[0] = float("nan")
    with pytest.raises(CheckpointError, match=r"^training left nan\.\.nan where a checkpoint holds -2147483648\.\.2147483647"):
        export(student, random_checkpoint.small_tokenizer(), "sst2", tmp_path / "out", {}, ("0", "1"))
    assert not (tmp_path / "out").exists()


def test_a_logit_scale_may_be_any_finite_number(tmp_path):
    for n, scale in enumerate((0, 0.0, 1e-320, 1e308)):
        path = random_checkpoint.write(tmp_path / f"c{n}", 8, readout="each", logit_scale=scale)
        load_language_model(path)
        (path / "config.json").write_text(json.dumps(random_checkpoint.config(logit_scale=scale)))
        save_file(random_checkpoint.arrays(random_checkpoint.config(), 8), path / "model.safetensors")
        assert load_student(path).readout.unit.item() == scale
