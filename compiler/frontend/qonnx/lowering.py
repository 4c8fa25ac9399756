"""Networks of one- and few-bit activations as memoryless neurons, exactly: each threshold is found by asking the file at every reachable integer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.qonnx.ops import EACH, OPS, PRODUCTS, SHAPING
from tritspike.compiler.frontend.qonnx.products import INPUT, Ints, Levels, Product, asked, levels_of, product_of, refusal, require_read, rows
from tritspike.compiler.frontend.qonnx.reading import OnnxGraph, Op, read
from tritspike.compiler.frontend.weighed import weighed
from tritspike.hw_profiles.errors import decoding
from tritspike.runtime import arith
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Network, Timing, Windows
from tritspike.runtime.network.terms import Handle, Sum

if TYPE_CHECKING:
    import scipy.sparse as sp

Array = NDArray[Any]
HEAD = "head"
_VTH = 100  # of every neuron: what differs between them is in their biases
_MOST_REACHED = 100_000  # integers at which a chain is asked
_MOST_ASKED = 1 << 25  # of these in all outputs together


@dataclass(frozen=True, eq=False)
class Found:
    """A network of ours of one step a sample, and what stays with a host: `encode` and `logits`."""

    network: Network
    timing: Timing
    graph: OnnxGraph
    first: tuple[Op, ...]
    products: tuple[Product, ...]
    constants: Mapping[str, Array]

    def encode(self, given: Array) -> dict[str, NDArray[np.bool_]]:
        """(samples, 1, neurons) by port, of (samples, ...) floats as the file takes them."""
        x = np.asarray(given, np.float32).reshape(len(given), *self.graph.shape[1:])
        values = asked(self.first, self.constants, x, self.graph.takes)
        n = self.products[0].levels.of(values.reshape(len(x), -1))
        return {_level(INPUT, k): (n >= k)[:, None] for k in range(1, self.products[0].levels.count + 1)}

    def sums(self, read: Ints) -> Ints:
        """The last product's integers, of the head's membranes."""
        return read // arith.ONE

    def logits(self, read: Ints) -> Array:
        """What the file gives, of the head's membranes, (samples, classes)."""
        last = self.products[-1]
        given = (self.sums(read) * last.unit * last.gain).astype(np.float32)
        return asked(last.chain, self.constants, given.reshape(len(read), *last.shape), last.op.gives)

    def lines(self) -> list[str]:
        """The report."""
        said = [f"{self._thresholds()}; {HEAD}: the last product as an integer, exact"]
        for n, p in enumerate(self.products[:-1]):
            nexts = self.products[n + 1].levels
            of = f"{nexts.count} level{'s' if nexts.count > 1 else ''}"
            said.append(f"layer.{n}: {p.codes.shape[0]:,} neurons a level, {of}, weights {p.codes.min()}..{p.codes.max()}, exact")
        rough = [p.op.name for p in self.products if p.rounds]
        but = f", where float32 does not round the file's own sums ({', '.join(rough)})" if rough else ""
        return [*said, f"{self.network.neurons():,} neurons, exact: the file's integers for every input{but}; a step is a sample"]

    def _thresholds(self) -> str:
        """Where each plane of the input fires, of one number: all inputs are asked alike."""
        first = self.products[0].levels
        ports = ", ".join(_level(INPUT, k) for k in range(1, first.count + 1))
        return f"inputs {ports}: an input fires in as many as its value is levels above {first.low:g} (in steps of {first.step:g})"


def build(path: Path) -> Found:
    """Raises `FileError`, and `CompileError` for what is not exact on a chip."""
    graph = read(path)
    with decoding(path, "QONNX network", CompileError):
        return lowered(graph)


def evaluate(graph: OnnxGraph, given: Array, wanted: str | None = None) -> Array:
    """The file's output, or that of any name in it, of (samples, ...) floats."""
    return _values(graph, given, wanted)[wanted or graph.gives]


