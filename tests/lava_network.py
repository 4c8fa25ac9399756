"""Lava's own model classes driven in one process, without its runtime: each process model gets ports that are plain arrays.

The plan is the product's; so are the constructor arguments, through the very processes that `runtime.lava.processes` makes.
"""

from __future__ import annotations

import numpy as np

from tritspike.runtime.executors.lava.plan import Plan, plan
from tritspike.runtime.executors.lava.processes import neurons, synapses
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.network import Inputs, Reads, Scheduled
from tritspike.runtime.network.outcome import Outcome

# isort: split
# after the remedy in runtime/executors/lava/stock.py, which the imports above apply
from lava.proc.lif.models import PyLifModelBitAcc, PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset
from lava.proc.sparse.models import PySparseModelBitAcc

_TYPES = {"u": np.int32, "v": np.int32, "bias_mant": np.int16, "bias_exp": np.int16}  # Lava's own; du, dv and vth it leaves as they are


class Port:
    """Holds what was sent, gives what it holds."""

    def __init__(self, size):
        self.data = np.zeros(size, np.int32)

    def send(self, data):
        self.data = np.asarray(data).astype(np.int32)

    def recv(self):
        return self.data


def model(process):
    """The model class of a LIF or LIFReset, as Lava's builder makes it."""
    found = (PyLifResetModelBitAcc if isinstance(process, LIFReset) else PyLifModelBitAcc)(process.proc_params)
    for name, kind in _TYPES.items():
        setattr(found, name, np.array(np.broadcast_to(getattr(process, name).init, process.v.shape), kind))
    for name in ("du", "dv", "vth"):
        setattr(found, name, getattr(process, name).init)
    found.a_in, found.s_out = Port(process.v.shape), Port(process.v.shape)
    return found


def _synapse_model(link):
    process, (rows, columns) = synapses(link), link.weights.shape
    found = PySparseModelBitAcc(process.proc_params)
    found.weights, found.num_message_bits = process.weights.init, np.array([0])
    found.a_buff, found.a_out, found.s_in = np.zeros(rows, np.int32), Port(rows), Port(columns)
    return found


def run(program: Scheduled, inputs: Inputs) -> Outcome:
    """As `literal.run` with everything recorded, and nothing of it checked."""
    planned, windows, period = plan(program), len(inputs), program.timing.period
    spikes, membranes = _history(program, planned, inputs, windows, windows * period + program.depth)
    cut = {name: [_cut(program, planned, name, line, windows) for line in (spikes, membranes)] for name in planned.parts}
    read = {p.name: cut[p.population][0].sum(1) if p.reads is Reads.COUNT else cut[p.population][1][:, period - 1] for p in program.network.probes}
    return Outcome(read, {name: found.astype(bool) for name, (found, _) in cut.items()})


def _history(program, planned: Plan, inputs, windows, steps):
    """(steps, neurons) spikes and membranes of each group."""
    chip = {n: model(neurons(g)) for n, g in enumerate(planned.groups) if g.registers is not None}
    links = [(link, _synapse_model(link)) for link in planned.links]
    spikes, membranes = ([np.zeros((steps, g.size), np.int64) for g in planned.groups] for _ in range(2))
    for port in program.network.ports:
        line = played(program, inputs, port).reshape(windows * program.timing.period, -1)
        spikes[planned.parts[port.population][0].group][: len(line)] = line
    for at in range(steps):
        heard = [np.zeros(g.size, np.int32) for g in planned.groups]
        for link, synapse in links:
            heard[link.target] += synapse.a_buff
        for n, neuron in chip.items():
            neuron.time_step, neuron.a_in.data = at + 1, heard[n]
            neuron.run_spk()
            spikes[n][at], membranes[n][at] = neuron.s_out.data, neuron.v
        for link, synapse in links:
            synapse.s_in.data = spikes[link.source][at].astype(np.int32)
            synapse.run_spk()
    return spikes, membranes


def _cut(program, planned, name, line, windows):
    """(windows, steps, neurons) of a population."""
    steps, latency = windows * program.timing.period, program.latency[name]
    found = np.zeros((steps, program.network.by_name[name].size), np.int64)
    for part in planned.parts[name]:
        found[:, part.neurons] = line[part.group][latency : latency + steps, part.seats]
    return found.reshape(windows, program.timing.period, -1)
