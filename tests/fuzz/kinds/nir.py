"""NIR networks that others' tools wrote, and arrays to be played; datasets and bytes changed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import h5py
import nir_files
import numpy as np
from fuzz import containers
from fuzz.case import LOWER, RUNTIME, Change, Kind, Step
from nir_files import DT, cell, chain, conv, delay, end, linear, pool

NET, X, PROGRAM = "net.nir", "x.npy", "net.tsp"  # of whatever content
_TELL = ("--dt", str(DT), "--convention", "euler")
VALUES = (np.nan, np.inf, -1.0, 0.0, 1e30, 1e-30, 1e300, 0.5, 2.0, 1e6)


def _networks() -> dict[str, tuple[dict, list]]:
    rng = np.random.default_rng(0)
    two, three = linear(rng.integers(-3, 4, (3, 4)), [0.5, -0.25, 0]), linear(rng.integers(-3, 4, (3, 3)))
    ends = {"in": end("Input", 4), "out": end("Output", 3)}
    inner = {"nodes": {"i": end("Input", 3), "a": cell("LIF", 3, tau=3 * DT), "r": three, "o": end("Output", 3)}}
    inner["edges"] = [*chain("i", "a", "o"), *chain("a", "r", "a")]
    picture = {"in": end("Input", 1, 6, 6), "c": conv(rng.integers(-2, 3, (2, 1, 3, 3))), "a": cell("IF", (2, 4, 4)), "p": pool("SumPool2d", 2)}
    picture |= {"flat": {"type": "Flatten", "start_dim": 0, "end_dim": -1}, "w": linear(rng.integers(-3, 4, (3, 8))), "li": cell("LI", 3)}
    return {
        "plain": (ends | {"w": two, "a": cell("IF", 3)}, chain("in", "w", "a", "out")),
        "current": (ends | {"w": two, "d": delay(2 * DT, 4), "a": cell("CubaLIF", 3, tau_mem=5 * DT, tau_syn=2 * DT)}, chain("in", "d", "a", "out")),
        "inner": (ends | {"w": two, "g": inner}, chain("in", "w", "g", "out")),
        "picture": (picture | {"out": end("Output", 3)}, chain("in", "c", "a", "p", "flat", "w", "li", "out")),
    }


def seeds(folder: Path) -> None:
    """A NIR file of each shape, with arrays that fit it."""
    for name, (nodes, edges) in _networks().items():
        (folder / name).mkdir()
        if name == "current":  # a bias is not delayed
            nodes, edges = nodes | {"w": linear(np.eye(3, 4))}, chain("in", "d", "w", "a", "out")
        nir_files.write(folder / name / NET, nodes, edges)
        shape = nodes["in"]["shape"]
        np.save(folder / name / X, np.random.default_rng(1).random((2, 5, *shape)) < 0.5)


def change(rng: Random, folder: Path) -> Change:
    """Mostly a dataset of the network; now and then the arrays, or bytes of either."""
    kind = rng.random()
    if kind < 0.25:
        return Change(containers.file_changed(rng, folder / rng.choice([NET, X])))
    with h5py.File(folder / NET, "r+") as file:
        return Change("; ".join(_changed(rng, file) for _ in range(rng.choice([1, 1, 1, 2]))))


def _changed(rng: Random, file: h5py.File) -> str:
    found: list[str] = []
    file.visit(lambda name: found.append(name))
    name = rng.choice(sorted(found))
    old, kind = file[name], rng.choice(["drop", "value", "value", "shape", "dtype", "link", "copy", "text"])
    value = old[()] if isinstance(old, h5py.Dataset) else None
    if kind == "copy":
        file.copy(name, f"{name}.more")
        return f"{name} copied"
    del file[name]
    if kind == "link":
        file[name] = rng.choice([h5py.SoftLink("/node"), h5py.ExternalLink("/etc/passwd", "/x"), h5py.SoftLink(f"/{name}")])
    elif kind == "text":
        file[name] = rng.choice(["", "LIF", "Input", "NIRGraph", "x" * 20_000, "é"])
    elif kind != "drop" and isinstance(value, np.ndarray) and value.dtype.kind in "if":
        file[name] = _revalued(rng, value, kind)
    return f"{name}: {kind}"


def _revalued(rng: Random, value: np.ndarray, kind: str) -> np.ndarray:
    if kind == "shape":
        return rng.choice([value.ravel(), value[None], value[:0], np.concatenate([value, value]), np.zeros((1, 1))])
    if kind == "dtype":
        with np.errstate(all="ignore"):
            return value.astype(rng.choice(["i1", "u8", "f2", "f8", "c16", "?"]))
    out = value.astype(np.float64)
    out.flat[rng.randrange(max(out.size, 1)) : None if rng.random() < 0.3 else rng.randrange(out.size + 1)] = rng.choice(VALUES)
    return out


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Windows have no delays and no loops."""
    windows = (folder / "shape").read_text() in ("plain", "picture") and rng.random() < 0.3
    return played(*_TELL, *(("--steps", "5") if windows else ()))


def played(*options: str) -> tuple[Step, ...]:
    """Lower the network, play arrays into it on both executors, and hold them against each other."""
    runs = (Step(RUNTIME, ("run", PROGRAM, "--input", X, "--out", f"{name}.npz", "--executor", name)) for name in ("fast", "reference"))
    verify = Step(RUNTIME, ("verify", PROGRAM, "--executor", "fast", "--random", "2"), compares=True)
    return Step(LOWER, (NET, *options, "--out", PROGRAM)), *runs, verify


KIND = Kind("nir", seeds, change, steps)
