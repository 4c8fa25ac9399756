"""What no input may do, asked of a program: the same that the compiler's prove-ranges proved of the graph that it was made from."""

from __future__ import annotations

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.errors import RangeError
from tritspike.runtime.host.program import Program
from tritspike.runtime.program import READOUT, SOURCE, Population


def require_ranges(program: Program) -> None:
    """Raise `RangeError` where some input could wrap an accumulator, which Lava does in silence, or make a readout fire."""
    for p in program.populations:
        if p.role != SOURCE:
            require_range(program, p)


def require_range(program: Program, p: Population) -> None:
    """The same of one population."""
    high, low = program.input_bounds(p.name)
    worst = max(high, -low)
    if worst >= arith.A_LIMIT:
        raise RangeError(f"{p.name}: synaptic input can reach {worst} at one neuron, allowed below {arith.A_LIMIT}")
    if p.role == READOUT and worst * program.steps > p.vth:
        raise RangeError(f"{p.name}: its membrane can reach 64 * {worst * program.steps} in {program.steps} steps, allowed up to 64 * {p.vth}")


def bounded(program: Program, p: Population) -> bool:
    """Whether no input can drive the membrane to its limit within a window."""
    high, low = program.input_bounds(p.name)
    bias = int(np.abs(p.bias.values()).max(initial=0)) if p.bias is not None else 0
    worst = 0
    for _ in range(program.steps):
        worst = (worst * p.keep >> 12) + max(high, -low) * arith.ONE + bias
    return worst <= arith.V_LIMIT
