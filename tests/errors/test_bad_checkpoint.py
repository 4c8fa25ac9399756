"""Checkpoints that are not what their schema says: one line that names file and fault, exit 1, and no program."""

from __future__ import annotations

import errno
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from command import LOWER, message, spawn
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models

KINDS = "encoder, query_key_value, score, context, residual, hidden"
KEEP = dict.fromkeys(random_checkpoint.KINDS, 3072)


class Trap:
    """Makes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def header(folder: Path) -> int:
    return 8 + int.from_bytes((folder / "model.safetensors").read_bytes()[:8], "little")


def corrupt(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x20
    path.write_bytes(content)


NOT_WHOLE = "model.safetensors: not a whole safetensors file ({size} bytes): truncated or damaged"
DAMAGE = {
    "no folder": (
        lambda f: f.rename(f.parent / "elsewhere"),
        "no such file or folder (hint: a checkpoint is a folder of config.json, model.safetensors, tokenizer.json; a network a NIR or QONNX file)",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json: no such file or directory"),
    "config cut": (lambda f: cut(f / "config.json", 100), "config.json: not a JSON file: truncated or damaged"),
    "config empty": (lambda f: cut(f / "config.json", 0), "config.json: not a JSON file: truncated or damaged"),
    "config binary": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), "config.json: not a JSON file: truncated or damaged"),
    "config deep": (lambda f: (f / "config.json").write_text("[" * 10**5), "config.json: not a JSON file: truncated or damaged"),
    "config a list": (lambda f: (f / "config.json").write_text("[1]"), "config.json: holds list, not a JSON object"),
    "config a folder": (lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()), "config.json: is a directory"),
    "no tensors": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: no such file or directory"),
    "tensors empty": (lambda f: cut(f / "model.safetensors", 0), NOT_WHOLE),
    "header cut": (lambda f: cut(f / "model.safetensors", 99), NOT_WHOLE),
    "data cut": (lambda f: cut(f / "model.safetensors", header(f) + 50), NOT_WHOLE),
    "header size": (lambda f: corrupt(f / "model.safetensors", 7), NOT_WHOLE),
    "header brace": (lambda f: corrupt(f / "model.safetensors", 8), NOT_WHOLE),
    "header end": (lambda f: corrupt(f / "model.safetensors", header(f) - 1), NOT_WHOLE),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: no such file or directory"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_folder(damage, small, shell):
    change, expected = DAMAGE[damage]
    change(small)
    tensors = small / "model.safetensors"
    expected = expected.format(size=tensors.stat().st_size if tensors.exists() else 0)
    assert shell.lowering_refusal(small) == (f"{small}: {expected}" if damage == "no folder" else f"{small}/{expected}")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5, "zip"])
def test_pickle_is_refused_unread(name, protocol, small, shell, tmp_path):
    trap = tmp_path / "trap"
    content = pickle.dumps(Trap(trap), protocol if isinstance(protocol, int) else 2)
    (small / name).write_bytes(content)
    if protocol == "zip":
        with zipfile.ZipFile(small / name, "w") as archive:  # as torch.save writes it
            archive.writestr("archive/data.pkl", content)
    assert shell.lowering_refusal(small) == f"{small}/{name}: this is a pickle, which can run code; only safetensors files are read"
    assert not trap.exists()
    pickle.loads(content)
    assert trap.exists(), "the trap must work for this test to mean something"


@pytest.mark.parametrize("protocol", [0, 1])
def test_old_pickle_is_no_safetensors_file(protocol, small, shell, tmp_path):
    content = pickle.dumps(Trap(tmp_path / "trap"), protocol)
    (small / "model.safetensors").write_bytes(content)
    assert shell.lowering_refusal(small) == f"{small}/{NOT_WHOLE.format(size=len(content))}"
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("size", [0x280, 0x380, 0x480, 0x580])
def test_header_size_that_starts_like_a_pickle(size, small, shell):
    """The library writes such headers, so their files are read."""
    path = small / "model.safetensors"
    text = json.dumps({"a": {"dtype": "I8", "shape": [1], "data_offsets": [0, 1]}}).encode().ljust(size)
    path.write_bytes(size.to_bytes(8, "little") + text + b"\0")
    assert shell.lowering_refusal(small) == f"{path}: tensor a is not part of the schema"


NOT_TOKENIZERS = {
    "": "not a whole tokenizer: Expecting value: line 1 column 1 (char 0)",
    "{": "not a whole tokenizer: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    "{}": "not a whole tokenizer: it has no 'model'",
    "[]": "holds list, not a JSON object",
    '{"model": {"type": "WordLevel", "vocab": {}}}': "the tokenizer is not one that `tokenizers` reads: ",
}


@pytest.mark.parametrize("text", NOT_TOKENIZERS)
def test_not_a_tokenizer(text, small, shell):
    (small / "tokenizer.json").write_text(text)
    assert shell.lowering_refusal(small).startswith(f"{small}/tokenizer.json: {NOT_TOKENIZERS[text]}")


def test_a_tokenizer_that_is_not_text(small, shell):
    (small / "tokenizer.json").write_bytes(b'{"model": "\xff"}')
    assert shell.lowering_refusal(small) == f"{small}/tokenizer.json: not UTF-8 text: invalid start byte at byte 11"


@pytest.mark.parametrize("vocabulary, tokens", [({"a": 0, "b": 40}, 41), ({f"w{n}": n for n in range(50)}, 50)])
def test_tokenizer_beyond_the_embedding(vocabulary, tokens, small, shell):
    Tokenizer(models.WordLevel(vocabulary)).save(str(small / "tokenizer.json"))
    assert shell.lowering_refusal(small) == f"{small}/tokenizer.json: {tokens} tokens, the embedding has 40"


LANGUAGE = {"readout": "each", "classes": 40, "causal": True, "labels": []}
CONFIG = [
    *[
        ({name: value}, f"{name} is {value!r}, allowed {low}..{high}")
        for name, low, high in (
            ("vocabulary", 1, 1 << 20),
            ("classes", 1, 1 << 20),
            ("hidden", 1, 1 << 14),
            ("layers", 1, 256),
            ("heads", 1, 256),
            ("head_dim", 1, 1024),
            ("ffn", 1, 1 << 16),
            ("steps", 1, 64),
            ("max_length", 1, 4096),
            ("embedding_rank", 1, 1 << 14),
            ("embedding_shift", 0, 30),
        )
        for value in (low - 1, high + 1)
    ],
    *[({"hidden": value}, f"hidden is {value!r}, allowed 1..16384") for value in ("16", 16.0, True, None, [16], {})],
    ({"weights": "quaternary"}, "weights is 'quaternary', allowed ternary, binary"),
    ({"weights": 2}, "weights is 2, allowed ternary, binary"),
    ({"readout": ["mean"]}, "readout is ['mean'], allowed mean, first, each"),
    ({"reset": "subtract"}, "reset is 'subtract', allowed zero"),
    ({"keep": 3072}, f"keep is 3072, needs {KINDS}, each 1..4096"),
    ({"keep": {"score": 1}}, f"keep is {{'score': 1}}, needs {KINDS}, each 1..4096"),
    *[({"keep": KEEP | {"score": value}}, f"keep is {KEEP | {'score': value}!r}, needs {KINDS}, each 1..4096") for value in (0, 4097, 0.5, True)],
    ({"causal": 1}, "causal is 1, must be true or false"),
    ({"causal": "false"}, "causal is 'false', must be true or false"),
    *[
        ({"logit_scale": value}, f"logit_scale is {value!r}, must be a finite number")
        for value in ("1", True, None, float("nan"), float("inf"), 10**400)
    ],
    ({"task": 2}, "task is 2, must be a string"),
    *[({"labels": value}, f"labels is {value!r}, must be a list of strings") for value in ("01", 2, None, [0, 1], {"0": 0, "1": 1})],
    ({"labels": ["0", "1", "2"]}, "3 labels for 2 classes"),
    ({"labels": ["\x1b[31m0", "1"]}, r"labels is ['\x1b[31m0', '1'], each must be up to 200 printable characters"),
    ({"task": "two\nlines"}, r"task is 'two\nlines', must be up to 200 printable characters"),
    ({"depth": 3}, "unknown field 'depth'"),
    ({"version": 1}, "format 'tritspike-checkpoint' version 1, this compiler reads 'tritspike-checkpoint' version 2"),
    ({"format": "bert"}, "format 'bert' version 2, this compiler reads 'tritspike-checkpoint' version 2"),
    ({"format": ["bert"], "version": None}, "format ['bert'] version None, this compiler reads 'tritspike-checkpoint' version 2"),
    (LANGUAGE | {"classes": 7}, "7 classes for a vocabulary of 40; with readout each they are the same"),
    (LANGUAGE | {"causal": False}, "causal is false; with readout each a position must not hear the token that it predicts"),
    (LANGUAGE | {"labels": ["w"] * 40}, "40 labels; with readout each the classes are tokens and have none"),
]


@pytest.mark.parametrize("changes, expected", CONFIG)
def test_config(changes, expected, small, shell):
    path = small / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert shell.lowering_refusal(small) == f"{path}: {expected}"


@pytest.mark.parametrize("field", sorted(random_checkpoint.config().keys() - {"format", "version"}))
def test_config_without(field, small, shell):
    path = small / "config.json"
    config = json.loads(path.read_text())
    del config[field]
    path.write_text(json.dumps(config))
    assert shell.lowering_refusal(small) == f"{path}: missing field {field!r}"


def int32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def int8(*values: int) -> np.ndarray:
    return np.array(values, np.int8)


NAN = np.array([1, np.nan], np.float32)
QUERY = "layer.0.query"  # (2, 4) ternary codes: one byte a row and no padding; output's (4, 2) leave half of each byte
TENSORS = [
    (f"{QUERY}.codes", None, "tensor layer.0.query.codes is missing"),
    ("layer.1.query.codes", np.zeros((2, 1), np.uint8), "tensor layer.1.query.codes is not part of the schema"),
    (f"{QUERY}.codes", np.zeros((2, 2), np.uint8), "tensor layer.0.query.codes is uint8[2, 2], config.json asks for uint8[2, 1]"),
    (f"{QUERY}.gain", int8(1, 2, 3), "tensor layer.0.query.gain is int8[3], config.json asks for int8[2]"),
    (f"{QUERY}.gain", int32(1, 2), "tensor layer.0.query.gain is int32[2], config.json asks for int8[2]"),
    (f"{QUERY}.vth", np.array(1, np.int32), "tensor layer.0.query.vth is int32[], config.json asks for int32[1]"),
    (f"{QUERY}.vth", np.zeros(0, np.int32), "tensor layer.0.query.vth is int32[0], config.json asks for int32[1]"),
    (f"{QUERY}.bias", np.ones(2, np.float32), "tensor layer.0.query.bias is float32[2], config.json asks for int32[2]"),
    (f"{QUERY}.bias", NAN, "tensor layer.0.query.bias holds NaN; every tensor is int32 or another integer"),
    (f"{QUERY}.gain", int8(-128, 5), "tensor layer.0.query.gain holds -128..5, allowed -127..127"),
    (f"{QUERY}.vth", int32(-1), "tensor layer.0.query.vth holds -1..-1, allowed 0..131071"),
    (f"{QUERY}.vth", int32(131072), "tensor layer.0.query.vth holds 131072..131072, allowed 0..131071"),
    ("embedding.vth", int32(-7), "tensor embedding.vth holds -7..-7, allowed 0..131071"),
    ("layer.0.score.vth", int32(131072), "tensor layer.0.score.vth holds 131072..131072, allowed 0..131071"),
    ("layer.0.score.gain", int32(16257), "tensor layer.0.score.gain holds 16257..16257, allowed 0..16256"),
    ("layer.0.context.gain", int32(-1), "tensor layer.0.context.gain holds -1..-1, allowed 0..16256"),
    ("layer.0.output.skip", int32(16384), "tensor layer.0.output.skip holds 16384..16384, allowed 0..16256"),
    *[
        (
            f"{QUERY}.bias",
            int32(*biases),
            f"tensor {QUERY}.bias holds values up to {most}, not multiples of one power of two with mantissas up to 4095 "
            "(hint: round them to a coarser grid)",
        )
        for biases, most in (((4097, 0), 4097), ((1, -8192), 8192), ((524288, 0), 524288), ((0, -(2**31)), 2**31))
    ],
    *[
        (f"layer.0.{name}", int32(value), f"tensor layer.0.{name} holds {value}, not m << e with m <= 127 (hint: {nearest} is)")
        for name, value, nearest in (
            ("score.gain", 129, 130),
            ("context.gain", 16255, 16256),
            ("attended.skip", 255, 256),
            ("output.skip", 1001, 1000),
        )
    ],
]
VALUES = [
    (f"{QUERY}.codes", np.full((2, 1), 0b11, np.uint8), "layer.0.query.codes: codes are not ternary: found 3, allowed 0, 1, 2"),
    ("readout.codes", np.full((2, 1), 0xC0, np.uint8), "readout.codes: codes are not ternary: found 3, allowed 0, 1, 2"),
    ("layer.0.output.codes", np.full((4, 1), 0x10, np.uint8), "layer.0.output.codes: padding bits are set; each row has 2 ternary codes"),
]


def store(folder: Path, name: str, tensor: np.ndarray | None) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(name, None)
    save_file(tensors if tensor is None else tensors | {name: tensor}, folder / "model.safetensors")


@pytest.mark.parametrize("name, tensor, expected", TENSORS)
def test_tensor(name, tensor, expected, small, shell):
    store(small, name, tensor)
    assert shell.lowering_refusal(small) == f"{small}/model.safetensors: {expected}"


@pytest.mark.parametrize("name, tensor, expected", VALUES)
def test_value(name, tensor, expected, small, shell):
    store(small, name, tensor)
    assert shell.lowering_refusal(small) == expected


def test_binary_padding_bits(tmp_path, shell):
    folder = random_checkpoint.write(tmp_path / "checkpoint", weights="binary", hidden=4, tensors={"readout.codes": np.full((2, 1), 0x10, np.uint8)})
    assert shell.lowering_refusal(folder) == "readout.codes: padding bits are set; each row has 4 binary codes"


def test_dtype_that_numpy_does_not_have(small, shell):
    path = small / "model.safetensors"
    text = json.dumps({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0")
    assert shell.lowering_refusal(small) == f"{path}: a tensor is stored as BF16, which numpy does not have"


@pytest.mark.parametrize("length", [-1, 0, 7, 10**30])
def test_length_beyond_the_checkpoint(length, small, shell):
    assert shell.lowering_refusal(small, "--length", length) == f"length {length} is outside 1..6, what the checkpoint's position table holds"


def test_out_that_cannot_be_written(small, shell, tmp_path):
    missing = tmp_path / "missing" / "program.tsp"
    way_out = f"(hint: make the folder {missing.parent} first)"
    assert shell.refusal(LOWER, small, "--out", missing) == f"{missing}: cannot be written: No such file or directory {way_out}"
    assert shell.refusal(LOWER, small, "--out", tmp_path) == f"{tmp_path}: cannot be written: Is a directory"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "fault, code, expected",
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: {out}: cannot be written: No space left on device\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_writing_that_breaks_off(step, fault, code, expected, small, shell, tmp_path, monkeypatch):
    """The file is what it was, and nothing lies beside it."""

    def broken(*args):
        raise fault

    out = tmp_path / "program.tsp"
    out.write_bytes(b"an older program")
    before = shell.files()
    monkeypatch.setattr(os, step, broken)
    assert shell.run(LOWER, small, "--out", out) == (code, "", expected.format(out=out))
    assert shell.files() == before


def test_dump_folder_that_cannot_be_made(small, shell):
    file = small / "config.json"
    assert shell.lowering_refusal(small, "--dump-ir", file) == f"{file}: cannot be made a folder: File exists"


def test_a_real_process(small, tmp_path):
    (small / "model.safetensors").unlink()
    out = tmp_path / "program.tsp"
    code, printed, err = spawn(LOWER, small, "--out", out)
    assert (code, printed, message(err)) == (1, "", f"{small}/model.safetensors: no such file or directory")
    assert not out.exists() and [p.name for p in tmp_path.iterdir()] == ["checkpoint"]
