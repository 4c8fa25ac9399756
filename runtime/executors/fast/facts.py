"""What a population provably does, from its registers, wirings and bounds alone: never from its name.

Time is not asked about: `aligned` holds of the whole program, so what a population hears in its window was fired in the windows of those it hears.
"""

from __future__ import annotations

import numpy as np

from tritspike.runtime import arith
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.network import Network, Population, Reads, Scheduled, Synapse
from tritspike.runtime.network.neuron import Neuron, Resets, numbers
from tritspike.runtime.network.wiring import Join
from tritspike.runtime.network.wiring.maps import Follow, Map
from tritspike.runtime.network.wiring.tables import each_meets_one, parts


def aligned(program: Scheduled) -> bool:
    """Whether every synapse spans the one step by which its ends' windows differ: nothing of another window is heard."""
    at = program.latency
    return all(at[s.target] == at[s.source] + 1 for s in program.network.synapses)


def follows(read: Map, source: Grid, target: Grid) -> bool:
    """Whether each coordinate of the source is the target's of that name, whatever else the target has."""
    own = grids.names(source)
    return read == {name: Follow(name) for name in own} and set(own) <= set(grids.names(target))


def is_identity(network: Network, s: Synapse) -> bool:
    """Whether each neuron of the target hears the one of the source that has its place."""
    source, target = network.grids(s)
    return isinstance(s.wiring, Join) and source == target and follows(s.wiring.read, source, target)


def unbiased(neuron: Neuron) -> bool:
    """Whether nothing enters the membrane but synaptic input."""
    return neuron.bias is None or not numbers(neuron.bias.mantissa).any()


def memoryless_current(neuron: Neuron) -> bool:
    """Whether u is this step's synaptic input alone."""
    return not numbers(neuron.keep_u).any()


def shared(neuron: Neuron) -> tuple[int, int] | None:
    """(keep, vth) where all neurons of a population have the same; None where they differ."""
    return (neuron.keep, neuron.vth) if isinstance(neuron.keep, int) and isinstance(neuron.vth, int) else None


def repeats(network: Network, p: Population) -> str | None:
    """The population that `p` repeats a step later and never else; None where that is not proved.

    One unbiased input of weight w > vth from each neuron's like: with a spike v = 64 w > 64 vth, so it fires and is reset; without, v = 0
    stays 0. Leak and resets never meet a membrane that is not 0.
    """
    inputs = network.inputs(p.name)
    if p.neuron is None or len(inputs) != 1 or not unbiased(p.neuron) or not memoryless_current(p.neuron):
        return None
    registers = shared(p.neuron)
    proved = registers and is_identity(network, inputs[0]) and weight(inputs[0]) > registers[1] << arith.INPUT_SHIFT
    return inputs[0].source if proved else None


def coincides(network: Network, p: Population) -> bool:
    """Whether it fires exactly where both of its inputs do, at the same step.

    Two unbiased inputs of one synapse each, of weights a, b > 0 with a, b <= vth < a + b: both together fire and reset, one alone does not;
    what that leaves, 64 a, must leak to exactly 0 before the next input comes.
    """
    inputs, registers = network.inputs(p.name), None if p.neuron is None else shared(p.neuron)
    if p.neuron is None or registers is None or len(inputs) != 2 or not unbiased(p.neuron) or not memoryless_current(p.neuron):
        return False
    if not all(_one_each(network, s) for s in inputs):
        return False
    first, second = (weight(s) for s in inputs)
    keep, vth, most = registers[0], registers[1] << arith.INPUT_SHIFT, max(first, second)
    return min(first, second) > 0 and most <= vth < first + second and not int(arith.decay(np.array(most), keep))


def _one_each(network: Network, s: Synapse) -> bool:
    if not isinstance(s.wiring, Join):
        return False
    return each_meets_one(parts(s.wiring.read, *network.grids(s), ()))


def is_read(network: Network, p: Population) -> bool:
    """Whether its membranes are read, so that it never fires (`runtime/network/ranges.py`)."""
    return any(probe.population == p.name and probe.reads is Reads.MEMBRANE for probe in network.probes)


def window_local(neuron: Neuron) -> bool:
    """Whether nothing of one window is left in u and v when the next one comes."""
    return neuron.resets is Resets.WINDOW


def weight(s: Synapse) -> int:
    """What one spike adds to a membrane, of a synapse whose weights are all the same."""
    assert isinstance(s.wiring, Join)
    return s.wiring.weight << (s.exponent + arith.INPUT_SHIFT)
