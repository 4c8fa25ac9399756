"""Program files with a good checksum whose content is not a program: refused in one line that names every fault, before anything is allocated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command import RUNTIME, message, spawn
from program_json import described, store

from tritspike.runtime.errors import FileError
from tritspike.runtime.host import file as program_file


def refusal(path) -> str:
    with pytest.raises(FileError) as found:
        program_file.load(path)
    return str(found.value).removeprefix(f"{path}: ")


def named(records, name):
    return next(r for r in records if r["name"] == name)


def at(*keys, value):
    """Sets one entry of the program's JSON; strings in a list find the record of that name."""

    def change(arrays, raw):
        for key in keys[:-1]:
            raw = named(raw, key) if isinstance(raw, list) and isinstance(key, str) else raw[key]
        raw[keys[-1]] = value

    return change


def put(name, change):
    def put_in(arrays, raw):
        arrays[name] = change(arrays[name])

    return put_in


HIDDEN, QUERY = "layer.0.hidden", "layer.0.query<x"
FIELDS = [
    (at("dims", "hidden", value=1 << 40), "dims: hidden is 1099511627776, allowed 1..16384"),
    (at("dims", "ffn", value="2"), "dims: ffn is 2, allowed 1..65536"),
    (at("dims", "causal", value=1), "dims: causal is 1, allowed true or false"),
    (at("steps", value=True), "program: steps is True, allowed 1..64"),
    (at("profile", value=None), "program: profile is None, allowed 0 to 200 printable characters"),
    (at("populations", HIDDEN, "vth", value=-1), f"{HIDDEN}: vth is -1, allowed 0..131071"),
    (at("populations", HIDDEN, "vth", value=1e5), f"{HIDDEN}: vth is 100000.0, allowed 0..131071"),
    (at("populations", HIDDEN, "keep", value=0), f"{HIDDEN}: keep is 0, allowed 1..4096"),
    (at("populations", HIDDEN, "role", value="lava"), f"{HIDDEN}: role is lava, allowed source, lif, coincidence, relay, readout"),
    (at("populations", HIDDEN, "axes", value="zz"), f"{HIDDEN}: axes is zz, allowed i, ie, ihd, if, hp, hpd, c, ic"),
    (at("populations", HIDDEN, "resets", value=0), f"{HIDDEN}: resets is 0, allowed true or false"),
    (at("populations", HIDDEN, "latency", value=10**30), f"{HIDDEN}: latency is 1{'0' * 30}, allowed 0..32768"),
    (at("populations", HIDDEN, "bias", value=8), f"{HIDDEN}: exponent is 8, allowed 0..7"),
    (at("synapses", QUERY, "exponent", value=8), f"{QUERY}: exponent is 8, allowed 0..7"),
    (at("synapses", QUERY, "source", value="x\n"), f"{QUERY}: source is x\\n, allowed 1 to 200 printable characters"),
    (at("synapses", QUERY, "wiring", "offset", value=17), f"{QUERY}: offset is 17, allowed -16..16"),
    (at("front", "shift", value=64), "front end: shift is 64, allowed 0..30"),
    (at("front", "tokenizer", value={}), "front end: tokenizer is {}, allowed text"),
    (at("logit_scale", value=float("inf")), "host: logit_scale is inf, allowed a finite number"),
    (at("logit_scale", value=10**400), f"host: logit_scale is 1{'0' * 79} ..., allowed a finite number"),
    (at("weights", value="float"), None),
    (at("labels", value="01"), "host: labels is 01, allowed a list of texts"),
    (at("labels", value=["\x1b[31ma\nb", "b"]), "host: a label is \\x1b[31ma\\nb, allowed 0 to 200 printable characters"),
    (at("task", value="a\nb"), "host: task is a\\nb, allowed 0 to 200 printable characters"),
    (at("labels", value=["a", 1]), "host: a label is 1, allowed 0 to 200 printable characters"),
]
ARRAYS = [
    (at("dims", "hidden", value=8), "front end: projection is int8[4, 8], allowed int8[8, 8]; front end: bias is int32[4], allowed int32[8]"),
    (at("dims", "ffn", value=5000), f"{HIDDEN}: bias mantissa is int64[2], allowed int64[5000]"),
    (at("dims", "positions", value=4096), "front end: rows of position is 6, allowed 4096..4096"),
    (put("front.segment", lambda a: a[:1]), "front end: segment is int8[1, 8], allowed int8[2, 8]"),
    (put("front.token", lambda a: a.astype(np.float32)), "front end: token is float32[40, 8], allowed int8[any, 8]"),
    (put("front.bias", lambda a: a.astype(np.int64)), "front end: bias is int64[4], allowed int32[4]"),
    (put("class_bias", lambda a: a * 0 + (1 << 40)), "host: class_bias is 1099511627776..1099511627776, allowed -2147483648..2147483647"),
    (put(f"bias.{HIDDEN}", lambda a: a * 0 + 4096), f"{HIDDEN}: bias mantissa is 4096..4096, allowed -4095..4095"),
    (put(f"gain.{QUERY}", lambda a: a * 0 + 128), f"{QUERY}: gain is 128..128, allowed -127..127"),
    (at("labels", value=["a"]), "host: number of labels is 1, allowed 2, one a class"),
]


def drop(what, name):
    return lambda arrays, raw: raw[what].remove(named(raw[what], name))


def again(what, name):
    return lambda arrays, raw: raw[what].append(named(raw[what], name))


