"""The file: sound by onnx's own checker, run by whoever has only it, in any version of the standard; and what `export` refuses."""

from __future__ import annotations

import json
from importlib import util
from itertools import pairwise

import numpy as np
import pytest
import random_checkpoint
import random_network
import stream_network
from command import RUNTIME, Shell, runtime_main
from random_network import require_same

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from onnx.reference import ReferenceEvaluator

from tritspike.compiler.lower import lower
from tritspike.runtime import install
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.onnx import model
from tritspike.runtime.executors.onnx.model import Options
from tritspike.runtime.executors.onnx.write import write
from tritspike.runtime.executors.table import executor
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.network import Reads
from tritspike.runtime.network.outcome import Outcome

SEEDS = range(400, 420)


class OnnxRuntime:
    """A model in onnxruntime, as `ReferenceEvaluator` has it."""

    def __init__(self, source):
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads, session.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(source, session, providers=["CPUExecutionProvider"])

    def run(self, names, given):
        return self.session.run(names, given)


def about(found):
    return json.loads(next(p.value for p in found.metadata_props if p.key == "tritspike"))


def alone(runner, told, ports, parts, spikes=()):
    """What somebody does who has the file alone: the outcome by the metadata, played in so many parts, the state fed back."""
    period, depth = told["timing"]["period"], max(told["latency"].values())
    windows = len(next(iter(ports.values())))
    lines = {name: np.concatenate([p.reshape(windows * period, 1, -1), np.zeros((depth, 1, p.shape[2]), bool)]) for name, p in ports.items()}
    state = {s["input"]: np.zeros((1, s["neurons"]), s["dtype"]) for s in told["state"]}
    goes = [s["output"] for s in told["state"]]
    comes = [*(p["name"] for p in told["probes"]), *spikes]
    found, bounds = [], np.linspace(0, windows * period + depth, parts + 1).astype(int)
    for a, b in pairwise(bounds):
        out = runner.run([*goes, *comes], {**state, **{name: line[a:b] for name, line in lines.items()}})
        state = dict(zip(state, out[: len(goes)]))
        found.append(out[len(goes) :])
    whole = {name: np.concatenate([part[n] for part in found])[:, 0] for n, name in enumerate(comes)}
    read = {p["name"].removeprefix("probe/"): whole[p["name"]][p["latency"] + period - 1 :: period][:windows] for p in told["probes"]}
    recorded = {}
    for name in spikes:
        population = name.removeprefix("spikes/")
        line = whole[name][told["latency"][population] :][: windows * period]
        recorded[population] = line.reshape(windows, period, -1)
    return Outcome(read, recorded)


def drawn(seed, **options):
    """(expected, model, what its ports play) of a random network that records everything."""
    program, inputs = random_network.drawn(seed)
    found = model.graph(program, Options(record=[p.name for p in program.network.populations], **options))
    return random_network.expected(seed), found, {f"port/{p.name}": played(program, inputs, p) for p in program.network.ports}


def everything(found):
    return [o.name for o in found.proto.graph.output if o.name.startswith("spikes/")]


