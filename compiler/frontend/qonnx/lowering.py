"""Networks of one- and few-bit activations as memoryless neurons, exactly: each threshold is found by asking the file at every reachable integer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.qonnx.ops import EACH, OPS, PRODUCTS, SHAPING, levels
from tritspike.compiler.frontend.qonnx.reading import OnnxGraph, Op, is_quantiser, read
from tritspike.hw_profiles.errors import Finding, decoding
from tritspike.runtime import arith
from tritspike.runtime.network.builder import Net
from tritspike.runtime.network.network import Network, Timing, Windows
from tritspike.runtime.network.terms import Handle, Sum, linear

Array = NDArray[Any]
INPUT, HEAD = "input", "head"
_VTH = 100  # of every neuron: what differs between them is in their biases
_MOST_LEVELS = 15  # above the lowest: a population each
_MOST_REACHED = 100_000  # integers at which a chain is asked


@dataclass(frozen=True, eq=False, kw_only=True)
class Levels:
    """Values of an activation: low + step * n, n in 0..count; n is how many of `count` neurons fire."""

    low: float
    step: float
    count: int

    def of(self, values: Array) -> NDArray[np.int64]:
        """n of each."""
        return np.rint((values.astype(np.float64) - self.low) / self.step).astype(np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Product:
    """op: of the file, whose weights are gain * codes, (outputs, inputs), behind activations of `levels`. chain: what follows up to the next one."""

    op: Op
    codes: NDArray[np.int64]
    gain: Array
    levels: Levels
    chain: tuple[Op, ...]

    @property
    def whole(self) -> tuple[int, int]:
        """(of a neuron that fires, of all that do not) in the largest unit of which both are multiples: 2 and -1 of a sign, 1 and n of n levels."""
        low = self.levels.low / self.levels.step
        return (1, round(low)) if low == round(low) else (2, round(2 * low))

    @property
    def rounds(self) -> bool:
        """Whether sums of the file's own product may need more bits than a float32 has, and so depend on the order of their terms."""
        unit = np.float32(self.levels.step / self.whole[0] * self.gain)
        whole = np.abs(np.ldexp(np.frexp(unit)[0], 24)).astype(np.int64)
        bits = 24 - np.log2(np.maximum(whole & -whole, 1)) + np.log2(np.maximum(np.abs(self.codes).sum(1) * self._most, 1))
        return bool((bits > 24).any())

    @property
    def _most(self) -> int:
        """The largest value of a level in units, without its sign."""
        each, rest = self.whole
        return max(abs(rest), abs(rest + each * self.levels.count))

    def value(self, sums: NDArray[np.int64]) -> Array:
        """What the product gives where `sums` of the codes' inputs fire, as float32: (..., outputs)."""
        at_rest = self.levels.low * self.codes.sum(1)
        return ((at_rest + self.levels.step * sums) * self.gain).astype(np.float32)


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
        values = _asked(self.first, self.constants, x, self.graph.takes)
        n = self.products[0].levels.of(values.reshape(len(x), -1))
        return {_level(INPUT, k): (n >= k)[:, None] for k in range(1, self.products[0].levels.count + 1)}

    def sums(self, read: NDArray[np.int64]) -> NDArray[np.int64]:
        """The last product's integers, of the head's membranes."""
        return read // arith.ONE

    def logits(self, read: NDArray[np.int64]) -> Array:
        """What the file gives, of the head's membranes, (samples, classes)."""
        last = self.products[-1]
        unit = last.levels.step / last.whole[0]
        return _asked(last.chain, self.constants, (self.sums(read) * unit * last.gain).astype(np.float32), last.op.gives)

    def lines(self) -> list[str]:
        """The report."""
        said = [f"{self._thresholds()}; {HEAD}: the last product as an integer, exact"]
        for n, p in enumerate(self.products[:-1]):
            nexts = self.products[n + 1].levels
            of = f"{nexts.count} level{'s' if nexts.count > 1 else ''}"
            said.append(f"layer.{n}: {len(p.codes)} neurons a level, {of}, weights {p.codes.min()}..{p.codes.max()}, exact")
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
    found: dict[str, Array] = {**graph.constants, graph.takes: np.asarray(given, np.float32).reshape(len(given), *graph.shape[1:])}
    for op in graph.ops:
        found[op.gives] = OPS[op.kind]([found[name] for name in op.reads if name], op.attributes)
        if op.gives == wanted:
            break
    return found[wanted or graph.gives]


