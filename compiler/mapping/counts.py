"""NeuroBench's metrics, by their own names; `runtime/tasks/operations.py` has the operations in 45 nm."""

from __future__ import annotations

from tritspike.compiler.mapping import resources
from tritspike.compiler.mapping.partition import Partition
from tritspike.runtime.board_costs import Events
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.rates import Rates


def neurobench(partition: Partition, e: Events, rates: Rates) -> dict[str, float]:
    """NeuroBench's static and workload metrics of what is on the chip, what `e` is of being one execution of the model."""
    network = partition.stacked.original.network
    weights = [s.wiring.numbers for s in network.synapses if s.wiring.shared is None]
    total, zero = sum(w.size for w in weights), sum(int((w == 0).sum()) for w in weights)
    ours = [p for p in network.populations if p.neuron is not None]
    biases = sum(numbers(p.neuron.bias.mantissa).size for p in ours if p.neuron is not None and p.neuron.bias is not None)
    cells = sum(p.size for p in ours)
    return {
        "Model Footprint": float(partition.uses[resources.MEMORY].sum()),
        "Parameter Count": float(total + biases),
        "Connection Sparsity": zero / max(total, 1),
        "Activation Sparsity": 1 - sum(rates.spikes[p.name] * p.size for p in ours) / cells,
        "Synaptic Operations, Dense": float(sum(s.wiring.connections(*network.grids(s)) for s in network.synapses) * e.steps),
        "Synaptic Operations, Effective_MACs": 0.0,
        "Synaptic Operations, Effective_ACs": e.synaptic,
        "Membrane Updates": e.updates,
    }