def test_it_is_sound_and_every_shape_is_inferred():
    for seed in SEEDS:
        found = drawn(seed)[1].whole()
        onnx.checker.check_model(found, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(found, check_type=True, strict_mode=True, data_prop=True)
        assert {o.name: o.type for o in inferred.graph.output} == {o.name: o.type for o in found.graph.output}


def test_two_runs_joined_by_their_state_are_one():
    for seed in SEEDS[::2]:
        expected, found, ports = drawn(seed)
        runner, told = OnnxRuntime(found.whole().SerializeToString()), about(found.proto)
        for parts in (1, 2, 3):
            require_same(expected, alone(runner, told, ports, parts, everything(found)))


@pytest.mark.parametrize("opset, compact", [(15, False), (21, False), (25, True), (26, False)])
def test_in_other_versions_of_the_standard(opset, compact):
    for seed in SEEDS[::4]:
        expected, found, ports = drawn(seed, opset=opset, compact=compact)
        assert {o.domain: o.version for o in found.proto.opset_import} == {"": opset, "ai.tritspike": 1}
        require_same(expected, alone(OnnxRuntime(found.whole().SerializeToString()), about(found.proto), ports, 1, everything(found)))


@pytest.mark.parametrize("opset, compact", [(17, False), (25, True)])
def test_onnx_s_own_evaluator_is_a_second_opinion(opset, compact):
    tried = 0
    for seed in SEEDS:
        expected, found, ports = drawn(seed, opset=opset, compact=compact)
        if len(found.proto.graph.node[-1].attribute[0].g.node) < 150 and sum(p.shape[0] * p.shape[1] for p in ports.values()) < 100:
            require_same(expected, alone(ReferenceEvaluator(found.whole()), about(found.proto), ports, 2, everything(found)))
            tried += 1
    assert tried > 5, tried


def test_on_streams_too():
    for seed in (0, 4, 7):
        program, inputs = stream_network.drawn(seed), stream_network.sequences(stream_network.drawn(seed), seed)
        found = model.graph(program)
        ports = {f"port/{p.name}": played(program, inputs, p) for p in program.network.ports}
        got = alone(ReferenceEvaluator(found.whole()), about(found.proto), ports, 2)
        whole = literal.run(program, inputs)
        assert all((got.read[name] == read).all() for name, read in whole.read.items())


# a program's file


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "p.tsp"
    program_file.save(lower(random_checkpoint.write(path.parent / "c", 3), "loihi2"), path)
    return path


@pytest.fixture()
def shell(capsys, tmp_path):
    return Shell(capsys, tmp_path)


def export(capsys, *arguments):
    assert runtime_main(["export", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def require_answers(path, program, length=None):
    """The file alone, beside `fast`."""
    cut = program if length is None else program.at_length(length)
    rows = Encoder(cut).rows(random_checkpoint.tokens(1, 5, cut.positions), cut.positions)
    told = about(onnx.load(path, load_external_data=False))
    ports = {p["name"]: played(cut.scheduled, rows, next(q for q in cut.network.ports if f"port/{q.name}" == p["name"])) for p in told["ports"]}
    got = alone(OnnxRuntime(str(path)), told, ports, 2)
    assert (got.read[cut.probe.name] == batches.run(cut, rows, "fast").read).all()


@pytest.mark.parametrize("options", [(), ("--compact",), ("--opset", 21), ("--length", 3)])
def test_the_file_is_run_by_whoever_has_it_alone(options, program, tmp_path, capsys):
    out, loaded = tmp_path / "p.onnx", program_file.load(program)
    assert export(capsys, program, "--onnx", out, *options).startswith(f"{out}: ")
    onnx.checker.check_model(str(out), full_check=True)
    require_answers(out, loaded, 3 if "--length" in options else None)
    told = about(onnx.load(out))
    assert told["host"]["labels"] == list(loaded.host.labels) and told["timing"]["steps"] == loaded.steps
    assert told["probes"][0]["reads"] == Reads.MEMBRANE.value and {p["plays"] for p in told["ports"]} == {"x", "pad"}


def test_compact_weights_take_a_quarter(program, tmp_path, capsys):
    plain, compact = tmp_path / "a.onnx", tmp_path / "b.onnx"
    export(capsys, program, "--onnx", plain)
    export(capsys, program, "--onnx", compact, "--compact")
    sizes = [sum(t.ByteSize() for t in onnx.load(path).graph.initializer if "/weights" in t.name or "/codes" in t.name) for path in (plain, compact)]
    assert sizes[1] < sizes[0] / 2


def test_constants_beyond_what_a_file_holds_lie_beside_it(program, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(model, "_INSIDE", 1000)
    for options in ((), ("--compact",)):
        out = tmp_path / "p.onnx"
        assert export(capsys, program, "--onnx", out, *options).startswith(f"{out}, {out}.data: ")
        onnx.checker.check_model(str(out), full_check=True)
        require_answers(out, program_file.load(program))
    with pytest.raises(ExecutorError, match="onnxruntime takes one file of 2 GiB"):
        executor("onnx").prepare(program_file.load(program).scheduled, How()).run(None)


def test_a_population_is_a_group(program):
    """By the names of its nodes, and its neurons are one node."""
    network = program_file.load(program).network
    body = model.graph(program_file.load(program).scheduled).proto.graph.node[-1].attribute[0].g
    names = {p.name for p in network.populations}
    grouped = [node for node in body.node if node.op_type != "Identity"]
    assert all(node.name.startswith("clock/") or node.name.split("/")[0] in names for node in grouped)
    lif = {node.name.removesuffix("/lif") for node in grouped if node.op_type == "LIF"}
    assert {"layer.0.hidden", "readout"} <= lif and not {name for name in lif if ".relay." in name or name.endswith(".and")}


# what is refused


def test_what_is_refused_in_one_line(program, tmp_path, shell):
    out, other = tmp_path / "p.onnx", tmp_path / "other"
    other.write_bytes(program.read_bytes())
    for arguments, said in (
        ((tmp_path / "no.tsp", "--onnx", out), "no such file or directory"),
        ((program, "--onnx", tmp_path / "no" / "p.onnx"), "No such file or directory"),
        ((program, "--onnx", other), "it holds a program, not an ONNX graph of ours"),
        ((program, "--onnx", program), "the same file as"),
        ((program, "--onnx", out, "--opset", 14), "opset 14 (hint: 15.."),
        ((program, "--onnx", out, "--opset", 999), "opset 999 (hint: 15.."),
        ((program, "--onnx", out, "--opset", 17, "--compact"), "compact weights in opset 17 (hint: opset 25 or later"),
        ((program, "--onnx", out, "--length", 99), "length 99 is outside 1.."),
    ):
        assert said in shell.refusal(RUNTIME, "export", *arguments), arguments
    assert not out.exists()


def test_constants_of_others_are_not_replaced(program, tmp_path, shell, monkeypatch):
    monkeypatch.setattr(model, "_INSIDE", 1000)
    (tmp_path / "p.onnx.data").write_text("mine")
    said = shell.refusal(RUNTIME, "export", program, "--onnx", tmp_path / "p.onnx")
    assert "p.onnx.data: cannot be written: it holds something else" in said


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_where_a_library_is_missing_it_says_how_to_install_it(missing, program, tmp_path, shell, monkeypatch):
    find = util.find_spec
    monkeypatch.setattr("tritspike.runtime.executors.onnx.here.find_spec", lambda name: None if name == missing else find(name))
    said = f"this needs {missing}, which is not installed (hint: {install.command('onnx')})"
    assert shell.refusal(RUNTIME, "verify", program, "--executor", "onnx") == said
    if missing == "onnx":
        assert shell.refusal(RUNTIME, "export", program, "--onnx", tmp_path / "p.onnx") == said
    assert [str(f) for f in executor("onnx").refuses(program_file.load(program).scheduled, How())] == [
        f"onnx: {missing} is not installed, allowed installed: {install.command('onnx')}"
    ]


def test_write_is_what_the_command_calls(program, tmp_path):
    loaded = program_file.load(program)
    found = write(loaded.scheduled, tmp_path / "p.onnx", Options())
    assert found.paths == (tmp_path / "p.onnx",) and found.nodes > 50
    assert about(onnx.load(tmp_path / "p.onnx"))["program"] == model.described(loaded.scheduled)["program"]
