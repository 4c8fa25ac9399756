"""What no input can do: every register holds whatever any spikes bring, for as long as a stream lasts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import Finding, TritspikeError, listed
from tritspike.runtime import arith
from tritspike.runtime.errors import RangeError
from tritspike.runtime.network.network import Network, Population, Reads, Scheduled, Stream, Synapse, Windows
from tritspike.runtime.network.neuron import Neuron, Resets, Values, numbers
from tritspike.runtime.network.wiring import Wiring

Ints = NDArray[np.int64]
_LONG = 1 << 40  # steps: more than a stream lasts


def require_ranges(program: Scheduled, error: type[TritspikeError] = RangeError, hint: str | None = None) -> None:
    """Raises `error` with every finding: of the compiler before a program is written, of an executor before one is run."""
    found = tuple(findings(program))
    if found:
        raise error(listed(found), hint)


def require_registers(program: Scheduled) -> None:
    """Raises `RangeError` where a register holds no such number, of an executor that watches the rest as it runs."""
    found = tuple(registers(program))
    if found:
        raise RangeError(listed(found))


def registers(program: Scheduled) -> Iterator[Finding]:
    """Registers and weights that hold no such number, whatever is played."""
    for synapse in program.network.synapses:
        yield from _weights(synapse)
    for p in program.network.populations:
        if p.neuron is not None:
            yield from _registers(p, p.neuron)


def findings(program: Scheduled) -> Iterator[Finding]:
    """What some input could push out of its register, and registers that hold no such number."""
    yield from registers(program)
    for p in program.network.populations:
        if p.neuron is not None:
            yield from _current(program, p, p.neuron)
    for probe in program.network.probes:
        if probe.reads is Reads.MEMBRANE:
            yield from _membrane(program, program.network.by_name[probe.population])


def most_weight(wiring: Wiring) -> int:
    """The largest weight mantissa, without its sign."""
    return max(abs(side) for side in wiring.weight_range())


def _weights(s: Synapse) -> Iterator[Finding]:
    if (most := most_weight(s.wiring)) > arith.WEIGHT_LIMIT:
        yield Finding(s.name, "weight mantissa", most, f"up to {arith.WEIGHT_LIMIT}")
    if not 0 <= s.exponent <= arith.EXPONENT_LIMIT:
        yield Finding(s.name, "exponent", s.exponent, f"0..{arith.EXPONENT_LIMIT}")


def _registers(p: Population, neuron: Neuron) -> Iterator[Finding]:
    limits = {"vth": (neuron.vth, arith.VTH_LIMIT), "keep": (neuron.keep, arith.KEEP_ALL), "keep_u": (neuron.keep_u, arith.KEEP_ALL)}
    for name, (register, most) in limits.items():
        found = numbers(register)
        if found.min(initial=0) < 0 or found.max(initial=0) > most:
            low, high = found.min(), found.max()
            yield Finding(p.name, name, int(low) if low == high else f"{low}..{high}", f"0..{most}")
    if neuron.bias is not None:
        mantissa = numbers(neuron.bias.mantissa)
        most_bias = max(-int(mantissa.min(initial=0)), int(mantissa.max(initial=0)))  # int64 has no 2^63
        if most_bias > arith.BIAS_MANTISSA_LIMIT or not 0 <= neuron.bias.exponent <= arith.BIAS_EXPONENT_LIMIT:
            allowed = f"up to {arith.BIAS_MANTISSA_LIMIT} << 0..{arith.BIAS_EXPONENT_LIMIT}"
            yield Finding(p.name, "bias", f"{most_bias} << {neuron.bias.exponent}", allowed)


def _current(program: Scheduled, p: Population, neuron: Neuron) -> Iterator[Finding]:
    """u is at most the sum of all its past, 64 * bound / (1 - keep_u/4096), and of no more steps than it lives; one input alone must fit too."""
    if isinstance(neuron.keep_u, Values):
        high, low = each_bounds(program.network, p.name)
        keep = np.broadcast_to(neuron.keep_u.each(p.grid), high.shape)
    else:
        high, low = (np.array([side]) for side in program.network.input_bounds(p.name))
        keep = np.array([neuron.keep_u])
    worst, allowed = np.where(high >= -low, high, low), _most_input(program, neuron, keep)
    beyond = np.abs(worst) - allowed
    if (beyond > 0).any():
        n = int(beyond.argmax())
        what = f"the most synaptic input that spikes can bring{_into(keep[n])}"
        yield Finding(p.name, what, int(worst[n]), _fits(program, worst[n], allowed[n], keep[n]))


def each_bounds(network: Network, target: str) -> tuple[Ints, Ints]:
    """(largest, smallest) synaptic input that any spikes can cause in each neuron: `Network.input_bounds` of each by itself."""
    high, low = np.zeros((2, network.by_name[target].size), np.int64)
    for s in network.inputs(target):
        weights = s.wiring.csr(*network.grids(s))
        high += sums(weights.maximum(0)) << s.exponent
        low += sums(weights.minimum(0)) << s.exponent
    return high, low


def sums(weights: Any) -> Ints:
    """(rows,) of a sparse matrix."""
    return np.asarray(weights.sum(1, dtype=np.int64)).ravel()


def _most_input(program: Scheduled, neuron: Neuron, keep: Ints) -> Ints:
    """The most input in each step that never makes a current wrap."""
    leaks = (arith.A_LIMIT - 1) * (arith.KEEP_ALL - keep) // arith.KEEP_ALL
    return np.where(keep < arith.KEEP_ALL, leaks, (arith.A_LIMIT - 1) // _lives(program, neuron))


def _into(keep: int) -> str:
    return f" into a current that keeps {keep}/4096 a step" if keep else ""


def _fits(program: Scheduled, worst: int, allowed: int, keep: int) -> str:
    """What input would be allowed, and where a current is kept, for how long it could be with this one."""
    most = arith.KEEP_ALL - -(-abs(int(worst)) * arith.KEEP_ALL // (arith.A_LIMIT - 1))
    if not keep or most <= 0:
        return f"{-allowed}..{allowed}"
    windows = -1 / math.log(most / arith.KEEP_ALL) / program.timing.period
    what = "tokens" if isinstance(program.timing, Stream) else "windows"
    return f"{-allowed}..{allowed}; with this input keep_u up to {most}, a time constant of {windows:.3g} {what}"


def _lives(program: Scheduled, neuron: Neuron) -> int:
    """Steps between two times that u and v are cleared."""
    timing = program.timing
    if neuron.resets is Resets.WINDOW or (neuron.resets is Resets.SEQUENCE and isinstance(timing, Windows)):
        return timing.period
    return timing.period * timing.slot if neuron.resets is Resets.SEQUENCE and isinstance(timing, Stream) and timing.slot else _LONG


def _membrane(program: Scheduled, p: Population) -> Iterator[Finding]:
    """A membrane that is read must neither reach its threshold nor saturate."""
    assert p.neuron is not None
    steps, vth = _lives(program, p.neuron), int(numbers(p.neuron.vth).min())
    lasting = f"in {steps} steps" if steps < _LONG else "in a stream without resets"
    for most, limit, what in zip(_gathered(program, p, p.neuron, steps), (vth, arith.V_LIMIT // arith.ONE), ("fire", "saturate")):
        if most > limit:
            yield Finding(p.name, f"what spikes can gather {lasting} in a membrane that is read", most, f"up to {limit}, not to {what}")


def _gathered(program: Scheduled, p: Population, neuron: Neuron, steps: int) -> tuple[int, int]:
    """(most above 0, most below it) of a membrane after so many steps, in units: what leaks is a geometric series, of no more steps than these."""
    high, low = program.network.input_bounds(p.name)
    bias = np.zeros(1, np.int64) if neuron.bias is None else numbers(neuron.bias.mantissa) << neuron.bias.exponent
    keep_u, keep = (int(numbers(register).max(initial=0)) for register in (neuron.keep_u, neuron.keep))
    sides = ((high, int(bias.max(initial=0))), (-low, int(-bias.min(initial=0))))
    above, below = (_lasting(_lasting(total, keep_u, steps) + -(-max(more, 0) // arith.ONE), keep, steps) for total, more in sides)
    return above, below


def _lasting(each: int, keep: int, steps: int) -> int:
    """The most that so much a step adds up to where keep/4096 of it is left in a step."""
    leaks = -(-each * arith.KEEP_ALL // (arith.KEEP_ALL - keep)) if keep < arith.KEEP_ALL else each * steps
    return min(leaks, each * steps)


def forgets(program: Scheduled, p: Population) -> bool:
    """Whether nothing of one step is left in the next: no current is kept, and no membrane that any input can make is more than leaks to 0."""
    assert p.neuron is not None
    high, low = program.network.input_bounds(p.name)
    bias = 0 if p.neuron.bias is None else int(np.abs(numbers(p.neuron.bias.mantissa)).max(initial=0)) << p.neuron.bias.exponent
    most = min(max(high, -low) * arith.ONE + bias, arith.V_LIMIT)
    return not numbers(p.neuron.keep_u).any() and not most * int(numbers(p.neuron.keep).max(initial=0)) >> 12


def bounded(program: Scheduled, p: Population) -> bool:
    """Whether no input can drive a membrane without memory in its current to its limit within a window."""
    assert p.neuron is not None
    high, low = program.network.input_bounds(p.name)
    bias = 0 if p.neuron.bias is None else int(np.abs(numbers(p.neuron.bias.mantissa)).max(initial=0)) << p.neuron.bias.exponent
    keep, worst = int(numbers(p.neuron.keep).max()), 0
    for _ in range(program.timing.period):
        worst = (worst * keep >> 12) + max(high, -low) * arith.ONE + bias
    return worst <= arith.V_LIMIT