def _values(graph: OnnxGraph, given: Array, last: str | None = None) -> dict[str, Array]:
    """All by name, up to `last`."""
    found: dict[str, Array] = {**graph.constants, graph.takes: np.asarray(given, np.float32).reshape(len(given), *graph.shape[1:])}
    for op in graph.ops:
        found[op.gives] = OPS[op.kind]([found[name] for name in op.reads if name], op.attributes)
        if op.gives == last:
            break
    return found


def lowered(graph: OnnxGraph) -> Found:
    """Raises `CompileError`, and what numpy raises where the file's own operators do not fit each other."""
    chain, constants = _chain(graph)
    at = [n for n, op in enumerate(chain) if op.kind in PRODUCTS]
    if not at:
        raise refusal("the graph", "products with weights", "none", "at least one")
    for a in at:
        require_read(chain[a], constants)
    first = tuple(chain[: at[0]])
    parts = [tuple(chain[a + 1 : b]) for a, b in zip(at, [*at[1:], len(chain)])]
    heard = [levels_of(part, constants) for part in (first, *parts[:-1])]
    with np.errstate(all="ignore"):
        shapes = {name: value.shape[1:] for name, value in _values(graph, np.zeros((2, *graph.shape[1:]))).items()}
    products = tuple(product_of(chain[a], constants, shapes[chain[a].reads[0]], each, part) for a, each, part in zip(at, heard, parts))
    return Found(_network(graph, products, constants), Windows(1), graph, first, products, constants)


def _chain(graph: OnnxGraph) -> tuple[list[Op], dict[str, Array]]:
    """(operators that see the input, in their order; all that does not depend on it, computed). A shape counts as known."""
    constants, at, chain = dict(graph.constants), graph.takes, list[Op]()
    for op in graph.ops:
        if op.kind == "Shape" and op.reads[0] == graph.takes:
            constants[op.gives] = np.array((0, *graph.shape[1:]), np.int64)  # Reshape reads 0 as: the batch, as it is
            continue
        seen = [name for name in op.reads if name and name not in constants]
        if not seen:
            constants[op.gives] = OPS[op.kind]([constants[name] for name in op.reads if name], op.attributes)
        elif seen != [at] or op.kind not in EACH | PRODUCTS | SHAPING:
            raise refusal(op.name, "what it reads of activations", ", ".join(seen), f"{at} alone: one chain, without a way beside it")
        else:
            chain.append(op)
            at = op.gives
    if at != graph.gives:
        raise refusal("the graph", "its output", graph.gives, f"{at}, where the chain ends")
    return chain, constants


def _level(name: str, k: int) -> str:
    return f"{name}.{k}"


def _network(graph: OnnxGraph, products: Sequence[Product], constants: Mapping[str, Array]) -> Network:
    net, width = Net(), products[0].codes.shape[1]
    if width != int(np.prod(graph.shape[1:])):
        raise refusal(products[0].op.name, "inputs", width, f"{int(np.prod(graph.shape[1:]))}, what the file takes")
    at, order = [net.input(_level(INPUT, k), features=width) for k in range(1, products[0].levels.count + 1)], np.arange(width)
    for n, product in enumerate(products[:-1]):
        before, order = order, _order(product, constants, products[n + 1].codes.shape[1])
        signs, firing = _firing(product, products[n + 1].levels, constants, order)
        heard = _heard(at, product.codes[:, before].multiply(signs[:, None]).tocsr())
        at = [net.lif(_level(f"layer.{n}", k + 1), heard, keep=0, vth=_VTH, bias=_bias(product.op, c)) for k, c in enumerate(firing)]
    _head(net, at, products[-1], order)
    return net.network()


def _order(product: Product, constants: Mapping[str, Array], wanted: int) -> Ints:
    """(outputs,) where the next product has each output among its inputs: shaping between them may turn axes."""
    shaping = [op for op in product.chain if op.kind in SHAPING]
    found = asked(shaping, constants, np.arange(product.codes.shape[0]).reshape(1, *product.shape), None).ravel()
    if len(found) != wanted or (np.sort(found) != np.arange(product.codes.shape[0])).any():
        raise refusal(product.op.name, "outputs", f"{len(found)}", f"{wanted}, what the next product reads, each once")
    return np.argsort(found)


