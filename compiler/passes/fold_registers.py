"""Integers of any size into the chip's registers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tritspike.compiler.errors import RangeViolation
from tritspike.compiler.passes.base import FOLDED, Lowering, Pass
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import arith
from tritspike.runtime.network.network import Population, Synapse
from tritspike.runtime.network.neuron import Bias, Values, numbers

_MOST_BIAS = arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT


@dataclass(frozen=True)
class FoldRegisters(Pass):
    """Write shared weights and biases as the chip's mantissas and exponents, exactly.

    A weight that all synapses share becomes m << e with |m| <= 127; biases of a population share the smallest e that brings all under 4096.
    Whatever would need rounding is refused: exactness begins at the checkpoint.
    """

    name: ClassVar[str] = "fold-registers"
    ensures: ClassVar[tuple[str, ...]] = (FOLDED,)

    def apply(self, given: Lowering, profile: HardwareProfile | None) -> Lowering:
        """Raises `RangeViolation` naming the population or synapse."""
        network = given.network
        populations, synapses = tuple(map(_population, network.populations)), tuple(map(_synapse, network.synapses))
        return replace(given, network=replace(network, populations=populations, synapses=synapses))


def _synapse(s: Synapse) -> Synapse:
    shared = s.wiring.shared
    if shared is None or abs(shared) <= arith.WEIGHT_LIMIT:
        return s
    weight = shared << s.exponent
    mantissa, exponent = arith.mantissa_exponent(weight)
    if mantissa << exponent != weight:
        what = f"{s.target}: weight {weight} from {s.source} is not m << e with |m| <= {arith.WEIGHT_LIMIT}"
        raise RangeViolation(what, f"{mantissa << exponent} is")
    return replace(s, wiring=s.wiring.weighing(mantissa), exponent=exponent)


def _population(p: Population) -> Population:
    if p.neuron is None or p.neuron.bias is None:
        return p
    return replace(p, neuron=replace(p.neuron, bias=_bias(p.name, p.neuron.bias)))


def _bias(name: str, bias: Bias) -> Bias | None:
    """Biases of zero need no register."""
    found = numbers(bias.mantissa)
    most = max(-int(found.min(initial=0)), int(found.max(initial=0))) << bias.exponent  # of any size: int64 would lose its high bits
    if not most:
        return None
    values = found << bias.exponent if most <= _MOST_BIAS else found
    if most > _MOST_BIAS or (exponent := arith.bias_exponent(values)) is None:
        what = f"{name}: biases up to {most} are not multiples of one power of two with mantissas up to {arith.BIAS_MANTISSA_LIMIT}"
        raise RangeViolation(what, "round them to a coarser grid in the checkpoint")
    return Bias(replace(bias.mantissa, numbers=values >> exponent) if isinstance(bias.mantissa, Values) else int(values[0]) >> exponent, exponent)
