"""docs/interchange.md: every block runs, as it stands there, in one folder, one after another."""

from __future__ import annotations

import json
import re
import shlex
from importlib import util

import numpy as np
import pytest
from command import ROOT
from nir_files import cell, chain, end, linear, write

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from qonnx_files import pictures

from tritspike import commands
from tritspike.compiler.frontend.qonnx.lowering import build, evaluate
from tritspike.runtime.command_line import main

PAGE = ROOT / "docs" / "interchange.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture()
def folder(tmp_path, monkeypatch):
    """With the files that the page names."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    nodes = {"in": end("Input", 4), "w": linear(rng.integers(-3, 5, (5, 4))), "a": cell("IF", 5, v_threshold=4), "out": end("Output", 5)}
    write(tmp_path / "net.nir", nodes, chain("in", "w", "a", "out"))
    np.save(tmp_path / "x.npy", rng.random((3, 20, 4)) < 0.4)
    pictures(tmp_path / "quantised.onnx")
    np.save(tmp_path / "images.npy", rng.uniform(-1.5, 1.5, (8, 2, 6, 7)).astype(np.float32))
    return tmp_path


def shell(text):
    """Each line as a command. Where Lava is not installed, without it."""
    for line in text.splitlines():
        words = shlex.split(line if util.find_spec("lava") else line.replace(",lava", ""), comments=True)
        assert words[0] == "tritspike" and main(commands.COMMANDS, "tritspike", words[1:]) == 0, line


def test_every_block_runs(folder, capsys):
    assert [kind for kind, _ in BLOCKS] == ["sh", "python", "python", "sh", "sh", "python", "python"]
    found = {}
    for n, (kind, text) in enumerate(BLOCKS):
        if kind == "sh":
            shell(text)
        else:
            exec(compile(text, f"{PAGE.name}, block {n}", "exec"), found.setdefault(n, {}))
    assert "exact: the same spikes as the file's for every input" in capsys.readouterr().out
    with np.load("y.npz") as reference, np.load("z.npz") as onnx:
        spikes = reference["spikes.out"]
        assert spikes.any() and (onnx["spikes.out"] == spikes).all() and (found[1]["answer"].read["out"] == spikes).all()
    latency = next(p["latency"] for p in found[5]["told"]["probes"])
    out = found[5]["out"][latency:, 0]
    assert (out == spikes[0, : len(out)]).all() and out.any()
    theirs = evaluate(build(folder / "quantised.onnx").graph, np.load("images.npy"))
    assert (found[6]["logits"] == theirs).all() and len(np.unique(theirs)) > 2


def test_every_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", PAGE.read_text()) if "://" not in link]
    assert links and [link for link in links if not (PAGE.parent / link).exists()] == []


def test_figures_are_those_that_were_measured():
    found = json.loads((ROOT / "benchmarks" / "results" / "interchange.json").read_text())
    page = PAGE.read_text()
    for row in found["nir"]["rows"]:
        hidden, output = (f"{float(row[name].split()[0]):.3f}" for name in ("hidden", "output"))
        assert f"| `{row['file']}` | {hidden} | {output} |" in page
        assert row["of them other than fast's"] == 0
    cells = sum(row["cells"] for row in found["equal"]["rows"])
    assert f"{cells:,} cells" in page
    assert f"all {sum(row['readings'] for row in found['equal']['rows']):,} readings" in page
    rows = [row for name in ("equal", "dev", "qonnx") for row in found[name]["rows"]]
    assert len(rows) > 30 and all(value == 0 for row in rows for name, value in row.items() if "differ" in name)
