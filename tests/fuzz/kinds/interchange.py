"""Files that others' tools wrote: NIR and ONNX networks, and arrays to be played; fields and bytes changed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import h5py
import nir_files
import numpy as np
import onnx
import qonnx_files
from fuzz import containers
from fuzz.case import LOWER, RUNTIME, Change, Kind, Step
from nir_files import DT, cell, chain, conv, delay, end, linear, pool
from qonnx_files import ternary

NET, X, PROGRAM = "net.nir", "x.npy", "net.tsp"  # of whatever content
ONNX = "qonnx"
_TELL = ("--dt", str(DT), "--convention", "euler")
_VALUES = (np.nan, np.inf, -1.0, 0.0, 1e30, 1e-30, 1e300, 0.5, 2.0, 1e6)


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
    (folder / ONNX).mkdir()
    qonnx_files.model(folder / ONNX / NET, (ternary(1, 6, 5), ternary(2, 5, 3)), bits=2, signed=0, narrow=1)
    planes = {f"input.{k}": np.random.default_rng(k).random((4, 1, 6)) < 0.5 for k in (1, 2)}
    np.savez(folder / ONNX / "x.npz", **planes)
    (folder / ONNX / "x.npz").rename(folder / ONNX / X)


def change(rng: Random, folder: Path) -> Change:
    """Mostly a dataset of the network; now and then the arrays, or bytes of either."""
    kind = rng.random()
    if kind < 0.25:
        return Change(containers.file_changed(rng, folder / rng.choice([NET, X])))
    if (folder / "shape").read_text() == ONNX:
        return Change(_onnx_changed(rng, folder / NET))
    with h5py.File(folder / NET, "r+") as file:
        return Change("; ".join(_changed(rng, file) for _ in range(rng.choice([1, 1, 1, 2]))))


def _onnx_changed(rng: Random, path: Path) -> str:
    model = onnx.load_from_string(path.read_bytes())
    nodes, tensors = model.graph.node, model.graph.initializer
    node, tensor, kind = (
        rng.choice(nodes),
        rng.choice(tensors),
        rng.choice(["operator", "edge", "value", "value", "dims", "dtype", "attribute", "drop", "shape"]),
    )
    if kind == "operator":
        node.op_type = rng.choice(["Softmax", "MatMul", "Relu", "Quant", "BipolarQuant", "Reshape", "Pow", "Div", "Shape", "Concat", "Gemm"])
    elif kind == "edge":
        node.input[rng.randrange(len(node.input))] = rng.choice([*(n.output[0] for n in nodes), *(t.name for t in tensors), "", "nobody"])
    elif kind == "value":
        found = np.array(onnx.numpy_helper.to_array(tensor), np.float32)
        with np.errstate(over="ignore"):
            found.flat[rng.randrange(found.size)] = rng.choice([*_VALUES, 3.0, -2.0])
        tensor.CopyFrom(onnx.numpy_helper.from_array(found, tensor.name))
    elif kind == "dims":
        tensor.dims[:] = rng.choice([[1 << 40], [-1], [], [2, 3], [0]])
    elif kind == "dtype":
        tensor.data_type = rng.choice([0, 1, 7, 8, 16, 99])
    elif kind == "attribute" and node.attribute:
        rng.choice(node.attribute).type = rng.choice([1, 2, 3, 4, 7])
    elif kind == "drop":
        del (nodes if rng.random() < 0.5 else tensors)[rng.randrange(5)]
    else:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = rng.choice([0, -1, 5, 7, 1 << 40])
    path.write_bytes(model.SerializeToString())
    return f"{node.name} {tensor.name}: {kind}"


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
        return value.astype(rng.choice(["i1", "u8", "f2", "f8", "c16", "?"]))
    out = value.astype(np.float64)
    out.flat[rng.randrange(max(out.size, 1)) : None if rng.random() < 0.3 else rng.randrange(out.size + 1)] = rng.choice(_VALUES)
    return out


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """Lower it, play arrays into it on both executors, and hold them against each other. Windows have no delays and no loops."""
    windows = (folder / "shape").read_text() in ("plain", "picture") and rng.random() < 0.3
    tell = () if (folder / "shape").read_text() == ONNX else _TELL
    lower = Step(LOWER, (NET, *tell, "--out", PROGRAM, *(("--steps", "5") if windows else ())))
    runs = (Step(RUNTIME, ("run", PROGRAM, "--input", X, "--out", f"{name}.npz", "--executor", name)) for name in ("fast", "reference"))
    return lower, *runs, Step(RUNTIME, ("verify", PROGRAM, "--executor", "fast", "--random", "2"), compares=True)


KIND = Kind("interchange", seeds, change, steps)
