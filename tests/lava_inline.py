"""Lava's own model classes driven in one process, without its runtime: each process model gets ports that are plain arrays.

The plan is the product's; so are the constructor arguments, through the very processes that `runtime.lava.network` makes.
"""

from __future__ import annotations

import numpy as np

from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.lava.network import neurons, synapses
from tritspike.runtime.lava.plan import plan
from tritspike.runtime.program import SOURCE, Samples, packed

# isort: split
# after the remedy in runtime/lava/stock.py, which the imports above apply
from lava.proc.lif.models import PyLifModelBitAcc, PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset
from lava.proc.sparse.models import PySparseModelBitAcc


class Port:
    """Holds what was sent, gives what it holds."""

    def __init__(self, size):
        self.data = np.zeros(size, np.int32)

    def send(self, data):
        self.data = np.asarray(data).astype(np.int32)

    def recv(self):
        return self.data


def _neuron_model(process, size):
    model = (PyLifResetModelBitAcc if isinstance(process, LIFReset) else PyLifModelBitAcc)(process.proc_params)
    for name in ("u", "v", "du", "dv", "bias_mant", "bias_exp", "vth"):
        value = np.asarray(getattr(process, name).init)
        kind = np.int16 if name.startswith("bias") else np.int32
        setattr(model, name, int(value) if name in ("du", "dv", "vth") else np.array(np.broadcast_to(value, size), kind))
    model.a_in, model.s_out = Port(size), Port(size)
    return model


def _synapse_model(process, link):
    model = PySparseModelBitAcc(process.proc_params)
    model.weights, model.num_message_bits = process.weights.init.astype(np.int32), np.array([0])
    model.a_buff, model.a_out, model.s_in = np.zeros(link.weights.shape[0], np.int32), Port(link.weights.shape[0]), Port(link.weights.shape[1])
    return model


def run(program: Program, samples: Samples, record: bool = True) -> Result:
    fused = plan(program)
    sizes = {g.name: g.size for g in fused.groups}
    chip = {g.name: _neuron_model(neurons(g, program.steps), g.size) for g in fused.groups if g.key.role != SOURCE}
    links = [(k, _synapse_model(synapses(k), k)) for k in fused.links]
    played = {g.name: samples.source(g.name).reshape(-1, g.size) for g in fused.groups if g.key.role == SOURCE}
    length = len(samples) * program.steps
    history = {name: np.zeros((length + program.depth, size), bool) for name, size in sizes.items()}
    home = next(g for g in fused.groups if program.answering.name in g.offsets)
    read = np.zeros((len(samples), program.size(program.answering)), np.int64)
    for step in range(1, length + program.depth + 1):
        now = _advance(chip, links, played, sizes, step, length)
        for name, spikes in now.items():
            history[name][step - 1] = spikes
        sample, phase = divmod(step - 1 - program.answering.latency, program.steps)
        if 0 <= sample < len(samples) and program.readout is None:
            read[sample] += now[home.name]
        elif 0 <= sample < len(samples) and phase == program.steps - 1:
            read[sample] = chip[home.name].v
    read = samples.real_rows(read) if program.each else read
    return Result(program, samples.lengths, read, _windows(program, fused, history, len(samples)))


def _advance(chip, links, played, sizes, step, length):
    """One step: every synapse sends what it accumulated last step, neurons fire, synapses receive."""
    inputs = {name: np.zeros(sizes[name], np.int32) for name in chip}
    now = {name: stream[step - 1] if step <= length else np.zeros(sizes[name], bool) for name, stream in played.items()}
    for link, model in links:
        inputs[link.target] += model.a_buff
    for name, model in chip.items():
        model.time_step, model.a_in.data = step, inputs[name]
        model.run_spk()
        now[name] = model.s_out.data.astype(bool)
    for link, model in links:
        model.s_in.data = now[link.source].astype(np.int32)
        model.run_spk()
    return now


def _windows(program, fused, history, samples):
    found, steps = {}, samples * program.steps
    for group in fused.groups:
        for p in group.members:
            n, at = program.dims.size(p.axes), group.offsets[p.name]
            parts = [history[group.name][p.latency + k : p.latency + k + steps, at + k * n : at + (k + 1) * n] for k in range(p.stages)]
            found[p.name] = packed(np.concatenate(parts, 1)).reshape(samples, program.steps, -1)
    return found
