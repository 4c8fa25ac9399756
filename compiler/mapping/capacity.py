"""Whether a board has room, before anything is cut: neurons, synapses and bits in all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from tritspike.compiler.errors import DoesNotFit
from tritspike.hw_profiles.profile import HardwareProfile, boards
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.network import Network, Population, Reads, Scheduled
from tritspike.runtime.network.neuron import Neuron, Resets, numbers
from tritspike.runtime.network.ranges import most_weight

Check = tuple[str, int, int]  # what, needed or held, available or allowed


def require_room(program: Scheduled, profile: HardwareProfile) -> None:
    """Raises `DoesNotFit` naming resource, need and supply, and a way out."""
    for what, needed, available in _needs(program.network, profile):
        if needed > available:
            raise DoesNotFit(f"{profile.name}: {needed} {what} needed, {available} available", _way_out(program.network, profile))
    for p in program.network.populations:
        for what, value, limit in _checks(program, profile, p):
            if value > limit:
                raise DoesNotFit(f"{profile.name}: {p.name}: {what} is {value}, the chip holds up to {limit}")


def _needs(network: Network, profile: HardwareProfile) -> list[Check]:
    """(resource, needed, available)."""
    synapses = sum(s.wiring.count(*network.grids(s)) for s in network.synapses)
    return [("neurons", network.neurons(), profile.neurons), ("synapses", synapses, profile.synapses)]


def _way_out(network: Network, profile: HardwareProfile) -> str:
    """The largest length that fits (every need grows with length, so halving finds it), and the smallest known board with enough in all."""
    lengths = range(1, _length(network))
    fitting = bisect_left(lengths, True, key=lambda n: not _suffices(network.at_length(n), profile))
    larger = next((f"--profile {b.name}" for b in boards() if _suffices(network, b)), "a larger profile")
    return f"--length {fitting} fits, or {larger}" if fitting else f"a smaller model or {larger}"


def _suffices(network: Network, board: HardwareProfile) -> bool:
    return all(needed <= available for _, needed, available in _needs(network, board))


def _length(network: Network) -> int:
    """Of the axes that grow with a text; 0 where none does."""
    sizes = [size for p in network.populations for name, size in grids.extents(p.grid).items() if name in _growing(p)]
    return max(sizes, default=0)


def _growing(p: Population) -> set[str]:
    cut = grids.extents(grids.at_length(p.grid, 0))
    return {name for name, size in grids.extents(p.grid).items() if cut[name] != size}


def _checks(program: Scheduled, profile: HardwareProfile, p: Population) -> Iterator[Check]:
    """(what, value, limit) of every register and of what enters them."""
    if p.neuron is None:
        return
    if any(probe.population == p.name and probe.reads is Reads.MEMBRANE for probe in program.network.probes):
        yield _unreached(program, profile, p)
    else:
        yield "vth", int(numbers(p.neuron.vth).max(initial=0)), (1 << profile.vth_bits) - 1
    yield from _registers(profile, p.neuron)
    for s in program.network.inputs(p.name):
        yield f"weight from {s.source}", most_weight(s.wiring), (1 << (profile.weight_bits - 1)) - 1
        yield f"weight exponent from {s.source}", s.exponent, profile.weight_exponent_max


def _unreached(program: Scheduled, profile: HardwareProfile, p: Population) -> Check:
    """A threshold that a membrane which is read does not reach is as high as the chip has one."""
    assert p.neuron is not None
    steps = program.timing.period if p.neuron.resets is Resets.WINDOW else 1  # of others `ranges.py` has judged
    return "vth that no input reaches", program.network.input_bounds(p.name)[0] * steps, (1 << profile.vth_bits) - 1


def _registers(profile: HardwareProfile, neuron: Neuron) -> Iterator[Check]:
    for name, register in (("keep", neuron.keep), ("keep_u", neuron.keep_u)):
        yield name, int(numbers(register).max(initial=0)), 1 << profile.decay_bits
    if neuron.bias is not None:
        yield "bias mantissa", int(np.abs(numbers(neuron.bias.mantissa)).max(initial=0)), (1 << profile.bias_mantissa_bits) - 1
        yield "bias exponent", neuron.bias.exponent, profile.bias_exponent_max