def _heard(at: Sequence[Handle], codes: sp.csr_matrix) -> Sum:
    return Sum(tuple(weighed(handle, codes) for handle in at))


def _head(net: Net, at: Sequence[Handle], last: Product, order: Ints) -> None:
    """Membranes that are the last product's integers, what neurons that do not fire mean in a bias."""
    each, rest = last.whole
    steady = rest * rows(last.codes) * arith.ONE
    heard = _heard(at, last.codes[:, order] * each)
    if np.abs(steady).max() > arith.BIAS_MANTISSA_LIMIT << arith.INPUT_SHIFT:
        raise refusal(last.op.name, "what resting inputs bring", int(np.abs(steady).max() // arith.ONE), f"up to {arith.BIAS_MANTISSA_LIMIT}")
    net.read(net.lif(HEAD, heard, keep=0, vth=arith.VTH_LIMIT, bias=steady if steady.any() else None))


def _firing(product: Product, nexts: Levels, constants: Mapping[str, Array], order: Ints) -> tuple[Ints, list[Ints]]:
    """(the sign of each output, and for each level the sum from which it fires, (outputs,) of sums times that sign)."""
    most = product.levels.count
    low, high = rows(product.codes.minimum(0)) * most, rows(product.codes.maximum(0)) * most
    sums = np.arange(low.min(), high.max() + 1)[:, None]
    found = nexts.of(_given(product, constants, sums)[:, order])
    there = (sums >= low) & (sums <= high)
    up = np.diff(found, axis=0) * (there[1:] & there[:-1])
    signs = np.where((up < 0).any(0), -1, 1)
    if ((up * signs) < 0).any():
        raise refusal(product.op.name, "what follows it", "not monotone", "rising or falling in each output")
    return signs, [_from(found >= k, there, sums, signs, low, high) for k in range(1, nexts.count + 1)]


def _given(product: Product, constants: Mapping[str, Array], sums: Ints) -> Array:
    """(sums, outputs) what follows a product makes of each sum, in the order in which the next product reads it."""
    outputs = product.codes.shape[0]
    if len(sums) > _MOST_REACHED or len(sums) * outputs > _MOST_ASKED:
        raise refusal(
            product.op.name, "sums that are reachable", f"{len(sums):,} in {outputs:,} outputs", f"{_MOST_REACHED:,}, {_MOST_ASKED:,} in all"
        )
    values = product.value(np.broadcast_to(sums, (len(sums), outputs)))
    with np.errstate(all="ignore"):
        given = asked(product.chain, constants, values.reshape(len(sums), *product.shape), product.op.gives)
    if given.size != values.size or len(given) != len(sums) or not np.isfinite(given).all():
        raise refusal(product.op.name, "what follows it", "not finite, or of another shape", f"finite numbers, one for each of {outputs:,} outputs")
    return given.reshape(len(sums), -1)


def _from(
    fires: NDArray[np.bool_],
    there: NDArray[np.bool_],
    sums: Ints,
    signs: Ints,
    low: Ints,
    high: Ints,
) -> Ints:
    """The smallest sum, times the sign, at which each output fires; one more than the largest where it never does."""
    most = np.where(signs > 0, high, -low)
    return np.where(fires & there, sums * signs, most + 1).min(0)


def _bias(op: Op, fires_from: Ints) -> Ints:
    """Half a unit above what brings the sum `fires_from` to the threshold."""
    found = (2 * (_VTH - fires_from) + 1) << (arith.INPUT_SHIFT - 1)
    if np.abs(2 * (_VTH - fires_from) + 1).max() > arith.BIAS_MANTISSA_LIMIT:
        raise refusal(op.name, "sums from which neurons fire", int(np.abs(fires_from).max()), f"up to {arith.BIAS_MANTISSA_LIMIT // 2 - _VTH}")
    return found
