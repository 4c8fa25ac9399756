"""The literal simulator core by core: each slice holds its own neurons and synapses, and hears only what its axons deliver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.reference import drive, of_line, when
from tritspike.runtime.mapping import Mapping, Slice
from tritspike.runtime.network.boxes import neurons
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.memory import require_stepped
from tritspike.runtime.network.network import Inputs, Network, Scheduled, Synapse
from tritspike.runtime.network.outcome import Bools, Ints, Outcome
from tritspike.runtime.network.ranges import require_registers
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.state import State, begins

if TYPE_CHECKING:
    import scipy.sparse as sp


def run(mapping: Mapping, inputs: Inputs, record: bool = False) -> Outcome:
    """Play all windows back to back through a mapped network; all that is read and all spikes are `literal.run`'s. Raises `RangeError` as it does."""
    require_sound(mapping.program)
    require_registers(mapping.program)
    require_stepped(mapping.program, len(inputs), record)
    _require_covered(mapping)
    return drive(_Board(mapping, inputs), mapping.program, len(inputs), record)


def _require_covered(mapping: Mapping) -> None:
    """Raise `InputError` where slices of every neuron are not there: the mapping is another program's."""
    ours = {p.name for p in mapping.program.network.populations if p.neuron is not None}
    for name in sorted(ours ^ {name for stack in mapping.stacks if stack.tiling.covers() for name in stack.members}):
        raise InputError(f"{name}: the mapping's slices are not its neurons", "map the program again")


@dataclass(frozen=True, eq=False)
class _Input:
    """One projection into a slice. axons: source neurons, ascending; weights: (neurons of the slice, axons)."""

    synapse: Synapse
    axons: Index
    weights: sp.csr_matrix

    def total(self, spikes: dict[str, Bools]) -> Ints:
        """(neurons,) synaptic input of what the axons bring of the last step's spikes."""
        arrived = spikes[self.synapse.source][self.axons].astype(np.int32)
        found: Ints = (self.weights @ arrived).astype(np.int64) << self.synapse.exponent
        return found


@dataclass(eq=False)
class _Part:
    """Neurons (flat, ascending) of one population on one core, with their state and their spikes of the last step."""

    population: str
    core: int
    neurons: Index
    state: State
    inputs: list[_Input]
    spikes: Bools

    def advance(self, program: Scheduled, step: int, heard: dict[str, Bools]) -> None:
        """From the last step's spikes to this one's."""
        if begins(program.timing, self.state.resets, *when(program, self.population, step)):
            self.state.start(self.state.v.shape)
        self.spikes = self.state.advance(sum((i.total(heard) for i in self.inputs), np.zeros(len(self.neurons), np.int64)))


class _Board:
    """Every slice of a mapping. Looks like the literal simulator's chip from outside."""

    def __init__(self, mapping: Mapping, inputs: Inputs) -> None:
        self.program, self.parts = mapping.program, _parts(mapping)
        network = self.program.network
        self.lines = {port.population: played(self.program, inputs, port) for port in network.ports}
        self.spikes = {p.name: np.zeros(p.size, np.bool_) for p in network.populations}
        everyone = [part for parts in self.parts.values() for part in parts]
        self.cores = [[part for part in everyone if part.core == core] for core in mapping.used]

    def advance(self, step: int) -> None:
        """Each core computes this step from what its axons bring of the last one."""
        for core in self.cores:
            for part in core:
                part.advance(self.program, step, self.spikes)
        host = {name: of_line(line, *when(self.program, name, step)) for name, line in self.lines.items()}
        self.spikes = {name: host[name] if name in host else self._gathered(name) for name in self.spikes}

    def _gathered(self, name: str) -> Bools:
        out = np.zeros(len(self.spikes[name]), np.bool_)
        for part in self.parts[name]:
            out[part.neurons] = part.spikes
        return out

    def membranes(self, name: str) -> Ints:
        """(neurons,)."""
        out = np.zeros(len(self.spikes[name]), np.int64)
        for part in self.parts[name]:
            out[part.neurons] = part.state.v
        return out


def _parts(mapping: Mapping) -> dict[str, list[_Part]]:
    """By population. Each projection's whole matrix exists only while it is being cut up."""
    network, found = mapping.program.network, dict[str, list[_Part]]()
    slices: dict[str, list[Slice]] = {}
    for one in mapping.slices():
        slices.setdefault(one.population, []).append(one)
    for name, some in slices.items():
        p = network.by_name[name]
        state = State.of(p)
        found[name] = [_part(one, neurons(one.box, p.grid), state) for one in some]
        for s in network.inputs(name):
            matrix = s.wiring.csr(*network.grids(s))
            for part, one in zip(found[name], some):
                part.inputs.append(_input(network, s, matrix[part.neurons], one))
    return found


def _part(one: Slice, own: Index, whole: State) -> _Part:
    """With its neurons' share of a population's registers, at rest."""
    keep, keep_u, threshold, bias = (r if isinstance(r, int) else r[own] for r in (whole.keep, whole.keep_u, whole.threshold, whole.bias))
    state = replace(whole, keep=keep, keep_u=keep_u, threshold=threshold, bias=bias)
    state.start(own.shape)
    return _Part(one.population, one.core, own, state, [], np.zeros(len(own), np.bool_))


def _input(network: Network, s: Synapse, rows: sp.csr_matrix, one: Slice) -> _Input:
    """Only the columns that the slice has axons for: a synapse from elsewhere would be lost, as on the chip."""
    source, target = network.grids(s)
    axons = s.wiring.heard(source, target, one.box)
    return _Input(s, axons, rows[:, axons])