def lowered(graph: OnnxGraph) -> Found:
    """Raises `CompileError`, and what numpy raises where the file's own operators do not fit each other."""
    chain, constants = _chain(graph)
    at = [n for n, op in enumerate(chain) if op.kind in PRODUCTS]
    if not at:
        raise _refusal("the graph", "products with weights", "none", "at least one")
    first = tuple(chain[: at[0]])
    heard = [_levels(first, constants)]
    parts = [tuple(chain[a + 1 : b]) for a, b in zip(at, [*at[1:], len(chain)])]
    heard += [_levels(part, constants) for part in parts[:-1]]
    products = tuple(_product(chain[a], constants, each, part) for a, each, part in zip(at, heard, parts))
    with np.errstate(all="ignore"):
        evaluate(graph, np.zeros((2, *graph.shape[1:])))
    return Found(_network(graph, products, constants), Windows(1), graph, first, products, constants)


def _refusal(where: str, what: str, found: object, allowed: object) -> CompileError:
    return CompileError(str(Finding(where, what, found, allowed)))


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
            raise _refusal(op.name, "what it reads of activations", ", ".join(seen), f"{at} alone: one chain, without a way beside it")
        else:
            chain.append(op)
            at = op.gives
    if at != graph.gives:
        raise _refusal("the graph", "its output", graph.gives, f"{at}, where the chain ends")
    return chain, constants


def _levels(chain: Sequence[Op], constants: Mapping[str, Array]) -> Levels:
    """What the quantiser at the end leaves."""
    behind = [op for op in chain if op.kind not in (*SHAPING, "Identity", "Dropout")]
    if not behind or not is_quantiser(behind[-1]):
        where = chain[-1].name if chain else INPUT
        raise _refusal(where, "what a product hears", "float activations", "a quantiser before it: Quant, IntQuant or BipolarQuant")
    op = behind[-1]
    found = [constants[name] for name in op.reads[1:] if name]
    if any(a.size != 1 for a in found):
        raise _refusal(op.name, "its scale", "an array", "one number: it must not vary along the axis that the next product sums over")
    if not found[0].item() > 0:
        raise _refusal(op.name, "its scale", found[0].item(), "more than 0")
    if op.kind == "BipolarQuant":
        return Levels(low=-found[0].item(), step=2 * found[0].item(), count=1)
    scale, zero, low, high = levels(found, op.attributes)
    if 2 * zero.item() != round(2 * zero.item()):
        raise _refusal(op.name, "its zero point", zero.item(), "whole, or half of a whole number")
    if not 1 <= high - low <= _MOST_LEVELS:
        raise _refusal(op.name, "levels", high - low + 1, f"2..{_MOST_LEVELS + 1}: each but one is a population")
    return Levels(low=(low - zero.item()) * scale.item(), step=scale.item(), count=high - low)


def _product(op: Op, constants: Mapping[str, Array], heard: Levels, chain: tuple[Op, ...]) -> Product:
    """Its weights as whole numbers times a gain for each output."""
    weights = np.asarray(constants[op.reads[1]], np.float32)
    if op.kind == "Gemm" and (op.attributes.get("transA", 0) or op.attributes.get("alpha", 1.0) != 1.0 or len(op.reads) > 2):
        raise _refusal(op.name, "Gemm", "with alpha, transA or a third input", "of weights alone")
    if weights.ndim != 2:
        raise _refusal(op.name, "weights", f"of shape {weights.shape}", "(inputs, outputs)")
    rows = weights if op.kind == "Gemm" and op.attributes.get("transB", 0) else weights.T
    there = np.where(rows == 0, np.inf, np.abs(rows)).min(1)
    gain = np.where(np.isfinite(there), there, 1).astype(np.float32)
    codes = np.rint(rows / gain[:, None])
    if (codes.astype(np.float32) * gain[:, None] != rows).any() or np.abs(codes).max(initial=0) > arith.WEIGHT_LIMIT // 2:
        raise _refusal(op.name, "weights", "no few whole numbers times one scale an output", f"up to {arith.WEIGHT_LIMIT // 2}")
    return Product(op=op, codes=codes.astype(np.int64), gain=gain, levels=heard, chain=chain)


