"""Whole inputs that cases start from: checkpoints of every shape that the compiler knows, small enough for the reference to be quick."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random

import random_checkpoint
from fuzz.case import RUNTIME, Step

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import command as mapping_command
from tritspike.hw_profiles.profile import load as load_profile
from tritspike.runtime import mapping
from tritspike.runtime.host import file as program_file

SHAPE = "shape"  # a file that says which of `SHAPES` its folder is
_SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=3, steps=2, max_length=5, embedding_rank=3)
SHAPES = {  # config of a checkpoint by name, and where its head is made
    "ternary": (_SMALL, "host"),
    "two-layers": (_SMALL | dict(layers=2, hidden=6, heads=2, steps=3, classes=3, labels=["a", "b", "c"]), "host"),
    "binary": (_SMALL | dict(weights="binary", hidden=8, ffn=4), "host"),
    "pair": (_SMALL | dict(task="mrpc", window=2, readout="first", heads=2, max_length=7), "host"),
    "regression": (_SMALL | dict(task="stsb", classes=1, labels=[], causal=True, window=2), "host"),
    "language": (_SMALL | dict(readout="each", window=2, max_length=6), "host"),
    "language-on-chip": (_SMALL | dict(readout="each", weights="binary"), "chip"),
}
_TEXT = "w1 w2 w3 w4 w5 w6 w7 w8\n\nw9 unknown w0 w1\n"
TEXTS = ("w1", "w1 w2 w3", "w5 unknown w7 w9 w11 w13 w15 w17", "", "[SEP] w1", "é\U0001f600")


def checkpoints(folder: Path) -> None:
    """A checkpoint folder for each shape, `folder/SHAPE/checkpoint`, and texts that it may be given."""
    for n, (shape, (config, _)) in enumerate(SHAPES.items()):
        random_checkpoint.write(folder / shape / "checkpoint", n, **config)
        (folder / shape / "text.txt").write_text(_TEXT)
        glue(folder / shape / "glue")


def glue(folder: Path) -> None:
    """A few short labelled texts, as SST-2 has them."""
    (folder / "SST-2").mkdir(parents=True)
    lines = [f"{text or 'w1'}\t{n % 2}" for n, text in enumerate(random_checkpoint.texts(1, 12, 5))]
    (folder / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "\n".join(lines) + "\n")


def head(folder: Path) -> str:
    """Where a case's language model is to have its head."""
    return SHAPES[(folder / SHAPE).read_text()][1]


def is_language(folder: Path) -> bool:
    """Whether a case began as a language model."""
    return (folder / SHAPE).read_text().startswith("language")


def classified(rng: Random, folder: Path, program: str, texts: Sequence[str]) -> tuple[Step, ...]:
    """Two texts, or a pair of them, given to both executors; `fast` may say that it does not know a structure."""
    config, _ = SHAPES.get((folder / SHAPE).read_text(), ({}, ""))
    pairs = config.get("task") in ("mrpc", "stsb")
    given = (*texts, "--pairs") if pairs != (rng.random() < 0.05) else texts
    return tuple(
        Step(RUNTIME, ("classify", program, *given, "--executor", name), twin=name == "reference", may_refuse=name == "fast")
        for name in ("fast", "reference")
    )


def programs(folder: Path) -> None:
    """`folder/SHAPE/program.tsp` besides."""
    checkpoints(folder)
    for shape, (_, head) in SHAPES.items():
        program_file.save(lower(folder / shape / "checkpoint", "loihi2", head=head), folder / shape / "program.tsp")
        shutil.rmtree(folder / shape / "checkpoint")


def version2(folder: Path) -> None:
    """Those of tests/version2, with texts."""
    for path in (Path(__file__).resolve().parents[1] / "version2").glob("*.tsp"):
        glue(folder / path.stem / "glue")
        shutil.copy(path, folder / path.stem / "program.tsp")
        (folder / path.stem / "text.txt").write_text(_TEXT)


def maps(folder: Path) -> None:
    """The program and its `program.map`, on two boards."""
    programs(folder)
    for n, shape in enumerate(SHAPES):
        profile = load_profile("loihi2" if n % 2 else "kapoho-bay")
        program = program_file.load(folder / shape / "program.tsp")
        found, figures = mapping_command.mapped(program, profile, None)
        mapping.save(found.mapping(figures), folder / shape / "program.map")
