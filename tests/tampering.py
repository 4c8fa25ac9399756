"""Every register of a program, changed by one: (what was changed, the changed program)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Population, Synapse
from tritspike.runtime.network.neuron import Bias, Neuron, Register, Resets, Values
from tritspike.runtime.network.wiring import Dense, Join
from tritspike.runtime.network.wiring.maps import SUM, At, Follow, Map


def tampered(program: Program) -> Iterator[tuple[str, Program]]:
    scheduled, network = program.scheduled, program.network
    for name, at in scheduled.latency.items():
        yield f"{name}.latency", replace(program, scheduled=replace(scheduled, latency={**scheduled.latency, name: at + 1}))
    for n, p in enumerate(network.populations):
        for what, neuron in _neuron(p, p.neuron) if p.neuron else ():
            yield f"{p.name}.{what}", _changed(program, populations=_with(network.populations, n, replace(p, neuron=neuron)))
    for n, s in enumerate(network.synapses):
        for what, synapse in _synapse(program, s):
            yield f"{s.name}.{what}", _changed(program, synapses=_with(network.synapses, n, synapse))


def _changed(program, **parts):
    return replace(program, scheduled=replace(program.scheduled, network=replace(program.network, **parts)))


def _with(records, n, changed):
    return (*records[:n], changed, *records[n + 1 :])


def _next(value: int, limit: int) -> int:
    return value + 1 if value < limit else value - 1


def _one_more(register: Register, limit: int) -> Register:
    """The first of them, or the last where it is alone in having the most to say, is one more."""
    if not isinstance(register, Values):
        return _next(register, limit)
    out = register.numbers.copy()
    out.flat[0] = _next(int(out.flat[0]), limit)
    return replace(register, numbers=out)


def _neuron(p: Population, neuron: Neuron) -> Iterator[tuple[str, Neuron]]:
    yield "keep", replace(neuron, keep=_one_more(neuron.keep, arith.KEEP_ALL))
    yield "vth", replace(neuron, vth=_one_more(neuron.vth, arith.VTH_LIMIT))
    yield "keep_u", replace(neuron, keep_u=_one_more(neuron.keep_u, arith.KEEP_ALL))
    yield "resets", replace(neuron, resets=Resets.WINDOW if neuron.resets is Resets.NEVER else Resets.NEVER)
    if neuron.bias is not None:
        yield "bias exponent", replace(neuron, bias=replace(neuron.bias, exponent=_next(neuron.bias.exponent, arith.BIAS_EXPONENT_LIMIT)))
        yield "bias mantissa", replace(neuron, bias=replace(neuron.bias, mantissa=_one_more(neuron.bias.mantissa, arith.BIAS_MANTISSA_LIMIT)))
    elif last := [axis for axis in p.grid if isinstance(axis, Axis) and not axis.grows][-1:]:
        yield "bias", replace(neuron, bias=Bias(_one_more(Values((last[0].name,), np.zeros(last[0].size, np.int64)), 1)))


def _synapse(program: Program, s: Synapse) -> Iterator[tuple[str, Synapse]]:
    yield "exponent", replace(s, exponent=_next(s.exponent, arith.EXPONENT_LIMIT))
    for source in _beside(program, s.source):
        yield "source", replace(s, source=source)
    yield from ((what, replace(s, wiring=wiring)) for what, wiring in _wiring(s.wiring))


def _beside(program: Program, name: str) -> list[str]:
    """Populations of the same grid that fire at the same step, as relays of different sources do, and the stations before and behind a relay."""
    network, at = program.network, program.scheduled.latency
    stem = name.rsplit(".relay.", 1)[0]
    alike = [p.name for p in network.populations if p.grid == network.by_name[name].grid and p.name != name]
    return [other for other in alike if at[other] == at[name] or (other.rsplit(".relay.", 1)[0] == stem and abs(at[other] - at[name]) == 1)]


def _wiring(w) -> Iterator[tuple[str, object]]:
    if isinstance(w, Join):
        yield "weight", replace(w, weight=_next(w.weight, arith.WEIGHT_LIMIT))
        yield "weight of 1", replace(w, weight=1)
        yield "weight of 0", replace(w, weight=0)
        yield from (("map", replace(w, read=read)) for read in _maps(w.read))
    if isinstance(w, Dense):
        codes = w.codes.copy()
        codes[0, 0] = 1 if codes[0, 0] < 1 else -1
        yield "code", replace(w, codes=codes)
        first = np.arange(len(w.gain)) == 0
        yield "row of doubled codes", replace(w, codes=_first_row_doubled(w.codes), gain=np.where(first, w.gain // 2, w.gain))
        yield "gain", replace(w, gain=np.where(first, _next(int(w.gain[0]), arith.WEIGHT_LIMIT), w.gain))
        yield from (("map", replace(w, read=read)) for read in _maps(w.read))


def _first_row_doubled(codes: np.ndarray) -> np.ndarray:
    out = codes.copy()
    out[0] *= 2 if np.abs(codes[0]).max() < 64 else 1
    return out


def _maps(read: Map) -> Iterator[Map]:
    """One coordinate read otherwise, or two the other way round."""
    for name, rule in read.items():
        yield {**read, name: replace(rule, offset=rule.offset + 1) if isinstance(rule, Follow) else At(0) if rule is SUM else SUM}
    for a, b in itertools.combinations(read, 2):
        yield {**read, a: read[b], b: read[a]}
