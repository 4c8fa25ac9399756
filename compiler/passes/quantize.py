"""Floats to the chip's grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tritspike.compiler.errors import CompileError, RangeViolation
from tritspike.compiler.passes.base import WHOLE, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.network.network import Network, Population, Synapse
from tritspike.runtime.network.neuron import Bias, Neuron, Register, Values

_LEAST, _MOST = 2, 8  # bits of a weight, its sign among them


@dataclass(frozen=True)
class Quantize(Pass):
    """Round a network of floats to whole numbers: one scale a population, one exponent a projection; --explain says what was lost.

    The float rule is v = keep * v + u + bias, fires above vth, with keep and keep_u in 0..1. It does not change when all weights into a population,
    its bias and its threshold are multiplied by one number: that is chosen as large as threshold, bias and accumulator allow. Each projection
    is then rounded to `bits`, at the least exponent that holds its largest weight.
    """

    name: ClassVar[str] = "quantize"
    ensures: ClassVar[tuple[str, ...]] = (WHOLE,)
    optional: ClassVar[bool] = True
    bits: int = _MOST

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """With a line for each population and projection in `notes`. Raises `RangeViolation` for what no scale can hold."""
        if not _LEAST <= self.bits <= _MOST:
            raise CompileError(f"quantize: {self.bits} bits", f"{_LEAST}..{_MOST}")
        network, scales = given.network, {p.name: _scale(given.network, p) for p in given.network.populations if p.neuron is not None}
        synapses = [_rounded(s, scales[s.target], (1 << (self.bits - 1)) - 1) for s in network.synapses]
        populations = tuple(p if p.neuron is None else replace(p, neuron=_neuron(p.neuron, scales[p.name])) for p in network.populations)
        made = replace(network, populations=populations, synapses=tuple(synapses))
        return replace(given, network=made, notes=(*given.notes, *_notes(network, made, scales)))


def _scale(network: Network, p: Population) -> float:
    """Synaptic units for a unit of the float network: the largest that threshold, bias and accumulator allow."""
    assert p.neuron is not None
    sizes = list(_limits(network, p, p.neuron))
    room = [limit / most for most, limit in sizes if most > 0]
    if not all(np.isfinite(most) for most, _ in sizes):
        raise RangeViolation(f"{p.name}: numbers that are not finite")
    return min(room, default=1.0)


def _limits(network: Network, p: Population, n: Neuron) -> Iterator[tuple[float, float]]:
    """(largest number, what the chip holds of such, in synaptic units)."""
    yield _most(n.vth), arith.VTH_LIMIT
    if n.bias is not None:
        yield _most(n.bias.mantissa), (arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT) / arith.ONE
    most = sum(float(np.abs(s.wiring.heaviest(*network.grids(s)))) for s in network.inputs(p.name))
    kept = _most(n.keep_u)
    yield most, (arith.A_LIMIT - 1) * max(1 - kept, 1 / arith.KEEP_ALL) / 1.01  # a hundredth for what rounding adds
    for s in network.inputs(p.name):
        yield s.wiring.largest, arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT


def _most(register: Register) -> float:
    return float(np.abs(_numbers(register)).max(initial=0))


def _numbers(register: Register) -> NDArray[np.float64]:
    """Every number that it holds, at least once."""
    return np.atleast_1d(register.numbers if isinstance(register, Values) else register).astype(np.float64)


def _rounded(s: Synapse, scale: float, most: int) -> Synapse:
    """Its weights as mantissas of at most `most`, and the least exponent that holds them."""
    largest = s.wiring.largest * scale
    exponent = next((e for e in range(arith.EXPONENT_LIMIT + 1) if largest <= (most << e) * (1 + 1e-12)), arith.EXPONENT_LIMIT)
    return replace(s, wiring=s.wiring.rounded(scale / (1 << exponent), most), exponent=exponent)


def _neuron(n: Neuron, scale: float) -> Neuron:
    keep, keep_u = (_register(register, arith.KEEP_ALL, arith.KEEP_ALL) for register in (n.keep, n.keep_u))
    bias = None if n.bias is None else _bias(n.bias.mantissa, scale)
    return replace(n, keep=keep, keep_u=keep_u, vth=_register(n.vth, scale, arith.VTH_LIMIT), bias=bias)


def _register(register: Register, scale: float, most: int) -> Register:
    found = np.clip(np.rint(_numbers(register) * scale), 0, most).astype(np.int64)
    return replace(register, numbers=found) if isinstance(register, Values) else int(found[0])


def _bias(mantissa: Register, scale: float) -> Bias:
    """At the least exponent that holds the largest."""
    units = _numbers(mantissa) * scale * arith.ONE
    largest = float(np.abs(units).max(initial=0))
    exponent = next((e for e in range(arith.EXPONENT_LIMIT + 1) if largest <= arith.BIAS_MANTISSA_LIMIT << e), arith.BIAS_EXPONENT_LIMIT)
    found = np.rint(units / (1 << exponent)).clip(-arith.BIAS_MANTISSA_LIMIT, arith.BIAS_MANTISSA_LIMIT).astype(np.int64)
    return Bias(replace(mantissa, numbers=found) if isinstance(mantissa, Values) else int(found[0]), exponent)


def _notes(before: Network, after: Network, scales: dict[str, float]) -> Iterator[str]:
    for p, q in zip(before.populations, after.populations):
        if p.neuron is not None and q.neuron is not None:
            lost = _lost(_numbers(p.neuron.vth) * scales[p.name], _numbers(q.neuron.vth))
            yield f"quantize: {p.name}: {scales[p.name]:.6g} synaptic units a unit, threshold off by {lost:.2%}"
    for s, t in zip(before.synapses, after.synapses):
        lost = _lost(s.wiring.numbers * scales[s.target], t.wiring.numbers.astype(np.float64) * (1 << t.exponent))
        yield f"quantize: {s.name}: exponent {t.exponent}, weights off by {lost:.2%} of the largest, root mean square"


def _lost(exact: NDArray[Any], rounded: NDArray[Any]) -> float:
    """Root mean square error, as a share of the largest."""
    error = np.sqrt(np.mean((exact - rounded) ** 2)) if exact.size else 0.0
    return float(error / max(np.abs(exact).max(initial=0), 1e-30))
