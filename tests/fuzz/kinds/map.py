"""Mappings (.map) beside a whole program."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from fuzz import containers, seeds, trees
from fuzz.case import RUNTIME, Change, Kind, Step

from tritspike.runtime.files import digest, read_tensors

FILE = "program.map"


def change(rng: Random, folder: Path) -> Change:
    """Mostly what a checksum would not stop; now and then the program is another one."""
    path, kind = folder / FILE, rng.random()
    if kind < 0.1:
        return Change(containers.file_changed(rng, path))
    if kind < 0.2:
        content, said = containers.header_changed(rng, path.read_bytes())
        path.write_bytes(content)
        return Change(said)
    return _changed(rng, path)


def _changed(rng: Random, path: Path) -> Change:
    arrays, metadata = read_tensors(path)
    outer, said = json.loads(metadata["tritspike"]), []
    if rng.random() < 0.05:
        outer, said = trees.mutated(rng, outer)
        path.write_bytes(containers.container(arrays, trees.dumps(outer)))
        return Change(f"metadata {'; '.join(said)}")
    body, changed, kind = outer["mapping"], arrays, rng.random()
    if kind < 0.8:
        tree, said = trees.mutated(rng, json.loads(body))
        body = trees.dumps(tree)
    if kind > 0.7:
        changed, more = containers.arrays_changed(rng, arrays)
        said.append(more)
    sealed, checksum = rng.random() < 0.9, digest(body, changed)
    path.write_bytes(containers.container(changed, json.dumps({"sha256": checksum if sealed else outer["sha256"], "mapping": body})))
    return Change("; ".join(said), damaged=not sealed and checksum != outer["sha256"])


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Print it; the program beside it is whole."""
    return (Step(RUNTIME, ("inspect", "program.tsp", "--map", *rng.choice([(FILE,), ()]))),)


KIND = Kind("map", seeds.maps, change, steps)
