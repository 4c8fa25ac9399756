"""`lower.py --map`, `--profile auto` and `inspect --map` as a shell runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
import random_checkpoint
import text_program
from command import LOWER, ROOT, RUNTIME, Shell
from random_network import require_same

from tritspike.compiler.lower import lowered
from tritspike.compiler.mapping import command as mapping_command
from tritspike.compiler.mapping.fit import Measured
from tritspike.compiler.passes.base import Lowering, Pass
from tritspike.compiler.pipeline import DEFAULT
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import mapping
from tritspike.runtime.executors import partitioned as board
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.host import file as program_file
from tritspike.runtime.map_report import tables


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


def test_map_writes_mapping_and_picture_and_inspect_prints_the_same_tables(checkpoint, shell, tmp_path):
    (tmp_path / "texts").write_text("w1 w2 w3\n\nw4 w5\n")
    out = tmp_path / "p.tsp"
    code, printed, err = shell.run(LOWER, checkpoint, "--profile", "loihi2", "--out", out, "--map", "--rates", tmp_path / "texts")
    assert (code, err) == (0, "")
    assert (tmp_path / "p.map").exists() and "<svg" in (tmp_path / "p.svg").read_text()
    assert "spike rates measured on 2 texts of texts" in printed and "of random placement" in printed and "Effective_ACs" in printed
    code, again, err = shell.run(RUNTIME, "inspect", out, "--map")
    assert (code, err) == (0, "")
    tables = printed[printed.index("loihi2, 12 tokens: ") : printed.index(f"{tmp_path}/p.map")]
    assert tables in again
    assert shell.run(RUNTIME, "inspect", out, "--map", tmp_path / "p.map")[1] == again


def _drawn(folder, out, **environment) -> tuple[int, str, bytes]:
    done = subprocess.run(
        [sys.executable, *LOWER, str(folder), "--out", str(out), "--map"], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    return done.returncode, done.stderr, out.with_suffix(".svg").read_bytes() if done.returncode == 0 else b""


def test_the_picture_is_the_same_whatever_matplotlib_is_told_to_be(checkpoint, tmp_path):
    """A notebook's backend, a user's style, and a user without a home."""
    expected = _drawn(checkpoint, tmp_path / "p.tsp")
    assert expected[:2] == (0, "")
    assert _drawn(checkpoint, tmp_path / "p.tsp", MPLBACKEND="module://matplotlib_inline.backend_inline", MPLCONFIGDIR=os.devnull) == expected
    (tmp_path / "style").write_text("font.size: 30\nbackend: nonsense\n")
    (tmp_path / "sitecustomize.py").write_text("import pathlib\ndef none(*given):\n    raise RuntimeError\npathlib.Path.home = none\n")
    homeless = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    assert _drawn(checkpoint, tmp_path / "p.tsp", MATPLOTLIBRC=str(tmp_path / "style"), **homeless) == expected


def test_the_written_mapping_runs_core_by_core(checkpoint, shell, tmp_path):
    shell.run(LOWER, checkpoint, "--out", tmp_path / "p.tsp", "--map")
    program = program_file.load(tmp_path / "p.tsp")
    rows = text_program.of_texts(program, 5, 3, 12)
    found = board.run(mapping.load(tmp_path / "p.map", program.scheduled), rows, True)
    require_same(literal.run(program.scheduled, rows, True), found)


@pytest.mark.parametrize("head", ["host", "chip"])
def test_a_language_model_s_mapping_says_what_its_host_does(shell, tmp_path, head):
    folder = random_checkpoint.write(tmp_path / "c", readout="each")
    code, printed, err = shell.run(LOWER, folder, "--profile", "kapoho-point", "--out", tmp_path / "p.tsp", "--map", "--head", head)
    assert (code, err) == (0, "") and "MiniLM" not in printed
    report = mapping.load(tmp_path / "p.map", program_file.load(tmp_path / "p.tsp").scheduled).report
    assert ("head, 8-bit multiplies" in report.texts.host) == (head == "host") and len(list(tables(report))) == 5


def test_auto_takes_the_smallest_board_and_writes_its_name(checkpoint, shell, tmp_path):
    _, out, err = shell.run(LOWER, checkpoint, "--profile", "auto", "--out", tmp_path / "p.tsp")
    said = "loihi2 is the smallest that holds it and resets samples by itself; smaller ones leave that to code on their host, and are taken by name: "
    assert out.splitlines()[-1] == said + "loihi1, kapoho-bay", "nobody need guess why it is not loihi1"
    assert said not in shell.run(LOWER, checkpoint, "--profile", "loihi2", "--out", tmp_path / "p.tsp")[1]
    assert err == "" and program_file.load(tmp_path / "p.tsp").profile == "loihi2"


def test_auto_goes_on_to_a_larger_board(shell, tmp_path):
    """More neurons than one Loihi 2 has."""
    folder = random_checkpoint.write(tmp_path / "large", 0, layers=1, heads=8, head_dim=16, max_length=64)
    shell.run(LOWER, folder, "--profile", "auto", "--out", tmp_path / "p.tsp")
    program = program_file.load(tmp_path / "p.tsp")
    assert program.neurons() > 983_040 and program.profile == "kapoho-point"


@dataclass(frozen=True)
class _Noted(Pass):
    """Say that it was there."""

    name: ClassVar[str] = "noted"
    seen: list[str | None]

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        self.seen.append(profile and profile.name)
        return given


def test_auto_does_each_thing_once(shell, tmp_path, monkeypatch):
    """Of a program that two boards are tried for: read, lowered, and what was found for its board is what is written."""
    folder = random_checkpoint.write(tmp_path / "large", 0, layers=1, heads=8, head_dim=16, max_length=64)
    tried, seen = [], []
    packed = Measured.packed
    monkeypatch.setattr(Measured, "packed", lambda self, profile: tried.append(profile.name) or packed(self, profile))
    found = lowered(folder, "auto", [_Noted(seen), *DEFAULT])
    assert found.profile.name == found.program.profile == "kapoho-point" and seen == [None] and tried == ["kapoho-point"]
    monkeypatch.setattr(mapping_command, "fit", lambda *given: pytest.fail("it is known"))
    mapped, _ = mapping_command.mapped(found.program, found.profile, None, found.packed)
    assert mapped.partition is found.packed.partition


def test_inspect_without_a_mapping_names_the_missing_file(checkpoint, shell, tmp_path):
    shell.run(LOWER, checkpoint, "--out", tmp_path / "p.tsp")
    code, _, err = shell.run(RUNTIME, "inspect", tmp_path / "p.tsp", "--map")
    assert (code, err) == (1, f"error: {tmp_path}/p.map: no such file or directory (hint: lower --map writes it beside the program)\n")


@pytest.mark.parametrize("content, expected", [("", "holds no text"), (None, "cannot be read as texts, one a line")])
def test_rates_from_nothing(content, expected, checkpoint, shell, tmp_path):
    if content is not None:
        (tmp_path / "texts").write_text(content)
    found = shell.refusal(LOWER, checkpoint, "--out", tmp_path / "p.tsp", "--map", "--rates", tmp_path / "texts")
    assert found.startswith(f"{tmp_path}/texts: {expected}")


def test_a_refused_mapping_writes_nothing(shell, tmp_path):
    """Its neurons and synapses fit tiny's totals; with few output axons, two cores do not hold it."""
    (tmp_path / "few.toml").write_text('like = "tiny"\noutput_axons_per_core = { value = 300, unit = "axon", source = "assumed" }\n')
    folder = random_checkpoint.write(tmp_path / "c", 0, layers=1, hidden=16, ffn=8, heads=1, head_dim=4, max_length=4)
    found = shell.refusal(LOWER, folder, "--profile", tmp_path / "few.toml", "--out", tmp_path / "p.tsp", "--map")
    assert " cores needed, 2 available; what fills a core: " in found and "output axons on " in found and found.endswith("(hint: --profile loihi2)")