def _asked(chain: Sequence[Op], constants: Mapping[str, Array], x: Array, name: str) -> Array:
    """What a chain makes of x, which it reads by a name."""
    for op in chain:
        given = [x if n == name else constants[n] for n in op.reads if n]
        x, name = OPS[op.kind](given, op.attributes), op.gives
    return x


def _level(name: str, k: int) -> str:
    return f"{name}.{k}"


def _network(graph: OnnxGraph, products: Sequence[Product], constants: Mapping[str, Array]) -> Network:
    net, width = Net(), products[0].codes.shape[1]
    if width != int(np.prod(graph.shape[1:])):
        raise _refusal(products[0].op.name, "inputs", width, f"{int(np.prod(graph.shape[1:]))}, what the file takes")
    at = [net.input(_level(INPUT, k), features=width) for k in range(1, products[0].levels.count + 1)]
    for n, product in enumerate(products[:-1]):
        signs, firing = _firing(product, products[n + 1].levels, constants)
        heard = _heard(at, product.codes * signs[:, None])
        at = [net.lif(_level(f"layer.{n}", k + 1), heard, keep=0, vth=_VTH, bias=_bias(product.op, c)) for k, c in enumerate(firing)]
    _head(net, at, products[-1])
    return net.network()


def _heard(at: Sequence[Handle], codes: NDArray[np.int64]) -> Sum:
    return Sum(tuple(linear(handle, codes) for handle in at))


def _head(net: Net, at: Sequence[Handle], last: Product) -> None:
    """Membranes that are the last product's integers, what neurons that do not fire mean in a bias."""
    each, rest = last.whole
    steady = rest * last.codes.sum(1) * arith.ONE
    heard = _heard(at, last.codes * each)
    if np.abs(steady).max() > arith.BIAS_MANTISSA_LIMIT << arith.INPUT_SHIFT:
        raise _refusal(last.op.name, "what resting inputs bring", int(np.abs(steady).max() // arith.ONE), f"up to {arith.BIAS_MANTISSA_LIMIT}")
    net.read(net.lif(HEAD, heard, keep=0, vth=arith.VTH_LIMIT, bias=steady if steady.any() else None))


def _firing(product: Product, nexts: Levels, constants: Mapping[str, Array]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """(the sign of each output, and for each level the sum from which it fires, (outputs,) of sums times that sign)."""
    most = product.levels.count
    low, high = (np.clip(product.codes, *side).sum(1) * most for side in ((None, 0), (0, None)))
    if high.max() - low.min() > _MOST_REACHED:
        raise _refusal(product.op.name, "sums that are reachable", int(high.max() - low.min()), f"up to {_MOST_REACHED:,}")
    sums = np.arange(low.min(), high.max() + 1)[:, None]
    asked = product.value(np.broadcast_to(sums, (len(sums), len(product.codes))))
    with np.errstate(all="ignore"):
        given = _asked(product.chain, constants, asked, product.op.gives)
    if given.shape != asked.shape or not np.isfinite(given).all():
        raise _refusal(product.op.name, "what follows it", "not finite, or of another shape", f"finite numbers of shape {asked.shape[1:]}")
    found = nexts.of(given)
    there = (sums >= low) & (sums <= high)
    up = np.diff(found, axis=0) * (there[1:] & there[:-1])
    signs = np.where((up < 0).any(0), -1, 1)
    if ((up * signs) < 0).any():
        raise _refusal(product.op.name, "what follows it", "not monotone", "rising or falling in each output")
    return signs, [_from(found >= k, there, sums, signs, low, high) for k in range(1, nexts.count + 1)]


def _from(
    fires: NDArray[np.bool_],
    there: NDArray[np.bool_],
    sums: NDArray[np.int64],
    signs: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The smallest sum, times the sign, at which each output fires; one more than the largest where it never does."""
    most = np.where(signs > 0, high, -low)
    return np.where(fires & there, sums * signs, most + 1).min(0)


def _bias(op: Op, fires_from: NDArray[np.int64]) -> NDArray[np.int64]:
    """Half a unit above what brings the sum `fires_from` to the threshold."""
    found = (2 * (_VTH - fires_from) + 1) << (arith.INPUT_SHIFT - 1)
    if np.abs(2 * (_VTH - fires_from) + 1).max() > arith.BIAS_MANTISSA_LIMIT:
        raise _refusal(op.name, "sums from which neurons fire", int(np.abs(fires_from).max()), f"up to {arith.BIAS_MANTISSA_LIMIT // 2 - _VTH}")
    return found
