"""Small programs and what they are asked; one cluster of worker processes for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from command import Shell

import tritspike as ts
from tritspike.compiler.lower import lower
from tritspike.runtime.cluster.connect import connected
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.labelled import Example
from tritspike.runtime.tasks.shards import InOnePass, InWindows, Job, Labelling

LANGUAGE = dict(readout="each", layers=1, ffn=12, steps=3, logit_scale=0.002, max_length=8)
COUNT, WORKERS = 120, 2


def text(seed: int, words: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(random_checkpoint.WORDS[4:], words))


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """sst2.tsp, lm.tsp, stream.tsp, page.txt, and SST-2's dev set in GLUE's layout; of its texts number 100 is cut."""
    folder = tmp_path_factory.mktemp("programs")
    for name, changes in (("sst2", {}), ("lm", LANGUAGE)):
        program_file.save(lower(random_checkpoint.write(folder / name, **changes), "loihi2"), folder / f"{name}.tsp")
    program_file.save(ts.load("lm-stream-ternary").program, folder / "stream.tsp")
    (folder / "page.txt").write_text(text(3, 120))
    (folder / "SST-2").mkdir()
    texts = [text or "w1" for text in random_checkpoint.texts(1, COUNT, 9)]
    texts[99] += " w1" * 12
    rows = [f"{t}\t{n % 2}" for n, t in enumerate(texts)]
    (folder / "SST-2" / "dev.tsv").write_text("\n".join(["sentence\tlabel", *rows, ""]))
    return folder


@pytest.fixture(scope="session")
def jobs(place) -> list[Job]:
    """A classifier's, and a language model's in windows and in one pass."""
    sst2, lm, stream = (program_file.load(place / f"{name}.tsp") for name in ("sst2", "lm", "stream"))
    rows = [line.split("\t") for line in (place / "SST-2" / "dev.tsv").read_text().splitlines()[1:]]
    examples = [Example(first, None, float(label)) for first, label in rows]
    page = (place / "page.txt").read_text()
    task = labelled.task_named("sst2")
    return [
        Labelling("sst2", sst2, task, "dev", examples),
        InWindows("lm", lm, "page.txt", page, None),
        InOnePass("stream", stream, "page.txt", page),
    ]


@pytest.fixture(scope="session")
def client():
    pytest.importorskip("distributed", reason="distributed is not installed")
    with connected(None, WORKERS, 120) as client:
        yield client
