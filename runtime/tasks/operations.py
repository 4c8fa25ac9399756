"""Operations and their energy in 45 nm, as papers count them: of a program from what was counted on it, of float models from their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tritspike.runtime.executors.fast import facts
from tritspike.runtime.host.program import Program
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Pairs
from tritspike.runtime.network.network import Population, Scheduled
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.network.ranges import forgets
from tritspike.runtime.unit import unit

ACCUMULATE_PJ, MULTIPLY_PJ = 0.9, 4.6  # 45 nm, 32-bit float: Horowitz, ISSCC 2014; what papers on spiking models count with
ACCESS_PJ = 5.0  # 32 bits from a local memory of 8 KB, half of a 64-bit access: Horowitz, ISSCC 2014
INNER = "ffn"  # the axis by which a population is known to be an FFN's inner one, whose widths a float model takes over
HEADS = ("head", "channel")  # those of attention

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


def same_size(program: Program) -> FloatModel | None:
    """A float model with the program's own widths, as the axes of its grids tell them; None where they do not."""
    network = program.network
    inner = [p for p in network.populations if p.neuron is not None and INNER in grids.names(p.grid) and facts.repeats(network, p) is None]
    sizes = {name: size for p in network.populations for name, size in grids.extents(p.grid).items()}
    if not inner or not {INNER, *HEADS} <= sizes.keys():
        return None
    window = max(sum(s.wiring.shared is None for s in network.inputs(p.name)) for p in inner)
    causal = any(isinstance(axis, Pairs) and axis.causal for p in network.populations for axis in p.grid)
    words, attention = program.classes if program.each else 0, sizes[HEADS[0]] * sizes[HEADS[1]]
    return FloatModel("float model of the same size", len(inner), program.hidden, attention, sizes[INNER], window, causal, words)


def neuron_updates(program: Scheduled) -> dict[str, int]:
    """Updates a window by population: every neuron on the chip at every step, coincidence neurons and relays too."""
    return {p.name: p.size * program.timing.period for p in program.network.populations if p.neuron is not None}


def leaky_updates(program: Scheduled) -> int:
    """How many of them are of a current or a membrane that lasts."""
    by_name = program.network.by_name
    return sum(updates for name, updates in neuron_updates(program).items() if not forgets(program, by_name[name]))


def lasts(program: Scheduled, p: Population) -> bool:
    """Whether a neuron has anything to do in a step in which nothing arrives: a current or a membrane that lasts, or a bias."""
    return p.neuron is not None and (p.neuron.bias is not None or not forgets(program, p))


def operations(synaptic: float, updates: float, leaky: float) -> Operations:
    """A window in 45 nm: an accumulate for each synaptic event and memoryless update, a multiply for each leak. Movement: an event reads
    a weight and reads and writes an accumulator, an update reads and writes a membrane."""
    return _priced(synaptic + updates - leaky, leaky, 3 * synaptic + 2 * updates)


def synaptic_events(program: Program, activity: Activity) -> float:
    """A window's (a stream's: a token's) from what was counted on it, `with_head`."""
    return with_head(program, sum(activity.events.values()) / activity.samples, activity.spikes[program.last.name] / activity.samples)


def with_head(program: Program, events: float, spikes: float) -> float:
    """Synaptic events of a window: `events` on the chip and, where the host has the head, its row of weights, zeros too, for every one of
    the last layer's `spikes`."""
    return events + (0.0 if program.host.head is None else spikes * program.classes)


def window_operations(program: Scheduled, synaptic: float) -> Operations:
    """Of a window, from its synaptic events."""
    return operations(synaptic, sum(neuron_updates(program).values()), leaky_updates(program))


def unit_operations(program: Program, synaptic: float) -> Operations:
    """Of what its figures are of (`unit`), from the synaptic events of a window; a head on the host is priced as the chip's synapses."""
    windows = unit(program).windows
    return {name: windows * number for name, number in window_operations(program.scheduled, synaptic).items()}


def program_operations(program: Program, activity: Activity) -> Operations:
    """The same from events that were counted at the compiled length."""
    return unit_operations(program, synaptic_events(program, activity))


def beside(program: Program, synaptic: float, tokens: Sequence[int]) -> dict[str, Operations]:
    """The program's and those of float models on the same texts, by name, all of one `unit`. synaptic: events of a window; tokens: of each text.

    The teacher is an encoder's. A token of a stream without end has no float model beside it: one with attention hears all tokens before.
    """
    own = {_own_name(program): unit_operations(program, synaptic)}
    rivals = [model for model in (same_size(program), None if program.each else TEACHER) if model is not None]
    return own | {model.name: float_operations(model, tokens) for model in rivals if program.longest is not None}


def _own_name(program: Program) -> str:
    return "this program" if program.host.head is None else "this program, with the head that its host has"


def float_operations(model: FloatModel, tokens: Sequence[int]) -> Operations:
    """A text of a float model, the mean of texts of so many tokens: a multiply reads a weight and an activation; sums stay in a register."""
    found = model.multiplies(tokens)
    return _priced(0.0, found, 2 * found)


def _priced(accumulates: float, multiplies: float, accesses: float) -> Operations:
    arithmetic = accumulates * ACCUMULATE_PJ + multiplies * MULTIPLY_PJ
    return {"accumulates": accumulates, "multiplies": multiplies, "arithmetic pJ": arithmetic, "with movement pJ": arithmetic + accesses * ACCESS_PJ}
