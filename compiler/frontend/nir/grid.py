"""One layer's numbers on the chip's grid: exactly where that can be, else rounded, with what was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir.floats import Layer
from tritspike.compiler.frontend.nir.nodes import Floats
from tritspike.compiler.frontend.nir.planes import MOST, overflow
from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import arith

if TYPE_CHECKING:
    import scipy.sparse as sp

Ints = NDArray[np.int64]
_ROOM = 0.999  # of a limit, for what rounding adds
_TRIES = 20
_NEAR = 1e-9  # of a whole number, for what 64-bit floats lose of a quotient
_BIAS = arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT  # in 1/64 units


@dataclass(frozen=True, eq=False, kw_only=True)
class Gridded:
    """A layer in whole numbers. weights: of each way, (target, source) int64. steady_u in units, steady in 1/64 of them, or None.

    units: (neurons,) grid units in one of the file's. vth None: it never fires. lost: (weights, decays, thresholds), the largest error of each,
    weights against the largest of their neuron, decays as they are, thresholds against themselves; all 0 where it is exact.
    why_not: of one that is not exact, the first reason.
    """

    weights: tuple[sp.csr_matrix, ...]
    keep: Ints
    keep_u: Ints
    vth: Ints | None
    steady_u: Ints | None
    steady: Ints | None
    units: Floats
    lost: tuple[float, float, float] = (0.0, 0.0, 0.0)
    why_not: str | None = None

    @property
    def exact(self) -> bool:
        """Whether it fires as the floats do, for every input."""
        return self.why_not is None


def gridded(layer: Layer, weights: Sequence[sp.csr_matrix]) -> Gridded:
    """Of what leads into it."""
    why_not = _inexact(layer)
    if why_not is None:
        exact = _exactly(layer, weights)
        if isinstance(exact, Gridded):
            return exact
        why_not = exact
    own = _as_they_are(layer, weights, why_not)
    return _rounded(layer, weights, why_not) if own is None else own


def _inexact(layer: Layer) -> str | None:
    """Decays other than none and all."""
    for name, keep in (("membrane", layer.keep), ("current", layer.keep_u)):
        odd = keep[(keep != 0) & (keep != 1)]
        if odd.size:
            return f"a {name} of which {odd[0]:.4g} is left in a step"
    return None


def _exactly(layer: Layer, weights: Sequence[sp.csr_matrix]) -> Gridded | str:
    """On a grid of powers of two, one a neuron; or why not."""
    size, steady = layer.size, layer.steady
    low = np.full(size, 1 << 20, np.int64)  # of each neuron the exponent of its finest bit
    for w in weights:
        np.minimum.at(low, np.repeat(np.arange(size), np.diff(w.indptr)), _lowest_bit(w.data))
    for numbers in (layer.steady_u, steady):  # a bias on a finer grid than the weights' would bring membranes between two thresholds
        if numbers is not None:
            low = np.minimum(low, np.where(numbers == 0, 1 << 20, _lowest_bit(numbers)))
    low = np.where(low == 1 << 20, 0, low)
    if layer.threshold is None:
        low[:] = low.min()  # membranes that are read are compared with each other
    if (np.abs(low) > 1000).any():
        return "weights of very different sizes"
    units = np.ldexp(1.0, -low)
    needed = float((_largest(weights, size) * units).max(initial=0))
    if needed > MOST:
        return f"weights that need {int(np.log2(needed)) + 2} bits"
    vth = None if layer.threshold is None else np.floor(layer.threshold * units)
    if vth is not None and vth.max() > arith.VTH_LIMIT:
        return f"a threshold of {vth.max():.6g} on the grid of its weights"
    if any(a is not None and float((np.abs(a) * units).max()) > MOST for a in (steady, layer.steady_u)):
        return "a bias that needs more bits than its register has"
    if vth is not None:
        units, vth = _evened(units, vth)
    found = Gridded(
        weights=tuple(_whole(w, units) for w in weights),
        keep=(layer.keep * arith.KEEP_ALL).astype(np.int64),
        keep_u=(layer.keep_u * arith.KEEP_ALL).astype(np.int64),
        vth=None if vth is None else vth.astype(np.int64),
        steady_u=None if layer.steady_u is None else np.rint(layer.steady_u * units).astype(np.int64),
        steady=None if steady is None else np.rint(steady * units * arith.ONE).astype(np.int64),
        units=units,
    )
    beyond = _beyond(found)
    return beyond if beyond is not None else found


def _evened(units: Floats, vth: Floats) -> tuple[Floats, Floats]:
    """One threshold for all where finer grids of some neurons give it: a core holds one."""
    most = vth.max()
    if most <= 0 or (vth == most).all():
        return units, vth
    factor = np.exp2(np.floor(np.log2(np.maximum(most, 1) / np.maximum(vth, 1))))
    same = (vth * factor <= most) & (most < (vth + 1) * factor)  # a threshold may lie anywhere between two values that a membrane can have
    return (units * factor, np.full_like(vth, most)) if same.all() else (units, vth)


def _lowest_bit(numbers: Floats) -> Ints:
    """The exponent of the lowest bit that is set in each number, which is not 0."""
    mantissa, exponent = np.frexp(numbers)
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)
    return exponent - 53 + np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)


def _whole(weights: sp.csr_matrix, units: Floats) -> sp.csr_matrix:
    """On the grid, rounded; zeros left out."""
    import scipy.sparse as sp

    rows = np.repeat(units, np.diff(weights.indptr))
    found = sp.csr_matrix((np.rint(weights.data * rows).astype(np.int64), weights.indices, weights.indptr), shape=weights.shape, copy=True)
    found.eliminate_zeros()
    return found


def _beyond(found: Gridded) -> str | None:
    """What the chip's registers do not hold."""
    largest = max((int(np.abs(w.data).max(initial=0)) for w in found.weights), default=0)
    if largest > MOST:
        return f"weights that need {largest.bit_length() + 1} bits"
    if found.vth is not None and found.vth.max() > arith.VTH_LIMIT:
        return f"a threshold of {found.vth.max():.6g} on the grid of its weights"
    if found.steady is not None and (np.abs(found.steady).max() > _BIAS or arith.bias_exponent(found.steady) is None):
        return "a bias that needs more bits than its register has"
    if found.steady_u is not None and np.abs(found.steady_u).max() > MOST:
        return "a bias that needs more bits than two weights have"
    if overflow(found.weights, found.steady_u, found.keep_u) > 1:
        return "more input than an accumulator holds"
    return None


