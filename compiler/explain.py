"""Which limit bound each population's scale: how much further every weight, bias and threshold could grow together."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from tritspike.runtime import arith
from tritspike.runtime.network.network import Network, Population, Reads
from tritspike.runtime.network.neuron import RELAY, numbers
from tritspike.runtime.network.ranges import most_weight


def headroom(network: Network, p: Population) -> dict[str, float]:
    """By limit: limit / value, so 1.0 is at the limit. The smallest is what bound the scale that the checkpoint chose."""
    assert p.neuron is not None
    worst = max(*map(abs, network.input_bounds(p.name)), 1)
    room = {"threshold": arith.VTH_LIMIT / max(int(numbers(p.neuron.vth).max()), 1), "accumulator": (arith.A_LIMIT - 1) / worst}
    if p.neuron.bias is not None:
        most = int(np.abs(numbers(p.neuron.bias.mantissa)).max()) << p.neuron.bias.exponent
        room["bias"] = (arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT) / max(most, 1)
    for s in network.inputs(p.name):
        shared = s.wiring.shared is not None
        limit = arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT if shared else arith.WEIGHT_LIMIT
        room[f"weight from {s.source}" if shared else "row gain"] = limit / max(most_weight(s.wiring) << (s.exponent if shared else 0), 1)
    return room


def table(network: Network) -> Table:
    """One row a population with a scale of its own: its threshold, worst-case input, and the limit nearest to binding."""
    out = Table(title="what bound each population's scale (1.00 = at the limit)")
    for column in ("population", "vth", "input from", "to", "bound by", "room", "next"):
        out.add_column(column, justify="left" if column in ("population", "bound by", "next") else "right")
    read = {probe.population for probe in network.probes if probe.reads is Reads.MEMBRANE}
    for p in network.populations:
        if p.neuron is not None and p.neuron is not RELAY and p.name not in read:
            (first, room), (second, more), *_ = sorted(headroom(network, p).items(), key=lambda item: item[1])
            high, low = network.input_bounds(p.name)
            vth = numbers(p.neuron.vth)
            out.add_row(p.name, str(vth.max()), str(low), str(high), first, f"{room:.2f}", f"{second} {more:.2f}")
    return out
