"""Files of version 2 that somebody has changed: one line each, as of version 3."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import RUNTIME
from program_json import again, at, both, described, drop, gone, named, put, store

from tritspike.runtime.errors import FileError
from tritspike.runtime.host import file as program_file

FOLDER = Path(__file__).resolve().parents[1] / "version2"
HIDDEN, QUERY, POOL, RELAY = "layer.0.hidden", "layer.0.query<x", "readout<layer.0.output", "x.relay"
P, S = ("populations", HIDDEN), ("synapses", QUERY)
SHIFT, AND = ("synapses", f"{RELAY}<shift"), ("synapses", "layer.0.score.and<layer.0.query")
WHOLE = "allowed whole numbers up to 1099511627776"


@pytest.fixture()
def small(tmp_path):
    return Path(shutil.copy(FOLDER / "small.tsp", tmp_path / "p.tsp"))


def refusal(path) -> str:
    with pytest.raises(FileError) as found:
        program_file.load(path)
    return str(found.value).removeprefix(f"{path}: ")


FIELDS = [
    (at("dims", "hidden", value=1 << 40), "hidden is 1099511627776, allowed 1..16384"),
    (at("dims", "positions", value=4097), "positions is 4097, allowed 1..4096"),
    (at("dims", "ffn", value="2"), f"ffn is 2, {WHOLE}"),
    (at("dims", "causal", value=1), "causal is 1, allowed true or false"),
    (at("dims", "extra", value=1), "unknown field extra, known are positions, heads, "),
    (gone("dims", "ffn"), "it has no 'ffn'"),
    (at("steps", value=True), f"steps is True, {WHOLE}"),
    (at("steps", value=65), "program: timing is Windows(steps=65), allowed windows of 1..64 steps"),
    (at("profile", value=None), "program: profile is None, allowed 0 to 200 printable characters"),
    (at(*P, "vth", value=-1), f"{HIDDEN}: vth is -1, allowed 0..131071"),
    (at(*P, "vth", value=1e5), f"{HIDDEN}: vth is 100000.0, {WHOLE}"),
    (at(*P, "keep", value=4097), f"{HIDDEN}: keep is 4097, allowed 0..4096"),
    (at(*P, "role", value="lava"), f"{HIDDEN}: lava over axes if, known are source, lif, coincidence, relay, readout over i, ie, "),
    (at(*P, "role", value=[]), f"{HIDDEN}: [] over axes if, known are source, "),
    (at(*P, "axes", value="zz"), f"{HIDDEN}: lif over axes zz, known are source, "),
    (at(*P, "axes", value={}), f"{HIDDEN}: lif over axes {{}}, known are source, "),
    (at(*P, "resets", value=0), f"{HIDDEN}: resets is 0, allowed true or false"),
    (at(*P, "latency", value=1 << 21), f"{HIDDEN}: latency is 2097152, allowed 0..1048576"),
    (at(*P, "latency", value=10**30), f"latency is 1{'0' * 30}, {WHOLE}"),
    (at(*P, "bias", value=8), f"{HIDDEN}: bias is "),
    (at(*P, "stages", value=0), f"{HIDDEN}: 0 stages, allowed 1..32768"),
    (at(*P, "stages", value=1 << 20), f"{HIDDEN}: 1048576 stages, allowed 1..32768"),
    (at(*P, "extra", value=1), f"{HIDDEN}: unknown field extra, known are name, role, "),
    (gone(*P, "keep"), f"{HIDDEN}: it has no 'keep'"),
    (at(*S, "exponent", value=8), f"{QUERY}: exponent is 8, allowed 0..7"),
    (at(*S, "source", value="x\n"), f"{QUERY}: source is x\\n, allowed 1 to 500 printable characters"),
    (at(*S, "source", value="nowhere"), f"{QUERY}: it ends at nowhere, which is no population"),
    (at(*S, "source_stage", value=1), f"{QUERY}: it taps stage 1 of 1"),
    (at(*S, "source_stage", value=-1), f"{QUERY}: it taps stage -1 of 1"),
    (at(*S, "wiring", "offset", value=1 << 40), f"{QUERY}: position is Follow(target='position', stride=1, offset=1099511627776), allowed"),
    (at(*S, "wiring", "extra", value=1), f"{QUERY}: unknown field extra, known are kind, columns, offset"),
    (at(*S, "wiring", "kind", value="hyper"), f"{QUERY}: a wiring of kind 'hyper', known are along, shift, pool, matrix"),
    (at(*S, "wiring", value=None), f"{QUERY}: a wiring of kind 'None', known are along, shift, pool, matrix"),
    (at(*S, "wiring", "kind", value=["along"]), f"{QUERY}: a wiring of kind "),
    (at(*S, "wiring", "columns", value=1 << 40), f"{QUERY}: codes.{QUERY} is uint8[2, 1] for {1 << 40} ternary columns"),
    (at("synapses", POOL, "wiring", "first", value=0), f"{POOL}: first is 0, allowed true or false"),
    (at(*SHIFT, "wiring", "stages", value=4), f"{RELAY}<shift: it shifts 4 stages from {RELAY} to {RELAY}, allowed are the 5 of one population"),
    (at(*SHIFT, "target", value="x"), f"{RELAY}<shift: it shifts 5 stages from {RELAY} to x, allowed are the 5 of one population"),
    (at(*SHIFT, "source_stage", value=1), f"{RELAY}<shift: it shifts 5 stages "),
    (at(*SHIFT, "wiring", "mantissa", value=128), f"{RELAY}<shift.0: weight mantissa is 128, allowed up to 127"),
    (at(*AND, "wiring", "source", value="hd"), "layer.0.score.and<layer.0.query: it reads axes hd of ihd"),
    (at(*AND, "wiring", "source", value="zzz"), "layer.0.score.and<layer.0.query: it reads axes zzz of ihd"),
    (at(*AND, "wiring", "mantissa", value=True), f"layer.0.score.and<layer.0.query: mantissa is True, {WHOLE}"),
    (at("front", "shift", value=64), "front end: shift is 64, allowed 0..30"),
    (at("front", "tokenizer", value={}), "front end: tokenizer is {}, allowed text"),
    (at("front", "extra", value={}), "unknown field extra, known are shift, keep, vth, tokenizer"),
    (at("logit_scale", value=float("nan")), "host: logit_scale is nan, allowed a finite number"),
    (at("weights", value="float"), None),
    (at("labels", value=["a"]), "host: number of labels is 1, allowed 2, one a class"),
    (at("extra", value=1), "unknown field extra, known are format, version, dims, "),
    (at("populations", value={}), "populations is not a list of objects"),
    (at("populations", value=[]), "populations is not a list of objects"),
    (at("synapses", value=[1]), "synapses is not a list of objects"),
]
ARRAYS = [
    (at("dims", "hidden", value=8), None),
    (at("dims", "ffn", value=5000), f"{HIDDEN}: "),
    (at("dims", "positions", value=4096), "front end: rows of position is 6, allowed 4096..4096"),
    (put("front.segment", lambda a: a[:1]), "front end: segment is int8[1, 8], allowed int8[2, 8]"),
    (put(f"bias.{HIDDEN}", lambda a: a * 0 + 4096), f"{HIDDEN}: bias is 4096 << 2, allowed up to 4095 << 0..7"),
    (put(f"gain.{QUERY}", lambda a: a * 0 + 128), f"{QUERY}: weight mantissa is 128, allowed up to 127"),
    (put(f"gain.{QUERY}", lambda a: a.astype(np.float64) * np.nan), f"{QUERY}: array gain.{QUERY} is float64, stored are int16"),
    (put(f"codes.{QUERY}", lambda a: a[0]), f"{QUERY}: codes.{QUERY} is uint8[1] for 4 ternary columns"),
    (put(f"codes.{QUERY}", lambda a: a[:1]), f"{QUERY}: codes is int8 (1, 4), allowed int8 (2, 4) in -127..127"),
    (put(f"codes.{QUERY}", lambda a: a | 0xFF), f"{QUERY}: "),
    (lambda arrays, raw: arrays.pop(f"gain.{QUERY}"), f"{QUERY}: it has no 'gain.{QUERY}'"),
    (lambda arrays, raw: arrays.pop("class_bias"), "it has no 'class_bias'"),
    (lambda arrays, raw: arrays.update(extra=np.zeros(3, np.int8)), "array extra belongs to no population or synapse"),
]
STRUCTURE = [
    (again("populations", HIDDEN), f"{HIDDEN}: 1 stages, allowed 1..32768 of one population of that name"),
    (again("synapses", QUERY), f"{QUERY}: synapses of that name is 2, allowed one, of a name that is not empty"),
    (drop("populations", "layer.0.context"), "layer.0.context<layer.0.context.and: it ends at layer.0.context, which is no population"),
    (at(*P, "latency", value=8), f"{HIDDEN}<layer.0.attended: steps between its ends is 2, allowed 1"),
    (at(*P, "role", value="readout"), "2 readouts, allowed 1"),
    (at("populations", "readout", "role", value="lif"), "answer: reads is count, allowed membranes, where the host has no head"),
    (at("populations", "x", "role", value="lif"), "program: what its ports play is pad, allowed x, and pad or not"),
    (at("populations", RELAY, "stages", value=4), f"{RELAY}<shift: it shifts 5 stages from {RELAY} to {RELAY}, allowed are the 4 of one population"),
    (both(drop("populations", "x"), at("populations", "pad", "name", value="x")), None),
]


@pytest.mark.parametrize("change, expected", [*FIELDS, *ARRAYS, *STRUCTURE])
def test_what_is_wrong_is_named(change, expected, small):
    arrays, raw = described(small)
    change(arrays, raw)
    store(small, arrays, raw)
    found = refusal(small)
    assert found.startswith(("not a sound program: ", "not a whole program: ")) and "\n" not in found and len(found) < 2100
    assert "object is not" not in found and "has no attribute" not in found
    if expected:
        assert found.split("program: ", 1)[1].startswith(expected) or f"; {expected}" in found or f": {expected}" in found, found


def test_nested_metadata(small):
    arrays, raw = described(small)
    store(small, arrays, json.dumps(raw)[:-1] + ',"deep":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert refusal(small) == "not a whole program: it is nested too deeply"


def test_any_flipped_byte_is_noticed(small):
    content = small.read_bytes()
    for at_byte in range(0, len(content), 53):
        damaged = bytearray(content)
        damaged[at_byte] ^= 1 << at_byte % 8
        small.write_bytes(damaged)
        assert "\n" not in refusal(small)


def test_what_was_said_of_version_2_may_not_be_said_of_3(small):
    arrays, raw = described(small)
    store(small, arrays, raw | {"version": 3})
    assert refusal(small).startswith("not a whole program: unknown field dims, known are format, version, timing, ")
    assert named(raw["populations"], HIDDEN)["role"] == "lif"


@pytest.mark.parametrize("name", ["axes", "deep", "lat", "oob3"])
def test_files_that_broke_us(name, faults_dir, shell):
    path = faults_dir / f"{name}.tsp"
    for command in (("inspect",), ("classify", "w1 w2"), ("verify", "--executor", "fast")):
        assert shell.refusal(RUNTIME, command[0], path, *command[1:]).startswith(f"{path}: not a ")


def test_a_membrane_that_lasts_is_the_same_to_every_executor(faults_dir, shell):
    """A legal program that no compiler wrote: one population keeps its membranes from text to text."""
    path = faults_dir / "res.tsp"
    assert shell.run(RUNTIME, "verify", path, "--executor", "fast")[::2] == (0, "")
    assert shell.run(RUNTIME, "classify", path, "w1 w2", "--executor", "reference")[0] == 0
