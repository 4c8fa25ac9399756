"""The chip's integer arithmetic, each rule once. Used by the simulators, the compiler's proofs and integer-mode training.

Units: synaptic input `a` is an integer; a membrane `v` counts 1/64 of it (Loihi shifts input left by 6).
Measured against lava-nc 0.10.0 `fixed_pt` and a recording of a Loihi 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

INPUT_SHIFT = 6  # a_in << 6 enters the current
ONE = 1 << INPUT_SHIFT  # membrane units in one synaptic unit
KEEP_ALL = 4096  # 12-bit decay: keep/4096 of the membrane survives a step
V_LIMIT = (1 << 23) - 1  # v saturates here; u would wrap just above
A_LIMIT = 1 << 17  # |a_in| below this can never wrap u
VTH_LIMIT = (1 << 17) - 1
BIAS_MANTISSA_LIMIT = 4095  # 12 bits and sign, 0.10.0 wraps silently beyond
BIAS_EXPONENT_LIMIT = 7
WEIGHT_LIMIT = 127  # 8 bits and sign, lowest bit lost to mixed-sign storage
EXPONENT_LIMIT = 7  # synaptic weight exponent; one more is spent on the doubled storage


def decay(v: Ints, keep: Ints | int) -> Ints:
    """v * keep / 4096, truncated toward zero."""
    return np.sign(v) * ((np.abs(v) * keep) >> 12)


def saturate(v: Ints) -> Ints:
    """v clipped to the membrane register."""
    return np.clip(v, -V_LIMIT, V_LIMIT)


def lif_step(v: Ints, a: Ints, bias: Ints | int, keep: int, vth: int) -> tuple[Ints, NDArray[np.bool_], Ints]:
    """One step of the stock LIF without current memory (du=4095): (v after reset, spikes, v before reset).

    v = saturate(decay(v, keep) + 64 * a + bias);   s = v > 64 * vth;   v = 0 where s
    """
    before = saturate(decay(v, keep) + (a << INPUT_SHIFT) + bias)
    spikes = before > (vth << INPUT_SHIFT)
    return np.where(spikes, 0, before), spikes, before


def lif_scan(a: Ints, bias: Ints | int, keep: int, vth: int) -> NDArray[np.bool_]:
    """Spikes of one sample window from rest: `a` is (steps, ...), and so is the result."""
    v = np.zeros(a.shape[1:], np.int64)
    out = np.empty(a.shape, np.bool_)
    for t, now in enumerate(a):
        v, out[t], _ = lif_step(v, now, bias, keep, vth)
    return out


def bias_exponent(values: Ints) -> int | None:
    """The smallest e at which a population's register holds all biases: multiples of 2^e, mantissas up to 4095; None where none does."""
    most = int(np.abs(values).max(initial=0))
    for e in range(BIAS_EXPONENT_LIMIT + 1):
        if most >> e <= BIAS_MANTISSA_LIMIT and not (values & ((1 << e) - 1)).any():
            return e
    return None


def mantissa_exponent(value: int, limit: int = WEIGHT_LIMIT, exponents: int = EXPONENT_LIMIT) -> tuple[int, int]:
    """The nearest m << e with |m| <= limit and the smallest e: (m, e). Raises OverflowError beyond `exponents`."""
    for e in range(exponents + 1):
        m = (abs(value) + ((1 << e) >> 1)) >> e  # round half up in magnitude
        if m <= limit:
            return (m if value >= 0 else -m), e
    raise OverflowError(f"{value} is beyond {limit} << {exponents}")
