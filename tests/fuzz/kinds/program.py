"""Program files (.tsp), as they are written and as version 2 was: fields and arrays changed with the checksum made anew, bytes without."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzz import containers, registers, registers2, seeds, trees
from fuzz.case import RUNTIME, Change, Kind, Step
from fuzz.kinds import tokenizer
from fuzz.seeds import TEXTS

from tritspike.runtime import files
from tritspike.runtime.files import read_tensors

FILE = "program.tsp"


def change(rng: Random, folder: Path) -> Change:
    """Mostly what a checksum would not stop."""
    path = folder / FILE
    kind = rng.random()
    if kind < 0.08:
        return Change(containers.file_changed(rng, path))
    if kind < 0.14:
        content, said = containers.header_changed(rng, path.read_bytes())
        path.write_bytes(content)
        return Change(said)
    arrays, metadata = read_tensors(path)
    outer = json.loads(metadata["tritspike"])
    if kind < 0.18:
        return _outer_changed(rng, path, arrays, outer)
    return _changed(rng, path, arrays, outer, sealed=kind < 0.95)


def _outer_changed(rng: Random, path: Path, arrays: containers.Arrays, outer: dict[str, Any]) -> Change:
    changed, said = trees.mutated(rng, outer)
    path.write_bytes(containers.container(arrays, trees.dumps(changed)))
    return Change(f"metadata {'; '.join(said)}")


def _changed(rng: Random, path: Path, arrays: containers.Arrays, outer: dict[str, Any], sealed: bool) -> Change:
    described, said = json.loads(outer["program"]), []
    kind = rng.random()
    if kind < 0.06:
        said.append(_renamed(rng, described, arrays))
    elif kind < 0.12:
        front = described["front"] if described["version"] == 2 else described["host"]["front"]
        front["tokenizer"], more = tokenizer.text_changed(rng, front["tokenizer"])
        said.append(more)
    elif kind < 0.6:
        said.append((registers2 if described["version"] == 2 else registers).changed(rng, described, arrays))
    if 0.55 < kind < 0.85:
        described, more = trees.mutated(rng, described)
        said += more
    if kind > 0.8:
        arrays, more = containers.arrays_changed(rng, arrays)
        said.append(more)
    body = trees.dumps(described, sort_keys=rng.random() < 0.9)
    checksum = files.digest(body, arrays)
    path.write_bytes(containers.container(arrays, json.dumps({"sha256": checksum if sealed else outer["sha256"], "program": body})))
    return Change("; ".join(said), damaged=not sealed and checksum != outer["sha256"])


def _renamed(rng: Random, described: dict[str, Any], arrays: containers.Arrays) -> str:
    """One name changed wherever it stands, so that everything still belongs together; or one shape changed on both sides."""
    records = [record for part in ("populations", "synapses", "ports", "probes") for record in described.get(part, [])]
    old, new = rng.choice(records)["name"], rng.choice(trees.STRINGS)
    for record in records:
        record.update({key: new for key in ("name", "source", "target", "population") if record.get(key) == old})
    for name in [n for n in arrays if n.split(".", 1)[-1] == old]:
        arrays[f"{name.split('.', 1)[0]}.{new}"[:2000].encode(errors="replace").decode()] = arrays.pop(name)
    return f"{old} renamed to {new[:20]!r} everywhere"


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Hold the executors against each other; look at it, or let it read texts, besides."""
    verify = Step(RUNTIME, ("verify", FILE, "--executor", "fast", "--random", "3", "--seed", str(rng.randrange(1000))), compares=True)
    kind, language = rng.random(), seeds.is_language(folder)
    if kind < 0.35:
        return Step(RUNTIME, ("inspect", FILE)), verify
    if kind < 0.5 and not language:
        return verify, Step(RUNTIME, ("glue", FILE, "--task", "sst2", "--data", "glue", "--activity"))
    return verify, *(_language(rng) if language else seeds.classified(rng, folder, FILE, rng.sample(TEXTS, 2)))


def _language(rng: Random) -> tuple[Step, ...]:
    if rng.random() < 0.5:
        return (Step(RUNTIME, ("perplexity", FILE, "--data", "text.txt")),)
    prompt = rng.choice(TEXTS[:3])
    return tuple(
        Step(RUNTIME, ("generate", FILE, prompt, "--tokens", "3", "--executor", name), twin=name == "reference", may_refuse=name == "fast")
        for name in ("fast", "reference")
    )


KIND = Kind("program", seeds.programs, change, steps)
VERSION2 = Kind("version2", seeds.version2, change, steps)
