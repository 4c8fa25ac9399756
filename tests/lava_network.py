"""Lava's own model classes driven in one process, without its runtime: each process model gets ports that are plain arrays.

The plan is the product's; so are the constructor arguments, through the very processes that `runtime.lava.scheduled.processes` makes.
"""

from __future__ import annotations

import numpy as np
from lava_inline import _neuron_model, _synapse_model

from tritspike.runtime.lava.scheduled.plan import Plan, plan
from tritspike.runtime.lava.scheduled.processes import neurons, synapses
from tritspike.runtime.network.literal import Outcome
from tritspike.runtime.network.network import Inputs, Reads, Scheduled


def run(program: Scheduled, inputs: Inputs) -> Outcome:
    """As `literal.run` with everything recorded, and nothing of it checked."""
    planned, windows, period = plan(program), len(inputs), program.timing.period
    spikes, membranes = _history(program, planned, inputs, windows * period + program.depth)
    cut = {name: [_cut(program, planned, name, line, windows) for line in (spikes, membranes)] for name in planned.parts}
    read = {p.name: cut[p.population][0].sum(1) if p.reads is Reads.COUNT else cut[p.population][1][:, period - 1] for p in program.network.probes}
    return Outcome(read, {name: found.astype(bool) for name, (found, _) in cut.items()})


def _history(program, planned: Plan, inputs, steps):
    """(steps, neurons) spikes and membranes of each group."""
    chip = {n: _neuron_model(neurons(g), g.size) for n, g in enumerate(planned.groups) if g.registers is not None}
    links = [(k, _synapse_model(synapses(k), k)) for k in planned.links]
    spikes, membranes = ([np.zeros((steps, g.size), np.int64) for g in planned.groups] for _ in range(2))
    for port in program.network.ports:
        played = inputs.played(port.plays, program.network.by_name[port.population].grid)
        for n, window in enumerate(played):
            at = n * program.timing.period
            spikes[planned.parts[port.population][0].group][at : at + len(window)] = window
    for at in range(steps):
        heard = [np.zeros(g.size, np.int32) for g in planned.groups]
        for link, model in links:
            heard[link.target] += model.a_buff
        for n, model in chip.items():
            model.time_step, model.a_in.data = at + 1, heard[n]
            model.run_spk()
            spikes[n][at], membranes[n][at] = model.s_out.data, model.v
        for link, model in links:
            model.s_in.data = spikes[link.source][at].astype(np.int32)
            model.run_spk()
    return spikes, membranes


def _cut(program, planned, name, line, windows):
    """(windows, steps, neurons) of a population."""
    steps, latency = windows * program.timing.period, program.latency[name]
    found = np.zeros((steps, program.network.by_name[name].size), np.int64)
    for part in planned.parts[name]:
        found[:, part.neurons] = line[part.group][latency : latency + steps, part.seats]
    return found.reshape(windows, program.timing.period, -1)
