"""Products with weights, as a file has them: whole numbers times one scale an output, behind activations of few levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir.matrices import Unfit
from tritspike.compiler.frontend.nir.nodes import Shape
from tritspike.compiler.frontend.qonnx import convolution
from tritspike.compiler.frontend.qonnx.ops import CONV, OPS, SHAPING, levels
from tritspike.compiler.frontend.qonnx.reading import Op, is_quantiser
from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import arith

if TYPE_CHECKING:
    import scipy.sparse as sp

Array = NDArray[Any]
Ints = NDArray[np.int64]
INPUT = "input"
_MOST_LEVELS = 15  # above the lowest: a population each
_FARTHEST = 256  # zero point: the levels of 8 bits


def refusal(where: str, what: str, found: object, allowed: object) -> CompileError:
    """To be raised."""
    return CompileError(str(Finding(where, what, found, allowed)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Levels:
    """Values of an activation: low + step * n, n in 0..count; n is how many of `count` neurons fire."""

    low: float
    step: float
    count: int

    def of(self, values: Array) -> Ints:
        """n of each."""
        return np.rint((values.astype(np.float64) - self.low) / self.step).astype(np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Product:
    """op: of the file, whose weights are gain * codes, (outputs, inputs), behind activations of `levels`. chain: what follows up to the next one.

    shape: of what it gives, without the batch; outputs are counted in that order.
    """

    op: Op
    codes: sp.csr_matrix
    gain: Array
    levels: Levels
    chain: tuple[Op, ...]
    shape: Shape

    @property
    def whole(self) -> tuple[int, int]:
        """(of a neuron that fires, of all that do not) in the largest unit of which both are multiples: 2 and -1 of a sign, 1 and n of n levels."""
        low = self.levels.low / self.levels.step
        return (1, round(low)) if low == round(low) else (2, round(2 * low))

    @property
    def unit(self) -> float:
        """Of the activations, what one of the last product's integers means."""
        return self.levels.step / self.whole[0]

    @property
    def rounds(self) -> bool:
        """Whether sums of the file's own product may need more bits than a float32 has, and so depend on the order of their terms."""
        unit = np.float32(self.unit * self.gain)
        whole = np.abs(np.ldexp(np.frexp(unit)[0], 24)).astype(np.int64)
        bits = 24 - np.log2(np.maximum(whole & -whole, 1)) + np.log2(np.maximum(rows(abs(self.codes)) * self._most, 1))
        return bool((bits > 24).any())

    @property
    def _most(self) -> int:
        """The largest value of a level in units, without its sign."""
        each, rest = self.whole
        return max(abs(rest), abs(rest + each * self.levels.count))

    def value(self, sums: Ints) -> Array:
        """What the product gives where `sums` of the codes' inputs fire, as float32: (..., outputs)."""
        at_rest = self.levels.low * rows(self.codes)
        return ((at_rest + self.levels.step * sums) * self.gain).astype(np.float32)


def levels_of(chain: Sequence[Op], constants: Mapping[str, Array]) -> Levels:
    """What the quantiser at the end leaves."""
    behind = [op for op in chain if op.kind not in (*SHAPING, "Identity", "Dropout")]
    if not behind or not is_quantiser(behind[-1]):
        where = chain[-1].name if chain else INPUT
        raise refusal(where, "what a product hears", "float activations", "a quantiser before it: Quant, IntQuant or BipolarQuant")
    op = behind[-1]
    found = [constants[name] for name in op.reads[1:] if name]
    if any(a.size != 1 for a in found):
        raise refusal(op.name, "its scale", "an array", "one number: it must not vary along the axis that the next product sums over")
    if not 0 < found[0].item() < np.inf:
        raise refusal(op.name, "its scale", found[0].item(), "more than 0, and finite")
    if op.kind == "BipolarQuant":
        return Levels(low=-found[0].item(), step=2 * found[0].item(), count=1)
    scale, zero, low, high = levels(found, op.attributes)
    if not abs(zero.item()) <= _FARTHEST or 2 * zero.item() != round(2 * zero.item()):
        raise refusal(op.name, "its zero point", zero.item(), f"whole, or half of a whole number, in -{_FARTHEST}..{_FARTHEST}")
    if not 1 <= high - low <= _MOST_LEVELS:
        raise refusal(op.name, "levels", high - low + 1, f"2..{_MOST_LEVELS + 1}: each but one is a population")
    return Levels(low=(low - zero.item()) * scale.item(), step=scale.item(), count=high - low)