def _sums(weights: Sequence[sp.csr_matrix]) -> Floats:
    """(neurons,) the most that all inputs together bring, of either sign."""
    if not weights:
        return np.zeros(0)
    high = sum(np.asarray(w.maximum(0).sum(1)).ravel() for w in weights)
    low = sum(np.asarray(-w.minimum(0).sum(1)).ravel() for w in weights)
    return np.maximum(high, low)


def _as_they_are(layer: Layer, weights: Sequence[sp.csr_matrix], why_not: str) -> Gridded | None:
    """Numbers that are a chip's already, such as those that our own files hold; None of others."""
    numbers = [w.data for w in weights] + [k * arith.KEEP_ALL for k in (layer.keep, layer.keep_u)]
    numbers += [a for a in (layer.threshold, layer.steady_u, None if layer.steady is None else layer.steady * arith.ONE) if a is not None]
    if any(a.size and np.abs(a).max() > _BIAS for a in numbers):
        return None
    if any((np.abs(a - np.rint(a)) > _NEAR * np.maximum(np.abs(a), 1)).any() for a in numbers):
        return None
    ones = np.ones(layer.size)
    found = Gridded(
        weights=tuple(_whole(w, ones) for w in weights),
        keep=_nearest(layer.keep * arith.KEEP_ALL),
        keep_u=_nearest(layer.keep_u * arith.KEEP_ALL),
        vth=None if layer.threshold is None else _nearest(layer.threshold),
        steady_u=None if layer.steady_u is None else _nearest(layer.steady_u),
        steady=None if layer.steady is None else _nearest(layer.steady * arith.ONE),
        units=ones,
        why_not=why_not,
    )
    return found if _beyond(found) is None else None


def _nearest(found: Floats) -> Ints:
    return np.rint(found).astype(np.int64)


def _rounded(layer: Layer, weights: Sequence[sp.csr_matrix], why_not: str) -> Gridded:
    """With one threshold for all, as large as the chip allows: a neuron's weights, bias and threshold are times one number."""
    keep, keep_u = (np.rint(k * arith.KEEP_ALL).astype(np.int64) for k in (layer.keep, layer.keep_u))
    most = _scales(layer, weights, keep_u, keep)
    for _ in range(_TRIES):
        found = _scaled(layer, weights, most, keep, keep_u, why_not)
        over = overflow(found.weights, found.steady_u, keep_u)
        if over <= 1:
            break
        most = most * (_ROOM / over)
    return found


def _scaled(layer: Layer, weights: Sequence[sp.csr_matrix], most: Floats, keep: Ints, keep_u: Ints, why_not: str) -> Gridded:
    """most: (neurons,) units in one of the file's."""
    units, vth = _units(layer, most)
    made = tuple(_whole(w, units) for w in weights)
    steady_u = None if layer.steady_u is None else _nearest(layer.steady_u * units)
    steady = _with_remainder(layer, units, vth, steady_u, keep, keep_u)
    decays = max(float(np.abs(k / arith.KEEP_ALL - f).max(initial=0)) for k, f in ((keep, layer.keep), (keep_u, layer.keep_u)))
    return Gridded(
        weights=made,
        keep=keep,
        keep_u=keep_u,
        vth=None if vth is None else vth.astype(np.int64),
        steady_u=steady_u,
        steady=None if steady is None else _on_bias_grid(steady * arith.ONE),
        units=units,
        lost=(_lost(weights, units), decays, 0.0 if vth is None else _lost_threshold(layer, units, vth)),
        why_not=why_not,
    )


