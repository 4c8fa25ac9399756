"""Operations and their energy in 45 nm, as papers count them: of a program from what was counted on it, of float models from their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tritspike.runtime.host.program import Program
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.program import COINCIDENCE, LIF, RELAY, SOURCE
from tritspike.runtime.wiring import Matrix

ACCUMULATE_PJ, MULTIPLY_PJ = 0.9, 4.6  # 45 nm, 32-bit float: Horowitz, ISSCC 2014; what papers on spiking models count with
ACCESS_PJ = 5.0  # 32 bits from a local memory of 8 KB, half of a 64-bit access: Horowitz, ISSCC 2014
MEMORYLESS = (COINCIDENCE, RELAY)  # no membrane that lasts: nothing to leak, and nothing to do where nothing arrives

Operations = dict[str, float]


@dataclass(frozen=True)
class FloatModel:
    """A transformer with softmax attention: layers, hidden width, attention width, FFN width, positions that the FFN hears; a causal one
    asks no later positions, and `vocabulary` is what a language model's head multiplies for at every position."""

    name: str
    layers: int
    hidden: int
    attention: int
    ffn: int
    window: int = 1
    causal: bool = False
    vocabulary: int = 0

    def multiplies(self, tokens: Sequence[int]) -> float:
        """Multiply-accumulates a sentence, the mean over sentences of so many tokens: projections, scores, contexts, FFN, a head
        at every position; no embeddings."""
        n = np.asarray(tokens, np.float64)
        token = 4 * self.hidden * self.attention + (self.window + 1) * self.hidden * self.ffn
        pairs = n * (n + 1) / 2 if self.causal else n**2
        return float((self.layers * (n * token + 2 * pairs * self.attention) + n * self.hidden * self.vocabulary).mean())


TEACHER = FloatModel("float teacher, all-MiniLM-L6-v2", 6, 384, 384, 1536)  # its published config


def same_size(program: Program) -> FloatModel:
    """A float model with the program's own widths."""
    d, inner = program.dims, [p.name for p in program.populations if p.axes == "if" and p.role == LIF]
    window = max(sum(isinstance(s.wiring, Matrix) for s in program.inputs(name)) for name in inner)
    words = d.classes if program.each else 0
    return FloatModel("float model of the same size", len(inner), d.hidden, d.heads * d.head_dim, d.ffn, window, d.causal, words)


def neuron_updates(program: Program) -> dict[str, int]:
    """Updates a sentence by population: every neuron on the chip at every step, coincidence neurons and relays too."""
    return {p.name: program.size(p) * program.steps for p in program.populations if p.role != SOURCE}


def leaky_updates(program: Program) -> int:
    """How many of them are of a membrane that lasts."""
    return sum(updates for name, updates in neuron_updates(program).items() if program.by_name[name].role not in MEMORYLESS)


def operations(synaptic: float, updates: float, leaky: float) -> Operations:
    """A sentence in 45 nm: an accumulate for each synaptic event and memoryless update, a multiply for each leak. Movement: an event reads
    a weight and reads and writes an accumulator, an update reads and writes a membrane."""
    return _priced(synaptic + updates - leaky, leaky, 3 * synaptic + 2 * updates)


def synaptic_events(program: Program, activity: Activity) -> float:
    """A sentence's: on the chip and, where the host has the head, its row of weights, zeros too, for every spike of the last layer."""
    head = 0 if program.host.head is None else activity.spikes[program.last.name] * program.dims.classes
    return (sum(activity.events.values()) + head) / activity.samples


def program_operations(program: Program, activity: Activity) -> Operations:
    """The same of a program, from events that were counted at its compiled length; a head on the host is priced as the chip's synapses."""
    synaptic = synaptic_events(program, activity)
    return operations(synaptic, sum(neuron_updates(program).values()), leaky_updates(program))


def float_operations(model: FloatModel, tokens: Sequence[int]) -> Operations:
    """The same of a float model: a multiply reads a weight and an activation; sums stay in a register."""
    found = model.multiplies(tokens)
    return _priced(0.0, found, 2 * found)


def _priced(accumulates: float, multiplies: float, accesses: float) -> Operations:
    arithmetic = accumulates * ACCUMULATE_PJ + multiplies * MULTIPLY_PJ
    return {"accumulates": accumulates, "multiplies": multiplies, "arithmetic pJ": arithmetic, "with movement pJ": arithmetic + accesses * ACCESS_PJ}
