"""Counts that papers use, by their own names: operations in 45 nm and NeuroBench's metrics; and the float models to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.mapping.cost import Events
from compiler.mapping.partition import Partition
from compiler.mapping.rates import Rates
from runtime.program import SOURCE, Program
from runtime.wiring import Matrix, Pool

ACCUMULATE_PJ, MULTIPLY_PJ = 0.9, 4.6  # 45 nm, 32-bit float: Horowitz, ISSCC 2014; what papers on spiking models count with
ACCESS_PJ = 5.0  # 32 bits from a local memory of 8 KB, half of a 64-bit access: Horowitz, ISSCC 2014


@dataclass(frozen=True)
class FloatModel:
    """An encoder with softmax attention: layers, hidden width, attention width, FFN width."""

    name: str
    layers: int
    hidden: int
    attention: int
    ffn: int

    def multiplies(self, tokens: Sequence[int]) -> float:
        """Multiply-accumulates a sentence, the mean over sentences of so many tokens: projections, scores, contexts, FFN; no embeddings."""
        n = np.asarray(tokens, np.float64)
        token = 4 * self.hidden * self.attention + 2 * self.hidden * self.ffn
        return float((self.layers * (n * token + 2 * n**2 * self.attention)).mean())


TEACHER = FloatModel("float teacher, all-MiniLM-L6-v2", 6, 384, 384, 1536)  # its published config


def same_size(program: Program) -> FloatModel:
    """A float model with the program's own widths."""
    d, layers = program.dims, sum(p.axes == "if" for p in program.populations)
    return FloatModel("float model of the same size", layers, d.hidden, d.heads * d.head_dim, d.ffn)


def operations(e: Events) -> dict[str, float]:
    """A sentence in 45 nm: an accumulate for each synaptic event and memoryless update, a multiply for each leak. Movement: an event reads
    a weight and reads and writes an accumulator, an update reads and writes a membrane."""
    updates = e.active_updates + e.idle_updates
    accumulates, multiplies = e.synaptic + updates - e.leaky_updates, e.leaky_updates
    moved = 3 * e.synaptic + 2 * updates
    return _priced(accumulates, multiplies, moved)


def float_operations(model: FloatModel, tokens: Sequence[int]) -> dict[str, float]:
    """The same for a float model: a multiply reads a weight and an activation; sums stay in a register."""
    found = model.multiplies(tokens)
    return _priced(0.0, found, 2 * found)


def _priced(accumulates: float, multiplies: float, accesses: float) -> dict[str, float]:
    arithmetic = accumulates * ACCUMULATE_PJ + multiplies * MULTIPLY_PJ
    return {"accumulates": accumulates, "multiplies": multiplies, "arithmetic pJ": arithmetic, "with movement pJ": arithmetic + accesses * ACCESS_PJ}


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
            total += s.wiring.codes.size * program.dims.positions
        elif isinstance(s.wiring, Pool):
            total += s.wiring.codes.size * (1 if s.wiring.first else program.dims.positions)
        else:
            total += program.synapse_count(s)
    return total