def product_of(op: Op, constants: Mapping[str, Array], heard: Shape, levels: Levels, chain: tuple[Op, ...]) -> Product:
    """Its weights as whole numbers times a gain for each output. heard: the shape of what it reads, without the batch."""
    weights = np.asarray(constants[op.reads[1]], np.float32)
    turned = op.kind == CONV or (op.kind == "Gemm" and op.attributes.get("transB", 0))
    codes, gain = _whole(op, weights if turned else weights.T)
    if op.kind == CONV:
        spread, shape = _spread(op, codes, heard)
        return Product(op=op, codes=spread, gain=np.repeat(gain, int(np.prod(shape[1:]))), levels=levels, chain=chain, shape=shape)
    return Product(op=op, codes=_sparse(codes), gain=gain, levels=levels, chain=chain, shape=(len(codes),))


def require_read(op: Op, constants: Mapping[str, Array]) -> None:
    """Before the file is evaluated. Raises `CompileError` for a form of the operator that is not read."""
    found = _unread(op, np.asarray(constants[op.reads[1]]))
    if found is not None:
        raise refusal(op.name, *found)


def _unread(op: Op, weights: Array) -> tuple[str, object, str] | None:
    """(what, found, allowed) of a form of the operator that is not read."""
    if len(op.reads) > 2:
        return op.kind, "with a third input", "of weights alone: a bias as an Add behind it"
    if op.kind == CONV:
        return convolution.unread(weights, op.attributes)
    if op.kind == "Gemm" and (op.attributes.get("transA", 0) or op.attributes.get("alpha", 1.0) != 1.0):
        return "Gemm", "with alpha or transA", "of weights alone"
    return ("weights", f"of shape {weights.shape}", "(inputs, outputs)") if weights.ndim != 2 else None


def _whole(op: Op, weights: Array) -> tuple[Ints, Array]:
    """(codes, as `weights`, and (outputs,) gain) of (outputs, ...) weights. Raises `CompileError` for those that are no few whole numbers."""
    sides = (-1,) + (1,) * (weights.ndim - 1)
    there = np.where(weights == 0, np.inf, np.abs(weights)).reshape(len(weights), -1).min(1)
    gain = np.where(np.isfinite(there), there, 1).astype(np.float32)
    codes = np.rint(weights / gain.reshape(sides))
    if (codes.astype(np.float32) * gain.reshape(sides) != weights).any() or np.abs(codes).max(initial=0) > arith.WEIGHT_LIMIT // 2:
        raise refusal(op.name, "weights", "no few whole numbers times one scale an output", f"up to {arith.WEIGHT_LIMIT // 2}")
    return codes.astype(np.int64), gain


def _spread(op: Op, codes: Ints, heard: Shape) -> tuple[sp.csr_matrix, Shape]:
    try:
        found, shape = convolution.spread(op.name, codes.astype(np.float64), op.attributes, heard)
    except Unfit as unfit:
        raise CompileError(str(unfit.finding)) from None
    return _sparse(found), shape


def _sparse(found: Any) -> sp.csr_matrix:
    import scipy.sparse as sp

    return sp.csr_matrix(found, dtype=np.int64)


def rows(codes: sp.csr_matrix) -> Ints:
    """(outputs,) the sum of each output's weights."""
    return np.asarray(codes.sum(1), np.int64).ravel()


def asked(chain: Sequence[Op], constants: Mapping[str, Array], x: Array, name: str | None) -> Array:
    """What a chain makes of x, which it reads by a name; None: whatever it reads, as of shaping alone."""
    for op in chain:
        given = [x if n == (name or op.reads[0]) else constants[n] for n in op.reads if n]
        x, name = OPS[op.kind](given, op.attributes), op.gives if name else None
    return x
