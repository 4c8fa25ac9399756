"""Four small programs of the kinds that a page is made of, each mapped; and what it may be given."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import random_checkpoint
from hostile_page import HOSTILE
from shipped import ZOO

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import command as mapping_command
from tritspike.hw_profiles.profile import load as profile
from tritspike.runtime import mapping
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.network import file as network_file

SMALL = dict(layers=1, hidden=8, heads=1, head_dim=4, ffn=8, max_length=10)


def keep(program, at: Path, save) -> None:
    """The program and its mapping."""
    save(at)
    found, figures = mapping_command.mapped(program, profile("loihi2"), None)
    mapping.save(found.mapping(figures), at.with_suffix(".map"))


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> SimpleNamespace:
    """Paths: encoder, other (a second one), pair, stream, net; glue, text, arrays, card (hostile)."""
    at = tmp_path_factory.mktemp("report")
    for name, seed, more in (("encoder", 0, {}), ("other", 1, {}), ("pair", 2, dict(task="rte", labels=["entailment", "not_entailment"]))):
        program = lower(random_checkpoint.write(at / name, seed, **SMALL, **more), "loihi2")
        keep(program, at / f"{name}.tsp", lambda path, p=program: program_file.save(p, path))
    stream = lower(ZOO / "lm-stream-ternary", "loihi2")
    keep(stream, at / "stream.tsp", lambda path: program_file.save(stream, path))
    _net(at)
    _data(at)
    names = ("encoder.tsp", "other.tsp", "pair.tsp", "stream.tsp", "net.tsp", "glue", "text.txt", "arrays.npy", "card.json")
    return SimpleNamespace(folder=at, **{name.partition(".")[0]: at / name for name in names})


def _net(at: Path) -> None:
    pytest.importorskip("h5py")
    from nir_files import DT, cell, chain, end, linear, write

    from tritspike.compiler.frontend.table import Asked
    from tritspike.compiler.lower import lowered

    rng = np.random.default_rng(2)
    nodes = {"in": end("Input", 4), "w": linear(rng.integers(-3, 5, (5, 4))), "a": cell("IF", 5, v_threshold=4), "out": end("Output", 5)}
    write(at / "net.nir", nodes, chain("in", "w", "a", "out"))
    program = lowered(at / "net.nir", "loihi2", asked=Asked(dt=DT, convention="euler")).program
    assert isinstance(program, ArrayProgram)
    keep(program, at / "net.tsp", lambda path: network_file.save(program.scheduled, path))
    np.save(at / "arrays.npy", rng.random((3, 20, 4)) < 0.4)


def _data(at: Path) -> None:
    for folder, head in (("SST-2", "sentence\tlabel"), ("RTE", "index\tsentence1\tsentence2\tlabel")):
        (at / "glue" / folder).mkdir(parents=True)
        texts = random_checkpoint.texts(1, 24, 6)
        label = ("0", "1") if folder == "SST-2" else ("entailment", "not_entailment")
        rows = [f"{t or 'w1'}\t{label[n % 2]}" if folder == "SST-2" else f"{n}\t{t or 'w1'}\tw2 w3\t{label[n % 2]}" for n, t in enumerate(texts)]
        (at / "glue" / folder / "dev.tsv").write_text("\n".join([head, *rows]) + "\n")
    (at / "text.txt").write_text("The game was released in Japan in 2011 .\n" * 3)
    (at / "card.json").write_text(json.dumps({"note": HOSTILE, HOSTILE: {"deep": [1, 2.5, None, HOSTILE]}, "dev": {"accuracy": 0.5}}))
