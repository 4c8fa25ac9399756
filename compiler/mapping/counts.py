"""NeuroBench's metrics, by their own names; `runtime/operations.py` has the operations in 45 nm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.cost import Events
from tritspike.compiler.mapping.partition import Partition
from tritspike.compiler.mapping.rates import Rates
from tritspike.runtime.network.network import Scheduled, Synapse
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.wiring import Dense, Join


def neurobench(partition: Partition, e: Events, rates: Rates) -> dict[str, float]:
    """NeuroBench's static and workload metrics of what is on the chip, a window being one execution of the model."""
    program = partition.stacked.original
    weights = [s.wiring.weights for s in program.network.synapses if not isinstance(s.wiring, Join)]
    total, zero = sum(w.size for w in weights), sum(int((w == 0).sum()) for w in weights)
    ours = [p for p in program.network.populations if p.neuron is not None]
    biases = sum(numbers(p.neuron.bias.mantissa).size for p in ours if p.neuron is not None and p.neuron.bias is not None)
    cells = sum(p.size for p in ours)
    return {
        "Model Footprint": float(partition.uses[resources.MEMORY].sum()),
        "Parameter Count": float(total + biases),
        "Connection Sparsity": zero / max(total, 1),
        "Activation Sparsity": 1 - sum(rates.spikes[p.name] * p.size for p in ours) / cells,
        "Synaptic Operations, Dense": float(sum(_dense(program, s) for s in program.network.synapses) * e.steps),
        "Synaptic Operations, Effective_MACs": 0.0,
        "Synaptic Operations, Effective_ACs": e.synaptic,
        "Membrane Updates": e.updates,
    }


def _dense(program: Scheduled, s: Synapse) -> int:
    """Connections with zero weights included; what has no matrix has no zeros."""
    w = s.wiring
    if isinstance(w, Dense):
        w = replace(w, codes=np.ones_like(w.codes), gain=np.ones_like(w.gain))
    return w.count(*program.network.grids(s))
