"""Every register of a program, changed by one: (what was changed, the changed program)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.host.program import Program
from tritspike.runtime.program import SOURCE, Bias, Population, Synapse
from tritspike.runtime.wiring import Along, Matrix, Pool, Shift


def tampered(program: Program) -> Iterator[tuple[str, Program]]:
    for n, p in enumerate(program.populations):
        for what, changed in _population(program, p):
            yield f"{p.name}.{what}", replace(program, populations=_with(program.populations, n, changed))
    for n, s in enumerate(program.synapses):
        for what, changed in _synapse(s):
            yield f"{s.name}.{what}", replace(program, synapses=_with(program.synapses, n, changed))


def _with(records, n, changed):
    return (*records[:n], changed, *records[n + 1 :])


def _next(value: int, limit: int) -> int:
    return value + 1 if value < limit else value - 1


def _population(program: Program, p: Population) -> Iterator[tuple[str, Population]]:
    yield "latency", replace(p, latency=p.latency + 1)
    yield "keep", replace(p, keep=_next(p.keep, arith.KEEP_ALL))
    yield "vth", replace(p, vth=_next(p.vth, arith.VTH_LIMIT))
    yield "resets", replace(p, resets=not p.resets)
    yield "stages", replace(p, stages=p.stages + 1)
    if p.bias is not None:
        yield "bias exponent", replace(p, bias=Bias(p.bias.mantissa, _next(p.bias.exponent, 7)))
        yield "bias mantissa", replace(p, bias=Bias(_one_more(p.bias.mantissa, arith.BIAS_MANTISSA_LIMIT), p.bias.exponent))
    elif p.axes[0] in "ic" and p.axes != "i" and p.role != SOURCE:
        channels = program.dims.size(p.axes.removeprefix("i"))
        yield "bias", replace(p, bias=Bias(_one_more(np.zeros(channels, np.int64), 1), 0))


def _one_more(values: np.ndarray, limit: int) -> np.ndarray:
    """The first of them, or the last where it is alone in having the most to say, is one more."""
    out = values.copy()
    out[0] = _next(int(out[0]), limit)
    return out


def _first_row_doubled(codes: np.ndarray) -> np.ndarray:
    out = codes.copy()
    out[0] *= 2 if np.abs(codes[0]).max() < 64 else 1
    return out


def _synapse(s: Synapse) -> Iterator[tuple[str, Synapse]]:
    yield "exponent", replace(s, exponent=_next(s.exponent, arith.EXPONENT_LIMIT))
    yield "source_stage", replace(s, source_stage=s.source_stage + 1)
    yield from ((what, replace(s, wiring=wiring)) for what, wiring in _wiring(s.wiring))


def _wiring(w) -> Iterator[tuple[str, object]]:
    if isinstance(w, Along):
        yield "mantissa", replace(w, mantissa=_next(w.mantissa, arith.WEIGHT_LIMIT))
        yield "mantissa of 0", replace(w, mantissa=0)
        yield "axes", replace(w, source=w.source.translate(str.maketrans("ij", "ji")))
    if isinstance(w, Shift):
        yield "mantissa", replace(w, mantissa=_next(w.mantissa, arith.WEIGHT_LIMIT))
        yield "too weak", replace(w, mantissa=1)
        yield "shift stages", replace(w, stages=w.stages + 1)
    if isinstance(w, Matrix | Pool):
        codes = w.codes.copy()
        codes[0, 0] = 1 if codes[0, 0] < 1 else -1
        yield "code", replace(w, codes=codes)
    if isinstance(w, Matrix):
        yield "row of doubled codes", replace(w, codes=_first_row_doubled(w.codes), gain=np.where(np.arange(len(w.gain)) == 0, w.gain // 2, w.gain))
        yield "gain", replace(w, gain=_one_more(w.gain, arith.WEIGHT_LIMIT))
        yield "offset", replace(w, offset=w.offset + 1)
    if isinstance(w, Pool):
        yield "first", replace(w, first=not w.first)
