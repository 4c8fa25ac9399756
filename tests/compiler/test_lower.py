"""The lowering call and its command: the same bytes every time, what it prints, and what it counts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from agreement import found
from command import LOWER, Shell, lower_main

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.lower import lower
from tritspike.compiler.pipeline import DEFAULT, PASSES
from tritspike.hw_profiles.profile import HardwareProfile, load
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tables import HOST, LIF, kind

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = dict(layers=1, hidden=8, heads=2, head_dim=2, ffn=6, max_length=5, steps=3, embedding_rank=4)
SHAPES = [dict(), dict(causal=True, readout="first"), dict(weights="binary", heads=1, layers=2), dict(causal=True, head_dim=3)]


@pytest.fixture(params=SHAPES, ids=str)
def folder(request, tmp_path) -> Path:
    return random_checkpoint.write(tmp_path / "checkpoint", **(SIZES | request.param))


@pytest.fixture()
def small(tmp_path) -> Path:
    return random_checkpoint.write(tmp_path / "checkpoint", **SIZES)


# bytes


def test_two_lowerings_and_a_round_trip_give_the_same_bytes(folder, tmp_path):
    first, second, again = (tmp_path / f"{name}.tsp" for name in ("first", "second", "again"))
    program_file.save(lower(folder, "loihi2"), first)
    program_file.save(lower(str(folder), load("loihi2")), second)
    loaded = program_file.load(first)
    program_file.save(loaded, again)
    assert first.read_bytes() == second.read_bytes() == again.read_bytes()
    encoder = Encoder(loaded)
    rows = encoder.rows(encoder.tokens(random_checkpoint.texts(1, 6, 5)))
    assert (found("fast", loaded, rows).logits == found("fast", lower(folder, "loihi2"), rows).logits).all()


def test_another_checkpoint_gives_other_bytes(small, tmp_path):
    other = random_checkpoint.write(tmp_path / "other", seed=1, **SIZES)
    for folder, name in ((small, "a.tsp"), (other, "b.tsp")):
        program_file.save(lower(folder, "tiny"), tmp_path / name)
    assert (tmp_path / "a.tsp").read_bytes() != (tmp_path / "b.tsp").read_bytes()


def _command(form: list[str], args: list[str], cwd: Path, seed: int, path: list[str]) -> subprocess.CompletedProcess:
    """A process of its own that finds libraries but, by -S, no editable install of this project."""
    libraries = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    env = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(path + libraries)}
    return subprocess.run([sys.executable, "-S", *form, *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=600)


def test_script_and_module_from_another_folder_give_the_same_bytes(small, tmp_path):
    here = tmp_path / "elsewhere"
    here.mkdir()
    forms = {"script": ([str(ROOT / "compiler" / "lower.py")], []), "module": (["-m", "compiler.lower"], [str(ROOT)])}
    for seed, (name, (form, path)) in enumerate(forms.items(), 1):
        done = _command(form, ["../checkpoint", "--profile", "tiny", "--out", f"{name}.tsp"], here, seed, path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{name}.tsp: 757 neurons of 1,024 on tiny, 5 tokens, 3 steps a sample, 9 steps deep")
    program_file.save(lower(small, "tiny"), here / "call.tsp")
    assert (here / "script.tsp").read_bytes() == (here / "module.tsp").read_bytes() == (here / "call.tsp").read_bytes()


# what the command prints


def test_list_passes_names_each_with_its_sentence_in_order(capsys):
    lower_main(["--list-passes"])
    first, *rest = (line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert rest == [[step.name, step.sentence()] for step in DEFAULT]
    assert first == ["quantize", f"{PASSES['quantize'].sentence()} (only where --passes names it)"]
    assert all(step.sentence().endswith(".") for step in PASSES.values())


def _explained(capsys, folder: Path) -> dict[str, list[str]]:
    lower_main([str(folder), "--explain", "--profile", "loihi2"])
    rows = (re.split(r"\s*[│┃|]\s*", line.strip("│┃| \n")) for line in capsys.readouterr().out.splitlines())
    return {row[0]: row[1:] for row in rows if len(row) > 6 or row[0].startswith("layer.")}


BINDING = {
    "threshold": {"layer.0.hidden.vth": np.array([131071], np.int32)},
    "row gain": {"layer.0.hidden.gain": np.array([3, -127, 5, 1, 1, 1], np.int8)},
    "bias": {"layer.0.hidden.bias": np.array([4095 << 7, 0, 0, 0, 0, -128], np.int32)},
    "weight from x.relay.4": {"layer.0.attended.skip": np.array([127 << 7], np.int32), "layer.0.attended.gain": np.ones(8, np.int8)},
    "weight from layer.0.context.and": {"layer.0.context.gain": np.array([127 << 7], np.int32)},
    "accumulator": {"layer.0.context.gain": np.array([113 << 7], np.int32)},  # times 9 positions: 130,176 of 131,071
}


@pytest.mark.parametrize("limit", BINDING)
def test_explain_names_every_population_and_the_limit_that_binds(limit, tmp_path, capsys):
    sizes = SIZES | ({"max_length": 9} if limit == "accumulator" else {})
    folder = random_checkpoint.write(tmp_path / "checkpoint", tensors=BINDING[limit], **sizes)
    explained, scheduled = _explained(capsys, folder), lower(folder, "loihi2").scheduled
    printed = {name: row[0] for name, row in explained.items() if name.startswith("layer.")}
    assert printed == {p.name: str(p.neuron.vth) for p in scheduled.network.populations if kind(scheduled, p) == LIF}
    row = explained[next(iter(BINDING[limit])).rsplit(".", 1)[0]]
    assert row[3:5] == [limit, "1.01" if limit == "accumulator" else "1.00"]


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


def test_passes_by_name_and_in_order(small, shell, tmp_path):
    every = ",".join(step.name for step in DEFAULT)
    for name, words in (("all", every), ("spaced", every.replace(",", " , ") + ","), ("unproved", "fold-registers,assign-latencies,insert-relays")):
        code, out, err = shell.run(LOWER, small, "--profile", "tiny", "--out", tmp_path / f"{name}.tsp", "--passes", words)
        assert (code, err) == (0, "") and out.startswith(f"{tmp_path / name}.tsp: ")
    shell.run(LOWER, small, "--profile", "tiny", "--out", tmp_path / "default.tsp")
    files = {name: (tmp_path / f"{name}.tsp").read_bytes() for name in ("all", "spaced", "default", "unproved")}
    assert files["all"] == files["spaced"] == files["default"] != files["unproved"]
    assert {port.plays for port in program_file.load(tmp_path / "unproved.tsp").network.ports} == {"x"}


@pytest.mark.parametrize(
    "words, line",
    [
        ("fold-registers,fold", f"pass 'fold' is unknown (hint: some of {', '.join(step.name for step in PASSES.values())})"),
        ("insert-relays", "insert-relays: requires that every population has a latency (hint: assign-latencies before it)"),
        (
            "fold-registers,assign-latencies",
            "not a program yet: it is not so that every synapse takes one step (hint: insert-relays, which requires assign-latencies)",
        ),
        (
            "assign-latencies,insert-relays,check-capacity,prove-ranges",
            "check-capacity: requires that no input leaves a register (hint: prove-ranges before it)",
        ),
        (",", "not a program yet: it is not so that every synapse takes one step (hint: insert-relays, which requires assign-latencies)"),
    ],
)
def test_passes_that_make_no_program_are_refused_in_a_line(words, line, small, shell, tmp_path):
    assert shell.refusal(LOWER, small, "--profile", "tiny", "--out", tmp_path / "p.tsp", "--passes", words) == line


def test_a_dump_has_the_passes_that_ran(small, shell, tmp_path):
    words = "fold-registers,assign-latencies,insert-relays"
    code, _, err = shell.run(LOWER, small, "--profile", "tiny", "--out", tmp_path / "p.tsp", "--passes", words, "--dump-ir", tmp_path / "ir")
    assert (code, err) == (0, "")
    texts = {p.name: p.read_text() for p in (tmp_path / "ir").iterdir()}
    assert sorted(texts) == ["00-frontend.txt", "01-fold-registers.txt", "02-assign-latencies.txt", "03-insert-relays.txt"]
    assert "relay" in texts["03-insert-relays.txt"] and "relay" not in texts["02-assign-latencies.txt"]


def test_a_refused_lowering_leaves_what_it_was_up_to_its_refusal(small, shell, tmp_path):
    words = "fold-registers,prove-ranges"
    code, out, err = shell.run(LOWER, small, "--out", tmp_path / "p.tsp", "--passes", words, "--dump-ir", tmp_path / "ir")
    assert (code, out) == (1, "") and err.startswith("error: prove-ranges: requires that every synapse takes one step (hint: insert-relays")
    assert sorted(p.name for p in (tmp_path / "ir").iterdir()) == ["00-frontend.txt", "01-fold-registers.txt"]
    assert not (tmp_path / "p.tsp").exists()


def test_plan_names_the_rule_of_every_population(small, capsys):
    lower_main([str(small), "--plan", "--profile", "loihi2"])
    out = capsys.readouterr().out
    rules = {"play-port", "skip-repeater", "keep-product", "spiking-attention", "shared-linear", "sum-readout"}
    assert all(rule in out for rule in rules) and "generic" not in out
    assert all(p.name in out for p in lower(small, "loihi2").network.populations)


# what it counts


def _supply(neurons: int, synapses: int) -> HardwareProfile:
    return replace(load("loihi2"), name="made-up", chips=1, cores_per_chip=1, neurons_per_core=neurons, synapses_per_chip=synapses)


def _materialised(program) -> tuple[int, int]:
    network = program.network
    return program.neurons(), sum(s.wiring.csr(*network.grids(s)).nnz for s in network.synapses)


def test_capacity_counts_what_is_materialised(folder):
    program = lower(folder, "loihi2")
    neurons, synapses = _materialised(program)
    network = program.network
    assert sum(s.wiring.count(*network.grids(s)) for s in network.synapses) == synapses
    assert neurons == sum({s.target: s.wiring.csr(*network.grids(s)).shape[0] for s in network.synapses}.values())
    assert all(kind(program.scheduled, p) == HOST or p.name in {s.target for s in network.synapses} for p in network.populations)
    lower(folder, _supply(neurons, synapses))
    for supply, message in (
        (_supply(neurons - 1, synapses), f"made-up: {neurons} neurons needed, {neurons - 1} available"),
        (_supply(neurons, synapses - 1), f"made-up: {synapses} synapses needed, {synapses - 1} available"),
    ):
        with pytest.raises(DoesNotFit) as error:
            lower(folder, supply)
        assert str(error.value) == f"{message} (hint: --length 4 fits, or --profile loihi2)"


@pytest.mark.parametrize("by", [0, 1], ids=["neurons", "synapses"])
@pytest.mark.parametrize("short", [0, 1], ids=["all", "one-short"])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_hint_is_the_largest_length_that_fits(folder, length, short, by):
    needed = list(_materialised(lower(folder, "loihi2", length=length)))
    plenty = [1 << 30, 1 << 30]
    plenty[by] = needed[by] - short
    supply, fits = _supply(*plenty), length - short
    with pytest.raises(DoesNotFit) as error:
        lower(folder, supply)
    if fits == 0:
        assert str(error.value).endswith("(hint: a smaller model or --profile loihi2)")
    else:
        assert str(error.value).endswith(f"(hint: --length {fits} fits, or --profile loihi2)")
        assert lower(folder, supply, length=fits).positions == fits
    with pytest.raises(DoesNotFit):
        lower(folder, supply, length=fits + 1)


def test_a_readout_whose_threshold_the_profile_cannot_hold_is_refused(small, tmp_path):
    narrow = replace(load("tiny"), vth_bits=7)  # as many as the other populations need
    assert [lower(small, profile).answering.neuron.vth for profile in (narrow, "tiny", "loihi2")] == [127, 1023, 131071]
    codes = np.full((2, 2), 0x55, np.uint8)  # all +1: 8 channels, 5 positions, 4 steps
    with pytest.raises(DoesNotFit) as error:
        lower(random_checkpoint.write(tmp_path / "loud", tensors={"readout.codes": codes}, **(SIZES | {"steps": 4})), narrow)
    assert str(error.value) == "tiny: readout: vth that no input reaches is 160, the chip holds up to 127"
