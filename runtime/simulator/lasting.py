"""Compiled kernels of streams: state that lasts from token to token, and what is read of one. `plain.py` has them in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.runtime.arith import V_LIMIT
from tritspike.runtime.simulator.cache import kernel
from tritspike.runtime.simulator.kernels import LANES, ROWS, SPIKES
from tritspike.runtime.simulator.lanes import above, choose, clamp, load_lanes, splat, store
from tritspike.runtime.simulator.timelines import TOTAL, kept


@kernel(f"void({SPIKES}, int64, {ROWS}, {LANES}, {LANES}, {LANES}, {LANES}, {LANES}, {LANES}, {TOTAL}, {TOTAL}, {SPIKES})")
def last(x: Any, first: int, starts: Any, weight: Any, active: Any, keep_u: Any, keep: Any, bias: Any, vth: Any, u: Any, v: Any, out: Any) -> None:
    """u = kept(u) + weight * x + active, the last two in steps that x has; v = saturate(kept(v) + u + bias); out = v > vth, v = 0 where it is.

    x: (rows, steps with input, words), one neuron to one from word `first`; out: (rows, all steps, words). starts: (sequences + 1,) rows, one after
    another in time. Registers: (neurons in whole words), in membrane units. u, v: (sequences, neurons in whole words), as they are before and,
    then, after; no u may leave its register.
    """
    heard, width = x.shape[1], u.shape[1]
    for sequence in range(len(starts) - 1):
        for w in range(out.shape[2]):
            place = w * 64
            current, membrane = load_lanes(u, sequence * width + place), load_lanes(v, sequence * width + place)
            for row in range(starts[sequence], starts[sequence + 1]):
                for t in range(out.shape[1]):
                    current = kept(current, load_lanes(keep_u, place))
                    if t < heard:
                        now = choose(x[row, t, first + w], load_lanes(weight, place), splat(np.int32(0)))
                        current = current + now + load_lanes(active, place)
                    before = clamp(kept(membrane, load_lanes(keep, place)) + current + load_lanes(bias, place), np.int32(V_LIMIT))
                    fired = above(before, load_lanes(vth, place))
                    membrane = choose(fired, splat(np.int32(0)), before)
                    out[row, t, w] = fired
            store(u, sequence * width + place, current)
            store(v, sequence * width + place, membrane)


@kernel(f"void({SPIKES}, int64, int64[:,::1])")
def count(x: Any, first: int, out: Any) -> None:
    """out (rows, neurons) = how often each neuron spikes in a row's steps. x: (rows, steps, words), the neurons from word `first` on."""
    one, size = np.uint64(1), out.shape[1]
    out[:] = 0
    for row in range(out.shape[0]):
        for place in range(0, size, 64):
            for t in range(x.shape[1]):
                word = x[row, t, first + (place >> 6)]
                for n in range(min(64, size - place)):
                    out[row, place + n] += np.int64((word >> np.uint64(n)) & one)
