"""Program files with a good checksum whose content is not a program: refused in one line that names every fault, before anything is allocated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command import RUNTIME, message, spawn
from program_json import again, all_axes, array_of, at, both, described, drop, gone, lose, named, put, store

from tritspike.runtime.errors import FileError
from tritspike.runtime.host import file as program_file


def refusal(path) -> str:
    with pytest.raises(FileError) as found:
        program_file.load(path)
    return str(found.value).removeprefix(f"{path}: ")


HIDDEN, QUERY, SCORE, RELAY = "layer.0.hidden", "layer.0.query<x", "layer.0.score<layer.0.score.and", "x.relay.1"
P, S = ("populations", HIDDEN), ("synapses", QUERY)
CODES, GAIN, BIAS = (QUERY, "wiring", "codes", "packed"), (QUERY, "wiring", "gain"), (HIDDEN, "neuron", "bias", "mantissa", "array")
RULE = ("wiring", "read", "position")
PRINTABLE = "allowed 1 to 500 printable characters"
FIELDS = [
    (at("timing", "steps", value=True), "timing.steps is True, allowed whole numbers up to 1099511627776"),
    (at("timing", "steps", value=65), "program: timing is Windows(steps=65), allowed windows of 1..64 steps"),
    (at("timing", "steps", value=0), "network: timing is Windows(steps=0), allowed 1..65536 steps, in a period of at least as many"),
    (
        at("timing", value={"steps": 2, "period": 2, "slot": 0}),
        "program: what its ports play is pad, x, allowed x, and any of idle, active, continues",
    ),
    (at("timing", value=2), "timing is 2, no object"),
    (at("profile", value=None), "program: profile is None, allowed 0 to 200 printable characters"),
    (at(*P, "neuron", "vth", value=-1), f"{HIDDEN}: vth is -1, allowed 0..131071"),
    (at(*P, "neuron", "vth", value=1e5), f"{HIDDEN}: vth is 100000.0, allowed whole numbers up to 1099511627776"),
    (at(*P, "neuron", "keep", value=-1), f"{HIDDEN}: keep is -1, allowed 0..4096"),
    (at(*P, "neuron", "keep_u", value=4097), f"{HIDDEN}: keep_u is 4097, allowed 0..4096"),
    (at(*P, "neuron", "resets", value=0), f"{HIDDEN}: resets is 0, allowed window, sequence, never"),
    (at(*P, "neuron", "resets", value="x" * 10**6), f"{HIDDEN}: resets is {'x' * 40} ..., allowed window, sequence, never"),
    (at(*P, "neuron", value=[]), f"{HIDDEN}: an object of keep, vth, keep_u, bias, resets is [], no object"),
    (at(*P, "neuron", "bias", "exponent", value=8), f"{HIDDEN}: bias is "),
    (both(lose(*BIAS), at(*P, "neuron", "bias", "mantissa", value=4096)), f"{HIDDEN}: bias is 4096 << 2, allowed up to 4095 << 0..7"),
    (at(*P, "neuron", "bias", "mantissa", "along", value=["head"]), f"{HIDDEN}: bias is int64 (2,) along head, allowed int64 (-1,)"),
    (at(*P, "latency", value=10**30), f"{HIDDEN}: latency is 1{'0' * 30}, allowed whole numbers up to 1099511627776"),
    (at(*P, "latency", value=1 << 21), f"{HIDDEN}: latency is 2097152, allowed 0..1048576"),
    (at(*P, "name", value=""), f": name is , {PRINTABLE}"),
    (at(*P, "name", value="p" * 501), f"{'p' * 40}: name is {'p' * 40} ..., {PRINTABLE}"),
    (at(*P, "grid", value={}), f"{HIDDEN}: grid is not a list of objects"),
    (at(*P, "grid", 0, "name", value=0), f"{HIDDEN}: name is 0, {PRINTABLE}"),
    (at(*P, "grid", 0, "grows", value=1), f"{HIDDEN}: grows is 1, allowed true or false"),
    (at(*P, "grid", 1, "size", value="2"), f"{HIDDEN}: size is 2, allowed whole numbers up to 1099511627776"),
    (at(*S, "exponent", value=8), f"{QUERY}: exponent is 8, allowed 0..7"),
    (at(*S, "source", value="x\n"), f"{QUERY}: source is x\\n, {PRINTABLE}"),
    (at(*S, *RULE, "offset", value=1 << 40), f"{QUERY}: position is Follow(target='position', stride=1, offset=1099511627776), allowed"),
    (at(*S, *RULE, "stride", value=0), f"{QUERY}: position is Follow(target='position', stride=0, offset=0), allowed"),
    (
        at(*S, *RULE, "target", value="hidden"),
        f"{QUERY}: position is Follow(target='hidden', stride=1, offset=0), allowed to follow one of position,",
    ),
    (at(*S, *RULE, value={"value": 6}), f"{QUERY}: position is 6, allowed 0..5"),
    (at(*S, *RULE, value={"value": True}), f"{QUERY}: value is True, allowed whole numbers"),
    (at(*S, *RULE, value="mean"), f"{QUERY}: a rule of read is mean, no object"),
    (at("synapses", SCORE, "wiring", "weight", value=128), f"{SCORE}: weight mantissa is 128, allowed up to 127"),
    (at("ports", "x", "plays", value="sound"), "program: what its ports play is pad, sound, allowed x, and pad or not"),
    (at("ports", "x", "population", value=[]), f"x: population is [], {PRINTABLE}"),
    (at("probes", 0, "reads", value="spikes"), "readout: reads is spikes, allowed membrane, count"),
    (at("probes", 0, "reads", value="count"), "readout: reads is count, allowed membranes, where the host has no head"),
    (at("host", "front", "shift", value=64), "front end: shift is 64, allowed 0..30"),
    (at("host", "front", "keep", value=0), "front end: keep is 0, allowed 1..4096"),
    (at("host", "front", "tokenizer", value={}), "front end: tokenizer is {}, allowed text"),
    (at("host", "logit_scale", value=float("inf")), "host: logit_scale is inf, allowed a finite number"),
    (at("host", "logit_scale", value=10**400), f"host: logit_scale is 1{'0' * 79} ..., allowed a finite number"),
    (at("host", "weights", value="float"), "host: weights is float, allowed "),
    (at("host", "labels", value="01"), "host: labels is 01, allowed a list of texts"),
    (at("host", "labels", value=["\x1b[31ma\nb", "b"]), "host: a label is \\x1b[31ma\\nb, allowed 0 to 200 printable characters"),
    (at("host", "task", value="a\nb"), "host: task is a\\nb, allowed 0 to 200 printable characters"),
    (at("host", "labels", value=["a", 1]), "host: a label is 1, allowed 0 to 200 printable characters"),
    (at("host", "first_position_only", value=1), "host: first_position_only is 1, allowed true or false"),
]
SIZES = [
    (all_axes("hidden", size=1 << 36), "x: neurons is 6x68719476736, allowed 1..2147483648"),
    (all_axes("hidden", size=0), "x: neurons is 6x0, allowed 1..2147483648"),
    (all_axes("hidden", size=-4), "x: neurons is 6x-4, allowed 1..2147483648"),
    (all_axes("ffn", size=5000), f"{HIDDEN}: bias is int64 (2,) along ffn, allowed int64 (5000,)"),
    (all_axes("position", size=7), "network: sizes of axes that grow is [6, 7], allowed one"),
    (both(all_axes("position", size=4096), all_axes("key", size=4096)), "front end: rows of position is 6, allowed 4096..4096"),
    (both(all_axes("position", size=4097), all_axes("key", size=4097)), "x: positions is 4097, allowed 1..4096"),
    (both(all_axes("position", size=1 << 14), all_axes("key", size=1 << 14)), "layer.0.score.and: pairs is 268435456, allowed up to 67108864"),
    (all_axes("class", size=3), "readout<layer.0.output: codes is int8 (2, 4), allowed int8 (3, 4) in -127..127"),
]
ARRAYS = [
    (put("front.segment", lambda a: a[:1]), "front end: segment is int8[1, 8], allowed int8[2, 8]"),
    (put("front.token", lambda a: a.astype(np.float32)), "front end: token is float32[40, 8], allowed int8[any, 8]"),
    (put("front.token", lambda a: a[:0]), "front end: rows of token is 0, allowed 1..1048576"),
    (put("front.projection", lambda a: a[:3]), "front end: projection is int8[3, 8], allowed int8[4, 8]"),
    (put("front.bias", lambda a: a.astype(np.int64)), "front end: bias is int64[4], allowed int32[4]"),
    (put("class_bias", lambda a: a * 0 + (1 << 40)), "host: class_bias is 1099511627776..1099511627776, allowed -2147483648..2147483647"),
    (put("class_bias", lambda a: a[:1]), "host: class_bias is int64[1], allowed int64[2]"),
    (put(BIAS, lambda a: a * 0 + 4096), f"{HIDDEN}: bias is 4096 << 2, allowed up to 4095 << 0..7"),
    (put(BIAS, lambda a: a * 0 + np.iinfo(np.int64).min), f"{HIDDEN}: bias is 9223372036854775808 << 2, allowed up to 4095 << 0..7"),
    (put(BIAS, lambda a: a[:1]), f"{HIDDEN}: bias is int64 (1,) along ffn, allowed int64 (2,)"),
    (put(GAIN, lambda a: a * 0 + 128), f"{QUERY}: weight mantissa is 128, allowed up to 127"),
    (put(GAIN, lambda a: a * 0 - (1 << 40)), f"{QUERY}: gain is int64 (2,), allowed int64 (2,) in -32767..32767"),
    (put(GAIN, lambda a: a * 0 + np.iinfo(np.int64).min), f"{QUERY}: gain is int64 (2,), allowed int64 (2,) in -32767..32767"),
    (put(GAIN, lambda a: a[:1]), f"{QUERY}: gain is int64 (1,), allowed int64 (2,) in -32767..32767"),
    (put(CODES, lambda a: a[:1]), f"{QUERY}: codes is int8 (1, 4), allowed int8 (2, 4) in -127..127"),
    (at("host", "labels", value=["a"]), "host: number of labels is 1, allowed 2, one a class"),
]
STRUCTURE = [
    (again("populations", RELAY), f"{RELAY}: populations of that name is 2, allowed one, of a name that is not empty"),
    (again("synapses", SCORE), f"{SCORE}: synapses of that name is 2, allowed one, of a name that is not empty"),
    (again("ports", "x"), "x: ports of that name is 2, allowed one, of a name that is not empty"),
    (lambda arrays, raw: raw["ports"].append(raw["ports"][0] | {"name": "more"}), "x: ports that play it is 2, allowed one"),
    (drop("populations", "layer.0.context"), "layer.0.context<layer.0.context.and: an end is layer.0.context, allowed a population of this network"),
    (drop("ports", "x"), "x: ports that play it is 0, allowed one"),
    (drop("ports", "mask"), "mask: ports that play it is 0, allowed one"),
    (drop("probes", "readout"), "network: probes is 0, allowed at least one"),
    (at("ports", "x", "population", value=HIDDEN), f"{HIDDEN}: ports that play it is 1, allowed none, since it fires by itself"),
    (at("ports", "x", "population", value="nowhere"), "x: its population is nowhere, allowed one of this network"),
    (at("ports", "mask", "plays", value="x"), "program: what its ports play is x, x, allowed x, and pad or not"),
    (
        both(at("ports", "x", "plays", value="pad"), at("ports", "mask", "plays", value="x")),
        "x: grid is position, hidden, allowed positions, which grow",
    ),
    (at("probes", "readout", "population", value="nowhere"), "readout: its population is nowhere, allowed one of this network"),
    (at("probes", "readout", "population", value="x"), "readout: membranes is of x, which the host plays, allowed those of neurons"),
    (at("probes", "readout", "population", value="layer.0.score"), "layer.0.score: answer is over "),
    (at(*P, "latency", value=8), f"{HIDDEN}<layer.0.attended: steps between its ends is 2, allowed 1, or in a stream whole periods less"),
    (at("populations", "mask", "latency", value=1), "layer.0.query<mask: steps between its ends is 0, allowed 1"),
    (at(*S, "target", value=HIDDEN), f"{QUERY}: steps between its ends is 7, allowed 1, or in a stream whole periods less"),
    (at(*S, "target", value="layer.0.attended"), f"{QUERY}: codes is int8 (2, 4), allowed int8 (4, 4) in -127..127"),
    (at(*S, "target", value="x"), f"{QUERY}: its target is x, allowed a population that fires by itself"),
    (at(*S, "source", value="nowhere"), f"{QUERY}: an end is nowhere, allowed a population of this network"),
    (at(*P, "grid", 1, "name", value="position"), f"{HIDDEN}: axes is position, position, allowed each of another name"),
    (both(lose(*BIAS), at(*P, "neuron", value=None)), f"{HIDDEN}: ports that play it is 0, allowed one"),
    (gone("synapses", SCORE, "wiring", "read", "head"), f"{SCORE}: coordinates of its source that no rule reads is head, allowed none"),
    (gone("synapses", SCORE, "wiring", "read", "key"), f"{SCORE}: pairs read by one side is position, key, allowed both, or neither"),
    (at("synapses", SCORE, "wiring", "read", "ghost", value="sum"), f"{SCORE}: a coordinate that is read is ghost, allowed one of position, key,"),
    (at(*S, "wiring", "rows", value=["position"]), f"{QUERY}: rows is position, allowed coordinates of its target that nothing follows, of"),
    (at(*S, "wiring", "rows", value=["head", "head"]), f"{QUERY}: rows is head, head, allowed coordinates"),
    (lambda arrays, raw: raw["probes"].append(raw["probes"][0] | {"name": "more"}), "program: probes is 2, allowed 1, the answer"),
]


@pytest.mark.parametrize("change, expected", [*FIELDS, *SIZES, *ARRAYS, *STRUCTURE])
def test_what_is_wrong_is_named(change, expected, program):
    arrays, raw = described(program)
    change(arrays, raw)
    store(program, arrays, raw)
    found = refusal(program)
    assert found.startswith(("not a sound program: ", "not a whole program: ")) and "\n" not in found and len(found) < 2100
    if expected:
        assert found.split("program: ", 1)[1].startswith(expected) or f"; {expected}" in found, found


LEGAL = [
    at(*P, "grid", 0, "grows", value=False),
    at("populations", "layer.0.score", "grid", 0, "causal", value=True),
    at(*P, "neuron", "resets", value="sequence"),
    at(*P, "neuron", "resets", value="never"),
    at(*P, "neuron", "keep", value=0),
    at(*P, "neuron", "keep_u", value=2048),
    at("populations", RELAY, "neuron", "vth", value=0),
    at("populations", "layer.0.score.and", "neuron", "keep", value=4096),
    at(*S, *RULE, "offset", value=-2),
    at("synapses", SCORE, "wiring", "read", "key", value={"value": 1}),
    at("probes", "readout", "population", value="readout"),
    drop("synapses", "layer.0.hidden<mask"),
    drop("synapses", "mask.relay.3<mask.relay.2"),
]


@pytest.mark.parametrize("change", LEGAL)
def test_what_no_compiler_writes_is_the_same_to_every_executor(change, program, shell):
    """In one run of texts of several lengths, and text by text, where each is cut to its own."""
    arrays, raw = described(program)
    change(arrays, raw)
    store(program, arrays, raw)
    assert shell.run(RUNTIME, "verify", program, "--executor", "fast", "--random", 4)[::2] == (0, "")
    texts = ("w1", "w2 w3 w4 w5", "w6 w7")
    fast, reference = (shell.run(RUNTIME, "classify", program, *texts, "--executor", name) for name in ("fast", "reference"))
    assert fast == reference and fast[0] == 0


def test_all_findings_are_shown(program):
    arrays, raw = described(program)
    neurons = [p["neuron"] for p in raw["populations"] if p["neuron"]]
    for neuron in neurons:
        neuron["keep"] = -7
    store(program, arrays, raw)
    assert refusal(program).endswith(f"; and {len(neurons) - 8} more")


def exchanged(arrays, raw):
    """Two synapses that refer to one array."""
    named(raw["synapses"], "layer.0.key<x")["wiring"]["gain"] = array_of(raw, *GAIN)


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda arrays, raw: arrays.update(extra=np.zeros(3, np.int8)), "array extra belongs to nothing"),
        (lambda arrays, raw: arrays.update(head=np.zeros((3, 4), np.int8)), None),
        (lambda arrays, raw: arrays.pop("class_bias"), "it has no 'class_bias'"),
        (lambda arrays, raw: arrays.pop(array_of(raw, *GAIN)), f"{QUERY}: it has no 'a"),
        (lambda arrays, raw: raw.update(extra=1), "unknown field extra, known are format, version, timing, "),
        (at(*P, "extra", value=1), f"{HIDDEN}: unknown field extra, known are name, grid, latency, neuron"),
        (at(*S, "wiring", "extra", value=1), f"{QUERY}: unknown field extra, known are kind, codes, gain, read, rows"),
        (at("host", "extra", value=1), "unknown field extra, known are front, "),
        (at("host", "front", "extra", value=1), "unknown field extra, known are shift, keep, vth, tokenizer"),
        (at("ports", "x", "extra", value=1), "x: unknown field extra, known are name, population, plays"),
        (gone("timing"), "it has no 'timing'"),
        (gone("profile"), "it has no 'profile'"),
        (gone("host", "labels"), "it has no 'labels'"),
        (gone(*P, "neuron", "vth"), f"{HIDDEN}: it has no 'vth'"),
        (gone(*S, "wiring", "kind"), f"{QUERY}: it has no 'kind'"),
        (at("populations", value={}), "populations is not a list of objects"),
        (at("synapses", value=[1]), "synapses is not a list of objects"),
        (at("ports", value=None), "ports is not a list of objects"),
        (at("host", value=None), "an object of front, first_position_only, task, labels, logit_scale, weights is None, no object"),
        (at(*S, "wiring", value=None), f"{QUERY}: wiring is None, no object"),
        (at(*S, "wiring", "kind", value="hyper"), f"{QUERY}: a wiring of kind 'hyper', known are dense, join, sparse"),
        (at(*S, "wiring", "kind", value=["dense"]), f"{QUERY}: a wiring of kind \"['dense']\", known are dense, join, sparse"),
        (at(*S, "wiring", "codes", "columns", value=1 << 40), f"{QUERY}: array a"),
        (at(*S, "wiring", "codes", "columns", value=-4), f"{QUERY}: array a"),
        (at(*S, "wiring", "codes", "weights", value="quaternary"), f"{QUERY}: array a"),
        (at(*S, "wiring", "gain", value="front.bias"), f"{QUERY}: it has no 'front.bias'"),
        (at(*S, "wiring", "gain", value=7), f"{QUERY}: array is 7, allowed 1 to 500 printable characters"),
        (at(*S, "wiring", "read", value=[]), f"{QUERY}: read is [], no object"),
        (exchanged, "layer.0.key<x: array a"),
        (put(GAIN, lambda a: a.astype(np.float64) * np.nan), f"{QUERY}: array a"),
        (put(CODES, lambda a: a[0]), f"{QUERY}: array a"),
        (put(CODES, lambda a: a | 0xFF), f"{QUERY}: "),
        (at(*P, "grid", value=[{"name": f"a{n}", "size": 1, "grows": False} for n in range(9)]), f"{HIDDEN}: 9 axes, at most 8"),
    ],
)
def test_what_cannot_even_be_built(change, expected, program):
    arrays, raw = described(program)
    change(arrays, raw)
    store(program, arrays, raw)
    found = refusal(program)
    assert found.startswith(f"not a whole program: {expected}" if expected else "not a sound program: "), found
    assert "object is not" not in found and "has no attribute" not in found


def test_the_line_that_a_shell_sees(program):
    """At one time this ended in a segmentation fault."""
    arrays, raw = described(program)
    all_axes("ffn", size=5000)(arrays, raw)
    store(program, arrays, raw)
    code, out, err = spawn(RUNTIME, "classify", program, "w1 w2")
    assert (code, out) == (1, "") and message(err).startswith(f"{program}: not a sound program: {HIDDEN}: bias is int64 (2,)")


def test_nested_metadata(program):
    arrays, raw = described(program)
    store(program, arrays, json.dumps(raw)[:-1] + ',"deep":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert refusal(program) == "not a whole program: it is nested too deeply"
