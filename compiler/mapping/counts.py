"""NeuroBench's metrics, by their own names; `runtime/operations.py` has the operations in 45 nm."""

from __future__ import annotations

import numpy as np

from tritspike.compiler.mapping.cost import Events
from tritspike.compiler.mapping.partition import Partition
from tritspike.compiler.mapping.rates import Rates
from tritspike.runtime.program import SOURCE, Program
from tritspike.runtime.wiring import Matrix, Pool


def neurobench(partition: Partition, e: Events, rates: Rates) -> dict[str, float]:
    """NeuroBench's static and workload metrics of what is on the chip, a sentence being one execution of the model."""
    program = partition.program
    weights = [w for s in program.synapses if isinstance(s.wiring, Matrix | Pool) for w in [_weights(s.wiring)]]
    total, zero = sum(w.size for w in weights), sum(int((w == 0).sum()) for w in weights)
    biases = sum(len(p.bias.mantissa) for p in program.populations if p.bias is not None)
    ours = [p for p in program.populations if p.role != SOURCE]
    cells = sum(program.size(p) for p in ours)
    return {
        "Model Footprint": float(partition.uses[:, 1].sum()),
        "Parameter Count": float(total + biases),
        "Connection Sparsity": zero / total,
        "Activation Sparsity": 1 - sum(rates.spikes[p.name] * program.size(p) for p in ours) / cells,
        "Synaptic Operations, Dense": float(_dense(program) * program.steps),
        "Synaptic Operations, Effective_MACs": 0.0,
        "Synaptic Operations, Effective_ACs": e.synaptic,
        "Membrane Updates": float(cells * program.steps),
    }


def _weights(wiring: Matrix | Pool) -> np.ndarray:
    return wiring.weights() if isinstance(wiring, Matrix) else wiring.codes


def _dense(program: Program) -> int:
    """Connections with zero weights included; what has no matrix has no zeros."""
    total = 0
    for s in program.synapses:
        if isinstance(s.wiring, Matrix):
            total += s.wiring.codes.size * max(program.dims.positions - abs(s.wiring.offset), 0)
        elif isinstance(s.wiring, Pool):
            total += s.wiring.codes.size * (1 if s.wiring.first else program.dims.positions)
        else:
            total += program.synapse_count(s)
    return total
