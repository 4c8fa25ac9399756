"""`deploy`: the preflight list, exit codes, bundles, and the hardware path against a stand-in for the extension's public names.

The stand-in (tests/stand_in) is ours: it shows that our side connects, waits and compares as meant, and nothing about silicon.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import kill_lava
import numpy as np
import pytest
import random_checkpoint
from command import RUNTIME, Shell, begun

from tritspike.compiler.lower import lower
from tritspike.hw_profiles.profile import load
from tritspike.runtime import bundle
from tritspike.runtime.executors.lava import on_board, stock
from tritspike.runtime.executors.lava.board import preflight
from tritspike.runtime.executors.lava.delay import delay
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask

STAND_IN = Path(__file__).resolve().parents[1] / "stand_in"
VARIABLES = ("SLURM", "NOSLURM", "LOIHI_GEN", "PARTITION", "BOARD", "NXSDKHOST", "HOST_BINARY")
needs_lava = pytest.mark.skipif(not stock.installed(), reason="lava-nc is not installed")


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


@pytest.fixture(autouse=True)
def no_board(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture()
def program(checkpoint, tmp_path) -> Path:
    path = tmp_path / "p.tsp"
    program_file.save(lower(checkpoint, "loihi2"), path)
    return path


@pytest.fixture()
def ready(monkeypatch, tmp_path):
    """The stand-in's modules, the environment of a scheduled board, and a sinfo that calls it idle."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    for name, value in {"SLURM": "1", "LOIHI_GEN": "N3C1", "PARTITION": "kp", "STAND_IN_STEPS": "1"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sinfo").write_text("#!/bin/sh\necho idle\n")
    (tmp_path / "bin" / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_without_hardware_the_list_says_what_is_missing_and_the_exit_code_is_3(options, program, shell):
    before = shell.files()
    code, out, err = shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", *options)
    assert (code, err, shell.files()) == (3, "", before)
    lines = out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["missing"] * 5 + ["present"]
    assert "missing  Intel's Lava extension for Loihi: no module lava.utils.loihi2_profiler" in out
    assert "missing  SLURM or NOSLURM: not set" in out and "missing  board reachable: no board is named" in out


@pytest.mark.parametrize(
    "variables, answer, expected",
    [
        ({"NOSLURM": "1"}, None, {"NXSDKHOST": False, "HOST_BINARY": False, "board reachable": False}),
        ({"NOSLURM": "1", "NXSDKHOST": "10.0.0.9", "HOST_BINARY": "x"}, "", {"NXSDKHOST": True, "board reachable": True}),
        ({"NOSLURM": "1", "NXSDKHOST": "10.0.0.9", "HOST_BINARY": "x"}, None, {"HOST_BINARY": True, "board reachable": False}),
        ({"SLURM": "1"}, "idle", {"BOARD or PARTITION": False, "board reachable": False}),
        ({"SLURM": "1", "BOARD": "kp1"}, "idle\n", {"BOARD or PARTITION": True, "board reachable": True}),
        ({"SLURM": "1", "BOARD": "kp1"}, "down*\n", {"board reachable": False}),
        ({"SLURM": "1", "PARTITION": "kp"}, "drained\nmixed\n", {"board reachable": True}),
        ({"SLURM": "1", "PARTITION": "kp"}, "", {"board reachable": False}),
    ],
)
def test_the_board_is_asked_for_as_the_environment_says(variables, answer, expected, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = {f.what: f.present for f in preflight(load("kapoho-point"), lambda command: answer)}
    assert {what: found[what] for what in expected} == expected


def test_a_chip_without_periodic_reset_is_not_ready():
    assert [f.present for f in preflight(load("kapoho-bay")) if f.what.startswith("periodic reset")] == [False]


def test_a_board_too_small_for_the_program(program, shell):
    found = shell.refusal(RUNTIME, "deploy", program, "--profile", "tiny")
    assert found.startswith("tiny: 10166 neurons needed, 1024 available (hint: deploy to a larger profile")


@needs_lava
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_the_hardware_path_gives_fast_s_spikes_on_the_stand_in(steps, program, shell, ready, monkeypatch):
    monkeypatch.setenv("STAND_IN_STEPS", str(steps))
    options = ("--random", "3", "--adapter-steps", steps, "--time-limit", "600")
    code, out, err = shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", *options)
    assert (code, err) == (0, ""), out
    assert "missing" not in out and "equal: fast == board on 3 samples" in out


@needs_lava
def test_dry_run_with_everything_present_runs_nothing(program, shell, ready, monkeypatch):
    monkeypatch.setattr(on_board, "run", None)
    assert shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", "--dry-run")[0] == 0


@needs_lava
def test_a_lost_spike_is_named(program, shell, ready, monkeypatch):
    loaded = program_file.load(program)
    rows = Encoder(loaded).rows([([1, 5, 6, 2], [0] * 4)], 4)
    spikes = batches.run(loaded.at_length(4), rows, "reference", ask=Ask(record=True)).spikes[loaded.last.name]
    sample, step, neuron = np.argwhere(spikes)[0]
    monkeypatch.setenv("STAND_IN_FLIP", str(neuron))
    monkeypatch.setattr("tritspike.runtime.commands.deploy._samples", lambda o, encoder: (loaded.at_length(4), rows))
    code, out, _ = shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", "--time-limit", "600")
    assert code == 1
    assert out.splitlines()[-1] == f"differs: sample {sample}, step {step}, layer.1.output[{neuron}]: fast 1 != board 0"


@needs_lava
def test_an_adapter_of_another_length_is_found(program, shell, ready):
    code, out, _ = shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", "--random", "2", "--adapter-steps", "2")
    assert code == 1 and out.splitlines()[-1].startswith("differs: sample ")


@needs_lava
def test_a_killed_run_on_a_board_leaves_nothing(program, ready, tmp_path):
    command = ("deploy", "--profile", "kapoho-point")
    trial = kill_lava.kill(tmp_path / "run", "SIGKILL", program, command, lambda run: len(run.processes()) > 12)
    assert (trial.code, trial.left) == (-9, ([], [], []))


def test_the_answer_is_the_readout_s_from_the_last_layer(tmp_path):
    for readout, head in (("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")):
        program = lower(random_checkpoint.write(tmp_path / f"{readout}-{head}", 6, readout=readout), "loihi2", head=head)
        encoder = Encoder(program)
        rows = encoder.rows(encoder.tokens(random_checkpoint.texts(2, 4, 12)))
        expected = batches.run(program, rows, "reference", ask=Ask(record=True))
        found = on_board.answer(program, rows, expected.spikes[program.last.name])
        assert (found == expected.read).all() and (program.logits(found, rows.lengths) == expected.logits).all()


@pytest.mark.parametrize("adapter", range(9))
def test_the_delay_is_a_multiple_of_the_sample(adapter):
    for steps in range(1, 6):
        assert delay(adapter, steps) % steps == 0 and adapter <= delay(adapter, steps) < adapter + steps


# bundles


@pytest.fixture()
def unpacked(program, shell, tmp_path) -> Path:
    code, out, err = shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", "--bundle", tmp_path / "b.zip", "--random", "2")
    assert (code, err) == (0, "") and f"{tmp_path}/b.zip: " in out
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        archive.extractall(tmp_path / "carried")
    return tmp_path / "carried"


def run(folder: Path, *options: str) -> tuple[int, str, str]:
    """In an environment that knows nothing of this clone: no PYTHONPATH, and the folder of the bundle."""
    done = subprocess.run([sys.executable, "-I", "run.py", *options], cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout, done.stderr


@needs_lava
def test_a_carried_bundle_runs_by_its_own_script_and_compares_every_spike(unpacked):
    code, out, err = run(unpacked)
    assert code == 0 and err.startswith("lava: 2 windows") and out.startswith("equal: Lava's CPU simulator gives the expected spikes on 2 samples")
    assert not list(unpacked.rglob("__pycache__")) or run(unpacked)[0] == 0


def test_the_same_bundle_is_the_same_bytes(unpacked, program, shell, tmp_path):
    shell.run(RUNTIME, "deploy", program, "--profile", "kapoho-point", "--bundle", tmp_path / "again.zip", "--random", "2")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_bundle_asks_for_what_its_script_imports_and_lava_needs(unpacked, monkeypatch):
    """At the versions that are here; of what is not here, as where a bundle is packed without Lava, any that would do."""
    asked = (unpacked / "requirements.txt").read_text().splitlines()
    assert asked[0].endswith("then: pip install --no-deps --ignore-requires-python lava-nc==0.10.0")
    assert f"numpy=={np.__version__}" in asked
    version = bundle.importlib.metadata.version

    def without(name: str) -> str:
        if name == "asteval":
            raise bundle.importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(bundle.importlib.metadata, "version", without)
    found = bundle.requirements().splitlines()
    assert [line.partition("=")[0].rstrip(">") for line in found[1:]] == ["numpy", "scipy", "safetensors", "networkx", "scikit-learn", "asteval"]
    assert found[-1] == "asteval>=1.0" and found[:-1] == asked[: len(found) - 1]


@pytest.mark.parametrize("name", ["program.tsp", "expected.safetensors", "run.py", "tritspike/runtime/arith.py", "requirements.txt"])
def test_an_altered_bundle_is_refused(name, unpacked):
    with open(unpacked / name, "ab") as out:
        out.write(b"\n")
    assert run(unpacked) == (1, "", f"error: {name}: altered (hint: unpack the bundle again, into an empty folder)\n")


def test_a_bundle_with_a_file_missing_added_or_without_manifest_is_refused(unpacked):
    (unpacked / "tritspike" / "more.py").write_text("")
    assert run(unpacked)[2] == "error: tritspike/more.py: not part of the bundle (hint: unpack the bundle again, into an empty folder)\n"
    (unpacked / "samples.safetensors").unlink()
    assert run(unpacked)[2] == "error: samples.safetensors: missing (hint: unpack the bundle again, into an empty folder)\n"
    (unpacked / "MANIFEST.json").write_text("{")
    assert run(unpacked)[2].startswith("error: MANIFEST.json: unreadable: ")


MARK = "open('/dev/stderr', 'w').write('ran')\n"


@pytest.mark.parametrize(
    "name", ["json.py", "hashlib.py", "argparse.py", "__future__.py", "os.py", "numpy.py", "sitecustomize.py", "json/__init__.py"]
)
def test_a_module_beside_the_script_is_refused_and_not_run(name, unpacked):
    """As its README says to run it: Python itself would put that folder first."""
    (unpacked / name).parent.mkdir(exist_ok=True)
    (unpacked / name).write_text(MARK)
    done = subprocess.run([sys.executable, "run.py"], cwd=unpacked, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    top = name.split("/")[0]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {top}: not part of the bundle (hint: unpack the bundle again, into an empty folder)\n"


@pytest.mark.parametrize(
    "name",
    [
        f"tritspike/{name}"
        for name in ("runtime/more.so", "runtime/__pycache__/arith.cpython-311.pyc", "hw_profiles/more.toml", "runtime/executors/lava/x")
    ],
)
def test_whatever_is_added_to_the_packages_is_refused(name, unpacked):
    (unpacked / name).parent.mkdir(exist_ok=True)
    (unpacked / name).write_text("")
    assert run(unpacked)[2] == f"error: {name}: not part of the bundle (hint: unpack the bundle again, into an empty folder)\n"


@pytest.mark.parametrize("text", ["[]", "5", "[" * 100_000, '{"run.py": 5}', '{"../x": ""}', '{"/dev/zero": ""}', '{"\\u0000": ""}'])
def test_a_manifest_of_something_else_is_one_line(text, unpacked):
    (unpacked / "MANIFEST.json").write_text(text)
    code, out, err = run(unpacked)
    assert (code, out, err.count("\n")) == (1, "", 1) and err.startswith("error: ")


def test_a_changed_expectation_is_found_even_where_the_manifest_is_redone(unpacked):
    """The comparison is with the file, not with itself."""
    import hashlib

    from safetensors.numpy import load_file, save_file

    arrays = load_file(unpacked / "expected.safetensors")
    arrays["read"] = arrays["read"] + 1
    save_file(arrays, unpacked / "expected.safetensors")
    manifest = json.loads((unpacked / "MANIFEST.json").read_text())
    manifest["expected.safetensors"] = hashlib.sha256((unpacked / "expected.safetensors").read_bytes()).hexdigest()
    (unpacked / "MANIFEST.json").write_text(json.dumps(manifest))
    if stock.installed():
        code, _, err = run(unpacked)
        assert code == 1 and begun(err).startswith("error: sample 0, logit 0: expected ")


def test_an_unwritable_bundle_is_refused_before_the_work(program, shell, tmp_path):
    found = shell.refusal(RUNTIME, "deploy", program, "--profile", "kapoho-point", "--bundle", tmp_path / "nowhere" / "b.zip")
    assert found == f"{tmp_path}/nowhere/b.zip: cannot be written: No such file or directory (hint: make the folder {tmp_path}/nowhere first)"
