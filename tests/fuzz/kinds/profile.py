"""Hardware profiles: the numbers of a board, and the text of its TOML."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from random import Random
from typing import Any

from fuzz import containers, seeds, trees
from fuzz.case import LOWER, RUNTIME, Change, Kind, Step

from tritspike.hw_profiles import profile

FILE = "board.toml"
_SHIPPED = Path(profile.__file__).parent
_DEEP = ("a = " + "[" * 100_000, "a = " + "{a=" * 3000, "[[a]]\n" * 3000, "a" + ".a" * 5000 + " = 1", "x = 1" + "0" * 6000)
_LIKE = ("like = 'board'", "like = 'board.toml'", "like = '../x'", "like = 7")
_ODD = (
    "x = 1e400",
    "x = nan",
    "name = '''\n\\u0000'''",
    "[name]",
    "chips = 1",
    "x = 1979-05-27T07:32:00Z",
    "\ufeff",
    "\r",
    "\x00",
    "x = '",
    "\udc80",
)
_LINES = (*_DEEP, *_LIKE, *_ODD)


def make(folder: Path) -> None:
    """Each shipped board's file, beside a checkpoint."""
    seeds.checkpoints(folder)
    for n, shape in enumerate(seeds.SHAPES):
        board = ("loihi2", "example", "tiny", "loihi1", "kapoho-bay", "kapoho-point", "tiny")[n]
        (folder / shape / FILE).write_text((_SHIPPED / f"{board}.toml").read_text())


def change(rng: Random, folder: Path) -> Change:
    """Values mostly, by the board's own tables; lines and bytes else."""
    path, kind = folder / FILE, rng.random()
    if kind < 0.08:
        return Change(containers.file_changed(rng, path))
    if kind < 0.2:
        lines = path.read_text().splitlines()
        line = rng.choice(_LINES)
        lines.insert(rng.randrange(len(lines) + 1), line)
        path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
        return Change(f"line {line[:30]!r}")
    tree, said = _board(rng, profile.tomllib.loads(path.read_text()))
    path.write_bytes(_toml(tree).encode(errors="surrogatepass"))
    return Change(said)


def _board(rng: Random, tree: dict[str, Any]) -> tuple[dict[str, Any], str]:
    if rng.random() < 0.4:
        changed, said = trees.mutated(rng, tree)
        return changed, "; ".join(said)
    if rng.random() < 0.2 and "tiles_x" in tree:
        return tree, _resized(rng, tree)
    said = []
    for name in rng.sample([k for k, v in tree.items() if isinstance(v, dict)], rng.choice([1, 1, 2, 3])) if len(tree) > 5 else []:
        old = tree[name]["value"]
        tree[name]["value"] = rng.choice([*trees.NUMBERS, *trees.REALS, old * 2, old + 1, old - 1, old // 2, 1_000_000, 10**30, -old, True])
        said.append(f"{name} = {tree[name]['value']}")
    return tree, "; ".join(said)


def _resized(rng: Random, tree: dict[str, Any]) -> str:
    """Of any size, and without a contradiction."""
    sizes = {name: rng.choice([1, 1, 2, 3, 30, 1000, 1 << 16, 1 << 20]) for name in ("tiles_x", "tiles_y", "cores_per_tile", "chips_x", "chips_y")}
    sizes["chips"] = sizes["chips_x"] * sizes["chips_y"]
    sizes["cores_per_chip"] = sizes["tiles_x"] * sizes["tiles_y"] * sizes["cores_per_tile"] - rng.choice([0, 0, 1])
    for name, value in sizes.items():
        tree[name] = {"value": value, "unit": "of them", "source": "assumed"}
    return f"sizes {sizes}"


def _toml(tree: dict[str, Any]) -> str:
    return "\n".join(f"{_key(k)} = {_value(v)}" for k, v in tree.items())


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else json.dumps(text)


def _value(v: Any) -> str:
    if isinstance(v, dict):
        return "{" + ", ".join(f"{_key(str(k))} = {_value(x)}" for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(map(_value, v)) + "]"
    if isinstance(v, float):
        return str(v) if not math.isnan(v) else "nan"
    return trees.dumps(v)


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Lower for it with its mapping, and read both again."""
    return (
        Step(LOWER, ("checkpoint", "--out", "lowered.tsp", "--head", seeds.head(folder), "--profile", FILE, "--map")),
        Step(RUNTIME, ("inspect", "lowered.tsp", "--map")),
        Step(RUNTIME, ("verify", "lowered.tsp", "--executor", "fast", "--random", "2"), compares=True),
    )


KIND = Kind("profile", make, change, steps)