STRUCTURE = [
    (again("populations", HIDDEN), f"{HIDDEN}: number of populations of that name is 2, allowed 1"),
    (drop("populations", "layer.0.context"), "layer.0.context<layer.0.context.and: end is layer.0.context, allowed a population of the program"),
    (at("populations", HIDDEN, "latency", value=8), f"{HIDDEN}<layer.0.attended: steps that it spans is 2, allowed 1"),
    (at("synapses", QUERY, "target", value=HIDDEN), f"{QUERY}: steps that it spans is 7, allowed 1"),
    (at("populations", HIDDEN, "axes", value="ie"), None),
    (at("populations", "x.relay", "stages", value=4), "x.relay<shift: stages is 5, allowed 4, those of x.relay"),
    (drop("synapses", "x.relay<shift"), "x.relay: number of shift registers is 0, allowed 1, of a population with 5 stages"),
    (drop("synapses", "layer.0.score<layer.0.score.and"), "layer.0.score: number of inputs is 0, allowed 1 or more"),
    (at("populations", "x", "role", value="lif"), "x: role is lif, allowed source; x: number of inputs is 0, allowed 1 or more"),
    (at("populations", "pad", "latency", value=1), None),
    (at("populations", "readout", "role", value="lif"), "program: number of readouts is 0, allowed 1, where the host has no head"),
    (at("first_position_only", value=True), "readout<layer.0.output: first is False, allowed True, as the host says"),
    (at("synapses", "layer.0.score.and<layer.0.query", "wiring", "source", value="hd"), "layer.0.score.and<layer.0.query: axes read is [hd]"),
]


@pytest.mark.parametrize("change, expected", [*FIELDS, *ARRAYS, *STRUCTURE])
def test_what_is_wrong_is_named(change, expected, program):
    arrays, raw = described(program)
    change(arrays, raw)
    store(program, arrays, raw)
    found = refusal(program)
    assert found.startswith(("not a sound program: ", "not a whole program: ")) and "\n" not in found and len(found) < 2100
    if expected:
        assert found.removeprefix("not a sound program: ").startswith(expected) or expected in found, found


def test_all_findings_are_shown(program):
    arrays, raw = described(program)
    for p in raw["populations"]:
        p["keep"] = -7
    store(program, arrays, raw)
    assert refusal(program).endswith(f"; and {len(raw['populations']) - 8} more")


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda arrays, raw: arrays.update(extra=np.zeros(3, np.int8)), "not a sound program: array extra belongs to no population or synapse"),
        (lambda arrays, raw: raw.update(extra=1), "not a sound program: unknown field extra"),
        (lambda arrays, raw: raw.update(populations={}), "not a whole program: populations is not a list of objects"),
        (lambda arrays, raw: raw.update(synapses=[1]), "not a whole program: synapses is not a list of objects"),
        (lambda arrays, raw: raw["dims"].pop("ffn"), None),
        (at("synapses", QUERY, "wiring", value=None), None),
        (
            at("synapses", QUERY, "wiring", "kind", value="hyper"),
            f"not a whole program: {QUERY}: a wiring of kind 'hyper', known are along, shift, pool, matrix",
        ),
        (
            at("synapses", QUERY, "wiring", "columns", value=1 << 60),
            f"not a whole program: {QUERY}: codes are uint8[2, 1] for {1 << 60} ternary columns",
        ),
        (put(f"gain.{QUERY}", lambda a: a.astype(np.float64) * np.nan), f"not a whole program: array gain.{QUERY} is float64, stored are int16"),
        (put(f"codes.{QUERY}", lambda a: a[0]), f"not a whole program: {QUERY}: 4 columns of an array with 1 dimensions"),
    ],
)
def test_what_cannot_even_be_built(change, expected, program):
    arrays, raw = described(program)
    change(arrays, raw)
    store(program, arrays, raw)
    found = refusal(program)
    assert found == expected or (expected is None and found.startswith("not a whole program: "))


def test_the_line_that_a_shell_sees(program):
    """At one time this ended in a segmentation fault."""
    arrays, raw = described(program)
    raw["dims"]["ffn"] = 5000
    store(program, arrays, raw)
    code, out, err = spawn(RUNTIME, "classify", program, "w1 w2")
    assert (code, out) == (1, "") and message(err).startswith(f"{program}: not a sound program: {HIDDEN}: bias mantissa is int64[2]")


def test_nested_metadata(program):
    arrays, raw = described(program)
    store(program, arrays, json.dumps(raw)[:-1] + ',"deep":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert refusal(program) == "not a whole program: it is nested too deeply"


@pytest.mark.parametrize("name", ["axes", "deep", "lat", "oob3"])
def test_files_that_broke_us(name, faults_dir, shell):
    path = faults_dir / f"{name}.tsp"
    for command in (("inspect",), ("classify", "w1 w2"), ("verify", "--executor", "fast")):
        assert shell.refusal(RUNTIME, command[0], path, *command[1:]).startswith(f"{path}: not a ")


def test_a_membrane_that_lasts_is_not_fast_s(faults_dir, shell):
    """A legal program that no compiler writes: one population keeps its membranes from text to text."""
    path = faults_dir / "res.tsp"
    found = shell.refusal(RUNTIME, "classify", path, "w1 w2")
    assert found.startswith("layer.1.hidden: fast knows populations that are reset with each sample") and found.endswith(
        "(hint: --executor reference)"
    )
    assert shell.run(RUNTIME, "classify", path, "w1 w2", "--executor", "reference")[0] == 0
