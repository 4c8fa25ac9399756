"""Whether records hold what their fields say: whoever writes one by hand can put anything there, and so can a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis, Pairs
from tritspike.runtime.network.network import Network, Population, Reads, Synapse
from tritspike.runtime.network.neuron import Bias, Neuron, Resets, Values
from tritspike.runtime.network.wiring import judged
from tritspike.runtime.network.wiring.judged import is_whole

LONGEST_NAME = 500  # characters; a synapse is named after both its ends
_MOST_EXPONENT = 62  # a number shifted by it is computed with at once; what a register holds is `ranges.py`'s to say
_WHOLE = "a whole number"


def is_name(found: Any) -> bool:
    """Whether it can name something in files and in one line of text."""
    return isinstance(found, str) and 0 < len(found) <= LONGEST_NAME and found.isprintable()


def _is_exponent(found: Any) -> bool:
    return is_whole(found) and 0 <= found <= _MOST_EXPONENT


def findings(network: Network, floats: bool = False) -> Iterator[Finding]:
    """What is no record of its kind. floats: of a network that is yet to be rounded, whose registers and weights may be fractions."""
    yield from _names(network)
    for p in network.populations:
        yield from _grid(p)
        if p.neuron is not None:
            yield from _neuron(p, p.neuron, floats)
    for s in network.synapses:
        yield from _synapse(s, floats)
    for probe in network.probes:
        if not isinstance(probe.reads, Reads):
            yield Finding(str(probe.name), "what it reads", repr(probe.reads), "one of Reads")


def _names(network: Network) -> Iterator[Finding]:
    ends = (
        [x for s in network.synapses for x in (s.source, s.target)] + [p.population for p in network.ports] + [p.population for p in network.probes]
    )
    named = [x.name for some in (network.populations, network.synapses, network.ports, network.probes) for x in some]
    for name in (*named, *(port.plays for port in network.ports), *ends):
        if not is_name(name):
            yield Finding("network", "a name", repr(name), f"1 to {LONGEST_NAME} printable characters")


def _grid(p: Population) -> Iterator[Finding]:
    if not isinstance(p.grid, tuple) or not all(isinstance(axis, Axis | Pairs) for axis in p.grid):
        yield Finding(p.name, "grid", repr(p.grid), "a tuple of axes")
        return
    for side in grids.sides(p.grid):
        if not is_name(side.name):
            yield Finding(p.name, "an axis", repr(side.name), f"1 to {LONGEST_NAME} printable characters")
        if not is_whole(side.size):
            yield Finding(p.name, f"cells of {side.name}", repr(side.size), _WHOLE)


def _neuron(p: Population, neuron: Neuron, floats: bool) -> Iterator[Finding]:
    if not isinstance(neuron, Neuron):
        yield Finding(p.name, "neuron", repr(neuron), "a Neuron")
        return
    if not isinstance(neuron.resets, Resets):
        yield Finding(p.name, "resets", repr(neuron.resets), ", ".join(map(str, Resets)))
    registers: dict[str, Any] = {"keep": neuron.keep, "vth": neuron.vth, "keep_u": neuron.keep_u}
    if isinstance(neuron.bias, Bias):
        registers["bias"] = neuron.bias.mantissa
        if not _is_exponent(neuron.bias.exponent):
            yield Finding(p.name, "exponent of its biases", repr(neuron.bias.exponent), f"{_WHOLE} in 0..{_MOST_EXPONENT}")
    elif neuron.bias is not None:
        yield Finding(p.name, "bias", repr(neuron.bias), "a Bias")
    for what, value in registers.items():
        if not _is_register(value, floats):
            yield Finding(p.name, what, repr(value), f"{_WHOLE}, or Values")


def _is_register(value: Any, floats: bool) -> bool:
    if isinstance(value, Values):
        return isinstance(value.along, tuple) and isinstance(value.numbers, np.ndarray) and value.numbers.dtype.kind in "if"
    return is_whole(value) or (floats and isinstance(value, float))


def _synapse(s: Synapse, floats: bool) -> Iterator[Finding]:
    if not _is_exponent(s.exponent):
        yield Finding(s.name, "exponent", repr(s.exponent), f"{_WHOLE} in 0..{_MOST_EXPONENT}")
    if not is_whole(s.delay) or s.delay < 0:
        yield Finding(s.name, "delay", repr(s.delay), f"{_WHOLE}, 0 or more")
    yield from judged.forms(s.name, s.wiring, floats)
