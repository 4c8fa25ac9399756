"""Checkpoints: config.json and the tensors, one without the other and both together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import random_checkpoint
from fuzz import containers, seeds, trees
from fuzz.case import LOWER, RUNTIME, Change, Kind, Step
from safetensors.numpy import load_file

from tritspike.runtime.checkpoint import KINDS as POPULATIONS

FOLDER = Path("checkpoint")
_SIZES = ("hidden", "layers", "heads", "head_dim", "ffn", "steps", "max_length", "window", "embedding_rank", "embedding_shift")


def change(rng: Random, folder: Path) -> Change:
    """Of one file, of both, or another legal checkpoint altogether with extreme numbers in it."""
    kind = rng.random()
    if kind < 0.1:
        return Change(containers.file_changed(rng, folder / FOLDER / rng.choice(["config.json", "model.safetensors", "tokenizer.json"])))
    if kind < 0.2:
        return _header(rng, folder / FOLDER / "model.safetensors")
    if kind < 0.4:
        return Change(f"config {_config(rng, folder / FOLDER / 'config.json')}")
    if kind < 0.6:
        return Change(_tensors(rng, folder / FOLDER / "model.safetensors"))
    return Change(_another(rng, folder / FOLDER))


def _header(rng: Random, path: Path) -> Change:
    content, said = containers.header_changed(rng, path.read_bytes())
    path.write_bytes(content)
    return Change(said)


def _config(rng: Random, path: Path) -> str:
    changed, said = trees.mutated(rng, json.loads(path.read_text()))
    path.write_text(trees.dumps(changed))
    return "; ".join(said)


def _tensors(rng: Random, path: Path, how: Sequence[str] = containers.CHANGES) -> str:
    arrays, said = load_file(path), []
    for _ in range(rng.choice([1, 1, 2, 5])):
        arrays, more = containers.arrays_changed(rng, arrays, how)
        said.append(more)
    path.write_bytes(containers.container(arrays, None))
    return "; ".join(said)


def _another(rng: Random, folder: Path) -> str:
    """Small sizes at random, some of them 1, then some tensors' values at the ends of their dtypes."""
    kept = json.loads((folder / "config.json").read_text())
    changes = {name: rng.choice([1, 1, 2, 3, 5, 8]) for name in rng.sample(_SIZES, rng.randrange(1, 5))}
    changes |= {"keep": {p: rng.choice([1, 2, 3072, 4095, 4096]) for p in POPULATIONS}} if rng.random() < 0.5 else {}
    random_checkpoint.write(folder, rng.randrange(1 << 30), **(kept | changes))
    return f"rewritten with {changes}; {_tensors(rng, folder / 'model.safetensors', ('values', 'one'))}"


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Lower it, and hold the executors against each other on what came out."""
    options = rng.choice([(), (), ("--explain",), ("--length", str(rng.choice([1, 2, 4, 100])))])
    return (
        Step(LOWER, (str(FOLDER), "--out", "lowered.tsp", "--head", seeds.head(folder), *options)),
        Step(RUNTIME, ("verify", "lowered.tsp", "--executor", "fast", "--random", "3", "--seed", str(rng.randrange(1000))), compares=True),
    )


KIND = Kind("checkpoint", seeds.checkpoints, change, steps)
