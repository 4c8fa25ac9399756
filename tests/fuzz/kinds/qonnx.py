"""QONNX networks that others' tools wrote, and arrays to be played; operators, constants and bytes changed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import onnx
import qonnx_files
from fuzz import containers
from fuzz.case import Change, Kind, Step
from fuzz.kinds.nir import NET, VALUES, X, played
from qonnx_files import ternary

_OPERATORS = [
    "Softmax",
    "MatMul",
    "Relu",
    "Quant",
    "BipolarQuant",
    "Reshape",
    "Pow",
    "Div",
    "Shape",
    "Concat",
    "Gemm",
    "Conv",
    "Transpose",
    "Flatten",
]
_SIDES = [[], [0, 0], [1], [1, 1], [2, 1], [3, 3], [1, 0, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0], [1 << 40, 1], [-1, 1], [0, 2, 3, 1], [1024] * 4]


def seeds(folder: Path) -> None:
    """Products of two kinds of activations, and convolutions, with arrays that fit their inputs' two planes."""
    for name in ("products", "pictures", "turned", "groups"):
        (folder / name).mkdir()
    qonnx_files.model(folder / "products" / NET, (ternary(1, 6, 5), ternary(2, 5, 3)), bits=2, signed=0, narrow=1)
    qonnx_files.pictures(folder / "pictures" / NET, head="Conv")
    qonnx_files.pictures(folder / "turned" / NET, kind="BipolarQuant", turned=True)
    qonnx_files.pictures(folder / "groups" / NET, group=2, dilations=[2, 1], pads=[2, 1, 2, 1])
    for shape in folder.iterdir():
        width = 6 if shape.name == "products" else 84
        planes = {f"input.{k}": np.random.default_rng(k).random((4, 1, width)) < 0.5 for k in (1, 2)}
        with (shape / X).open("wb") as file:
            np.savez(file, **planes)


def change(rng: Random, folder: Path) -> Change:
    """Mostly something in the graph; now and then bytes of it or of the arrays."""
    if rng.random() < 0.25:
        return Change(containers.file_changed(rng, folder / rng.choice([NET, X])))
    return Change(_changed(rng, folder / NET))


def steps(rng: Random, folder: Path) -> tuple[Step, ...]:
    """A step is a sample: nothing is asked."""
    return played()


def _changed(rng: Random, path: Path) -> str:
    model = onnx.load_from_string(path.read_bytes())
    nodes, tensors = model.graph.node, model.graph.initializer
    node, tensor, kind = (
        rng.choice(nodes),
        rng.choice(tensors),
        rng.choice(["operator", "edge", "value", "value", "dims", "dtype", "attribute", "sides", "sides", "drop", "shape"]),
    )
    if kind == "operator":
        node.op_type = rng.choice(_OPERATORS)
    elif kind == "edge":
        node.input[rng.randrange(len(node.input))] = rng.choice([*(n.output[0] for n in nodes), *(t.name for t in tensors), "", "nobody"])
    elif kind == "value":
        found = np.array(onnx.numpy_helper.to_array(tensor), np.float32)
        with np.errstate(over="ignore"):
            found.flat[rng.randrange(found.size)] = rng.choice([*VALUES, 3.0, -2.0])
        tensor.CopyFrom(onnx.numpy_helper.from_array(found, tensor.name))
    elif kind == "dims":
        tensor.dims[:] = rng.choice([[1 << 40], [-1], [], [2, 3], [0]])
    elif kind == "dtype":
        tensor.data_type = rng.choice([0, 1, 7, 8, 16, 99])
    elif kind == "attribute" and node.attribute:
        rng.choice(node.attribute).type = rng.choice([1, 2, 3, 4, 7])
    elif kind == "sides" and (found := [a for n in nodes for a in n.attribute if a.ints]):
        rng.choice(found).ints[:] = rng.choice(_SIDES)
    elif kind == "drop":
        del (nodes if rng.random() < 0.5 else tensors)[rng.randrange(5)]
    else:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = rng.choice([0, -1, 5, 7, 1 << 40])
    path.write_bytes(model.SerializeToString())
    return f"{node.name} {tensor.name}: {kind}"


KIND = Kind("qonnx", seeds, change, steps)
