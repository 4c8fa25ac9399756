"""Our functions, each a standard body: a viewer shows neurons, a runtime runs standard operators.

Integer division truncates toward zero in ONNX, as a decay does on the chip. keep / 4096 comes in lowest terms, so that the product of a register
of 24 bits and most decays, 3/4 among them, fits 32 bits; where it does not it is made in 64 (`arithmetic`, the type that a product is made in).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import AttributeProto, FunctionProto, NodeProto, TensorProto, helper

from tritspike.runtime import arith
from tritspike.runtime.executors.onnx.nodes import DOMAIN, Nodes
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.neuron import Register, each, numbers

_ABOUT = {
    "LIF": "v = saturate(trunc(v * numerator / denominator) + current);  spikes = v > threshold;  v = 0 where they are",
    "Current": "u = trunc(u * numerator / denominator) + heard",
}


def functions(opset: int) -> list[FunctionProto]:
    """All of them."""
    bodies = {
        "LIF": (["v", "current", "numerator", "denominator", "threshold"], ["after", "spikes"], [*_decayed("v"), *_fired()]),
        "Current": (["u", "heard", "numerator", "denominator"], ["after"], [*_decayed("u"), helper.make_node("Add", ["kept", "heard"], ["after"])]),
    }
    imports = [helper.make_opsetid("", opset)]
    return [
        helper.make_function(DOMAIN, name, inputs, outputs, nodes, imports, ["arithmetic"], doc_string=_ABOUT[name])
        for name, (inputs, outputs, nodes) in bodies.items()
    ]


def _decayed(register: str) -> Iterator[NodeProto]:
    wide = helper.make_node("Cast", [register], ["wide"])
    wide.attribute.add(name="to", type=AttributeProto.INT, ref_attr_name="arithmetic")
    yield wide
    yield helper.make_node("Mul", ["wide", "numerator"], ["product"])
    yield helper.make_node("Div", ["product", "denominator"], ["quotient"])
    yield helper.make_node("Cast", ["quotient"], ["kept"], to=TensorProto.INT32)


def _fired() -> Iterator[NodeProto]:
    limits = {"low": -arith.V_LIMIT, "high": arith.V_LIMIT, "rest": 0}
    for name, value in limits.items():
        yield helper.make_node("Constant", [], [name], value=helper.make_tensor(name, TensorProto.INT32, [], [value]))
    yield helper.make_node("Add", ["kept", "current"], ["sum"])
    yield helper.make_node("Clip", ["sum", "low", "high"], ["before"])
    yield helper.make_node("Greater", ["before", "threshold"], ["spikes"])
    yield helper.make_node("Where", ["spikes", "rest", "before"], ["after"])


def fraction(nodes: Nodes, name: str, keep: Register, grid: Grid) -> tuple[list[str], int]:
    """(constants numerator and denominator of keep / 4096, the type in which their product with a register fits)."""
    common = int(np.gcd.reduce(numbers(keep), initial=arith.KEEP_ALL))
    numerators = row(keep, grid) // common
    fits = int(numerators.max(initial=0)) * arith.V_LIMIT <= np.iinfo(np.int32).max
    dtype = np.dtype(np.int32 if fits else np.int64)
    parts = {"numerator": numerators, "denominator": np.array(arith.KEEP_ALL // common)}
    found = [nodes.constants.of(f"{name}/{part}", value.astype(dtype)) for part, value in parts.items()]
    return found, helper.np_dtype_to_tensor_dtype(dtype)


def row(register: Register, grid: Grid) -> np.ndarray:
    """A register as it is added to (streams, neurons): one number, or (1, neurons)."""
    found = np.asarray(each(register, grid), np.int64)
    return found[None] if found.ndim else found
