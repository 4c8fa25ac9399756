"""The schema that models/ and compiler/ share, pinned from the side of a file that neither wrote."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from tritspike.runtime.checkpoint import KINDS, config_from_json, pack_codes, packed_width, tensor_table, unpack_codes
from tritspike.runtime.errors import CheckpointError

VARIANTS = [
    dict(),
    dict(weights="binary"),
    dict(layers=1, hidden=7, heads=3, head_dim=5, ffn=9, classes=3, labels=["a", "b", "c"]),
    dict(weights="binary", hidden=17, embedding_rank=3, classes=1, labels=[], task="stsb"),
    dict(causal=True, readout="first", vocabulary=50),
]
DIGITS = {"ternary": {0: 0, 1: 1, -1: 2}, "binary": {-1: 0, 1: 1}}
few = settings(max_examples=150)


@st.composite
def coded(draw) -> tuple[str, np.ndarray]:
    weights = draw(st.sampled_from(sorted(DIGITS)))
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 19))
    code = st.sampled_from(sorted(DIGITS[weights]))
    return weights, np.array(draw(st.lists(st.lists(code, min_size=columns, max_size=columns), min_size=rows, max_size=rows)), np.int8)


@few
@given(coded())
def test_packing_and_back(sample):
    weights, codes = sample
    packed = pack_codes(codes, weights)
    assert packed.dtype == np.uint8 and packed.shape == (len(codes), packed_width(codes.shape[1], weights))
    back = unpack_codes(packed, codes.shape[1], weights)
    assert back.dtype == np.int8 and (back == codes).all()


@few
@given(coded())
def test_a_row_is_a_number_of_digits_lowest_first(sample):
    """The layout as documented: each code is a base-4 or base-2 digit of one little-endian number a row."""
    weights, codes = sample
    base = 4 if weights == "ternary" else 2
    numbers = [sum(DIGITS[weights][int(code)] * base**place for place, code in enumerate(row)) for row in codes]
    assert [int.from_bytes(row.tobytes(), "little") for row in pack_codes(codes, weights)] == numbers


@few
@given(coded(), st.data())
def test_set_padding_bits_are_refused(sample, data):
    weights, codes = sample
    used = codes.shape[1] * (2 if weights == "ternary" else 1)
    packed = pack_codes(codes, weights)
    spare = range(used, packed.shape[1] * 8)
    if not spare:
        return
    bit = data.draw(st.sampled_from(spare))
    packed[-1, bit // 8] |= 1 << bit % 8
    with pytest.raises(CheckpointError, match=f"^w: padding bits are set; each row has {codes.shape[1]} {weights} codes$"):
        unpack_codes(packed, codes.shape[1], weights, "w")


@pytest.mark.parametrize("column", range(4))
def test_the_fourth_ternary_digit_is_refused(column):
    packed = np.array([[0], [3 << 2 * column]], np.uint8)
    with pytest.raises(CheckpointError, match=r"^w: codes are not ternary: found 3, allowed 0, 1, 2$"):
        unpack_codes(packed, 4, "ternary", "w")


def _config(**changes):
    return config_from_json(random_checkpoint.config(**changes), "config.json")


def test_the_table_is_the_documented_one(golden):
    table = tensor_table(_config(layers=1, hidden=10, heads=2, head_dim=3, ffn=14, classes=3, labels=["a", "b", "c"]))
    golden("checkpoint-schema.txt", "".join(f"{name} {dtype} {list(shape)}\n" for name, (dtype, shape) in table.items()))


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_a_few_lines_of_numpy_write_exactly_the_table(changes, tmp_path):
    found = load_file(random_checkpoint.write(tmp_path / "checkpoint", **changes) / "model.safetensors")
    assert {name: (str(a.dtype), a.shape) for name, a in found.items()} == tensor_table(_config(**changes))


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_a_config_comes_back_as_it_was(changes):
    raw = random_checkpoint.config(**changes)
    config = _config(**changes)
    written = config.to_json()
    assert written | {"labels": list(written["labels"])} == raw
    assert set(random_checkpoint.KINDS) == set(KINDS) == set(config.keep)


def test_layers_repeat_one_table():
    one, three = tensor_table(_config(layers=1)), tensor_table(_config(layers=3))
    for n in range(3):
        layer = {name.removeprefix(f"layer.{n}."): spec for name, spec in three.items() if name.startswith(f"layer.{n}.")}
        assert layer == {name.removeprefix("layer.0."): spec for name, spec in one.items() if name.startswith("layer.0.")} != {}
    assert len(three) - len(one) == 2 * len(layer)