def _with_remainder(layer: Layer, units: Floats, vth: Floats | None, steady_u: Ints | None, keep: Ints, keep_u: Ints) -> Floats | None:
    """(neurons,) units that a step adds to v: what the file says, and what rounding took from where a filtered bias settles.

    A unit of u is 64 of v's register, and a bias is there in every step: its rounding would move all neurons by as much for ever. Left out where it
    would fire by itself, as it would where filters are so slow that nothing settles.
    """
    own = None if layer.steady is None else layer.steady * units
    if steady_u is None or vth is None or layer.steady_u is None:
        return own
    stays = [np.maximum(1 - k / arith.KEEP_ALL, 1e-9) for k in (keep, keep_u)]
    rest = layer.steady_u * units / np.maximum(1 - layer.keep_u, 1e-9) - steady_u / stays[1]
    rest = np.where(np.abs(rest) <= vth * stays[0], rest, 0.0)
    if not np.rint(rest * arith.ONE).any():
        return own
    return rest if own is None else own + rest


def _units(layer: Layer, most: Floats) -> tuple[Floats, Floats | None]:
    """(units in one of the file's, thresholds in units). One threshold for all where none is 0; of a layer that is read one unit for all.

    Raises `CompileError` where a weight is so many thresholds that no grid holds both.
    """
    if layer.threshold is None:
        return np.full(layer.size, most.min()), None
    there = layer.threshold > 0
    found = np.floor(np.minimum(most * layer.threshold, arith.VTH_LIMIT))
    if (found[there] < 1).any():
        n = int(np.argmax(there & (found < 1)))
        over = 1 / max(most[n] * layer.threshold[n], 1e-300)
        what = "its input, biases and decays against its threshold"
        raise CompileError(str(Finding(layer.name, what, f"{over:.3g} times too large", "one grid for both")))
    if there.all():
        found = np.full(layer.size, found.min())
    return np.where(there, found / np.where(there, layer.threshold, 1), most), np.where(there, found, 0)


def _scales(layer: Layer, weights: Sequence[sp.csr_matrix], keep_u: Ints, keep: Ints) -> Floats:
    """(neurons,) the most units in one of the file's: of weights, of what an accumulator gathers, of biases and, where it is read, of v."""
    steady_u = np.zeros(layer.size) if layer.steady_u is None else np.abs(layer.steady_u)
    lasting = np.maximum(1 - keep_u / arith.KEEP_ALL, 1 / arith.KEEP_ALL)
    sums = (_sums(weights) if weights else np.zeros(layer.size)) + steady_u
    largest = np.maximum(_largest(weights, layer.size), steady_u)
    limits: list[tuple[Floats, Floats | Ints | float]] = [(largest, MOST), (sums, (arith.A_LIMIT - 1) * lasting)]
    if layer.steady is not None:
        limits.append((np.abs(layer.steady), _BIAS / arith.ONE))
    if layer.threshold is None:
        leaves = np.maximum(1 - keep / arith.KEEP_ALL, 1 / arith.KEEP_ALL)
        limits.append((sums / lasting + (0 if layer.steady is None else np.abs(layer.steady)), (arith.VTH_LIMIT - 1) * leaves))
    found = np.min([np.where(number > 0, limit * _ROOM / np.where(number > 0, number, 1), np.inf) for number, limit in limits], axis=0)
    return np.where(np.isfinite(found), found, 1.0)


def _largest(weights: Sequence[sp.csr_matrix], size: int) -> Floats:
    found = np.zeros(size)
    for w in weights:
        np.maximum.at(found, np.repeat(np.arange(size), np.diff(w.indptr)), np.abs(w.data))
    return found


def _on_bias_grid(found: Floats) -> Ints:
    """Multiples of the smallest power of two that brings all into the register."""
    most = np.abs(found).max()
    exponent = next(e for e in range(arith.BIAS_EXPONENT_LIMIT + 1) if most <= arith.BIAS_MANTISSA_LIMIT << e or e == arith.BIAS_EXPONENT_LIMIT)
    return np.rint(found / (1 << exponent)).astype(np.int64).clip(-arith.BIAS_MANTISSA_LIMIT, arith.BIAS_MANTISSA_LIMIT) << exponent


def _lost(weights: Sequence[sp.csr_matrix], units: Floats) -> float:
    """The largest error of a weight, as a share of the largest of its neuron."""
    largest, worst = _largest(weights, len(units)), 0.0
    for a in weights:
        rows = np.repeat(np.arange(len(units)), np.diff(a.indptr))
        error = np.abs(a.data - np.rint(a.data * units[rows]) / units[rows])
        worst = max(worst, float((error / np.maximum(largest[rows], 1e-300)).max(initial=0)))
    return worst


def _lost_threshold(layer: Layer, units: Floats, vth: Floats) -> float:
    assert layer.threshold is not None
    error = np.abs(vth / units - layer.threshold)
    return float((error / np.where(layer.threshold > 0, layer.threshold, 1)).max())
