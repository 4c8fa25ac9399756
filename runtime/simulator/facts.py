"""What a population provably does, from its registers, wirings and bounds alone: never from its name or role, which are labels.

`fast` rests on these and nothing else. Time is not asked about: every synapse of a sound program spans one step (`runtime/validation`), so what a
population hears in its window is what was fired in the windows of those it hears.
"""

from __future__ import annotations

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.program import Population, Program, Synapse
from tritspike.runtime.wiring import Along, Shift


def is_identity(program: Program, s: Synapse) -> bool:
    """Whether each neuron of the target hears the one of the source that has its place."""
    source, target = program.by_name[s.source], program.by_name[s.target]
    return isinstance(s.wiring, Along) and s.wiring.source == source.axes == target.axes


def is_mask(program: Program, s: Synapse) -> bool:
    """Whether each neuron of the target hears the one position, of a source with a neuron a position, that it is at."""
    source, target = program.by_name[s.source], program.by_name[s.target]
    return isinstance(s.wiring, Along) and s.wiring.source == source.axes == "i" and ("i" in target.axes or "p" in target.axes)


def unbiased(p: Population) -> bool:
    """Whether nothing enters the membrane but synaptic input."""
    return p.bias is None or not p.bias.mantissa.any()


def repeats(program: Program, p: Population) -> bool:
    """Whether every stage fires a step after what feeds it, and never else.

    One unbiased input of weight w > vth, and an unbroken register of such: with a spike v = 64 w > 64 vth, so it fires and is reset;
    without, v = 0 stays 0. Leak and resets never meet a membrane that is not 0.
    """
    inputs = program.inputs(p.name)
    feeds, shifts = ([s for s in inputs if isinstance(s.wiring, Shift) == shift] for shift in (False, True))
    return (
        len(feeds) == 1
        and is_identity(program, feeds[0])
        and unbiased(p)
        and bool(shifts) == (p.stages > 1)
        and all(weight(s) > p.vth << arith.INPUT_SHIFT for s in inputs)
    )


def coincides(program: Program, p: Population) -> bool:
    """Whether it fires exactly where both of its inputs do, at the same step.

    Two unbiased inputs of one synapse each, of weights a, b > 0 with a, b <= vth < a + b: both together fire and reset, one alone does not;
    what that leaves, 64 a, must leak to exactly 0 before the next input comes.
    """
    inputs = program.inputs(p.name)
    if len(inputs) != 2 or not unbiased(p) or not all(_one_each(program, s, p) for s in inputs):
        return False
    first, second = (weight(s) for s in inputs)
    vth, most = p.vth << arith.INPUT_SHIFT, max(first, second)
    return min(first, second) > 0 and most <= vth < first + second and not int(arith.decay(np.int64(most), p.keep))  # type: ignore[arg-type]


def _one_each(program: Program, s: Synapse, p: Population) -> bool:
    return isinstance(s.wiring, Along) and s.wiring.fan_in(p.axes, program.dims) == 1


def window_local(p: Population) -> bool:
    """Whether nothing of one sample is left in its membranes when the next one comes."""
    return p.resets


def weight(s: Synapse) -> int:
    """What one spike adds to a membrane, of a synapse whose weights are all the same."""
    assert isinstance(s.wiring, Along | Shift)
    return s.wiring.mantissa << (s.exponent + arith.INPUT_SHIFT)
