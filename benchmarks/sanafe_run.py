"""Runs in an environment that has sanafe and numpy (`python benchmarks/sanafe_run.py NETWORK.npz RESULT.json`): one sample, step by step.

NETWORK.npz is what benchmarks/sanafe_check.py writes. SANA-FE is GPL, so nothing here is imported by the product, and nothing here imports it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import sanafe

SOMA, SYNAPSE, DENDRITE = "loihi_lif", "loihi_sparse_synapse", "loihi_dendrites"


def groups(network: Any, arch: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Every population as a neuron group, each neuron on its core; the host's sources are input units on cores of their own."""
    made = {}
    cores = [core for tile in arch.tiles for core in tile.cores]
    for name in data["populations"].tolist():
        core, source = data[f"{name}/core"], data.get(f"{name}/spikes")
        made[name] = network.create_neuron_group(name, len(core))
        threshold, decay = (float(v) for v in data[f"{name}/registers"])
        attributes = {"threshold": threshold, "leak_decay": decay, "input_decay": 0.0, "reset": 0.0, "reset_mode": "hard"}
        attributes |= {"reverse_threshold": -131072.0, "reverse_reset_mode": "none"}  # what Loihi lacks: nothing happens at the bottom
        for n, neuron in enumerate(made[name]):
            units = {"default_synapse_hw_name": SYNAPSE, "dendrite_hw_name": DENDRITE, "log_spikes": True}
            if source is None:
                neuron.set_attributes(soma_hw_name=SOMA, model_attributes=attributes, **units)
            else:
                spikes = [bool(s) for s in source[:, n]]
                neuron.set_attributes(soma_hw_name=f"loihi_inputs[{n % 1024}]", model_attributes={"spikes": spikes}, **units)
            neuron.map_to_core(cores[int(core[n])])
    return made


def connect(made: dict[str, Any], data: dict[str, Any]) -> None:
    """Every synapse that is not zero."""
    for number, (source, target) in enumerate(data["connections"].tolist()):
        rows, columns, weights = (data[f"connection {number}/{part}"].tolist() for part in ("rows", "columns", "weights"))
        made[source].connect_neurons_sparse(made[target], {"weight": [float(w) for w in weights]}, list(zip(columns, rows)))


def run(data: dict[str, Any]) -> dict[str, Any]:
    """Spikes by step and the sums of what SANA-FE counts. A population's biases are on in its window only: SANA-FE resets nothing."""
    arch, network = sanafe.load_loihi(), sanafe.Network()
    connect(groups(network, arch, data), data)
    chip = sanafe.SpikingChip(arch)
    chip.load(network)
    mapped, steps, window = chip.mapped_neuron_groups, int(data["steps"]), int(data["window"])
    fired, total, energy = [], {"fired": 0, "spikes": 0, "hops": 0, "updated": 0, "sim_time": 0.0, "packets": 0}, {}
    for step in range(1, steps + 1):
        for name in data["biased"].tolist():
            latency = int(data[f"{name}/latency"])
            if step in (latency + 1, latency + window + 1):
                on = float(step == latency + 1)
                for neuron, bias in zip(mapped[name], data[f"{name}/bias"].tolist()):
                    if bias:
                        neuron.set_attributes(model_attributes={"bias": on * bias})
        found = chip.sim(1, timing_model="simple", processing_threads=1, spike_trace=True, perf_trace=True)
        fired.append([str(address) for address in found["spike_trace"][0]])
        for name in total:
            total[name] += sum(found["perf_trace"].get(name, [0]))
        for name, joules in found["energy"].items():
            energy[name] = energy.get(name, 0.0) + joules
    return {"fired": fired, "total": total, "energy": energy}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as archive:
        answer = run({name: archive[name] for name in archive.files})
    with open(sys.argv[2], "w") as out:
        json.dump(answer, out)
