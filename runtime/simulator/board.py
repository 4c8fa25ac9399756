"""The literal simulator core by core: each slice holds its own neurons and synapses, and hears only what its axons deliver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tritspike.runtime.errors import InputError
from tritspike.runtime.mapping import Mapping, Slice
from tritspike.runtime.network.boxes import neurons
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.inputs import played
from tritspike.runtime.network.literal import drive, of_line, when
from tritspike.runtime.network.memory import require_stepped
from tritspike.runtime.network.network import Inputs, Network, Scheduled, Synapse
from tritspike.runtime.network.outcome import Bools, Ints, Outcome
from tritspike.runtime.network.ranges import require_registers
from tritspike.runtime.network.soundness import require_sound
from tritspike.runtime.network.state import State, begins
from tritspike.runtime.network.wiring import Sparse

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
    """One projection into a slice: its input axons are source neurons, ascending, and `arrived` what they brought for this step."""

    synapse: Synapse
    axons: Index
    weights: sp.csr_matrix
    arrived: Bools

    def total(self) -> Ints:
        """(neurons,) synaptic input."""
        found: Ints = (self.weights @ self.arrived.astype(np.int32)).astype(np.int64) << self.synapse.exponent
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

    def advance(self, program: Scheduled, step: int) -> None:
        """From what arrived to new spikes."""
        if begins(program.timing, self.state.resets, *when(program, self.population, step)):
            self.state.start(self.state.v.shape)
        self.spikes = self.state.advance(sum((i.total() for i in self.inputs), np.zeros(len(self.neurons), np.int64)))


@dataclass(frozen=True, eq=False)
class _Route:
    """Output axons from some neurons of a slice (or of what the host plays) to input axons of another."""

    sender: _Part | str
    picked: Index
    receiver: _Input
    axons: Index


class _Board:
    """Every slice of a mapping and the routes between them. Looks like the literal simulator's chip from outside."""

    def __init__(self, mapping: Mapping, inputs: Inputs) -> None:
        self.program = mapping.program
        network = self.program.network
        self.parts = _parts(mapping)
        everyone = [part for parts in self.parts.values() for part in parts]
        self.cores = [[part for part in everyone if part.core == core] for core in mapping.used]
        self.routes = [route for part in everyone for i in part.inputs for route in self._routes(i)]
        self.lines = {port.population: played(self.program, inputs, port) for port in network.ports}
        self.spikes = {p.name: np.zeros(p.size, np.bool_) for p in network.populations}

    def _routes(self, i: _Input) -> Iterator[_Route]:
        """To every axon of one input."""
        if i.synapse.source not in self.parts:
            yield _Route(i.synapse.source, i.axons, i, np.arange(len(i.axons)))
            return
        for sender in self.parts[i.synapse.source]:
            _, picked, axons = np.intersect1d(sender.neurons, i.axons, assume_unique=True, return_indices=True)
            if len(picked):
                yield _Route(sender, picked, i, axons)

    def advance(self, step: int) -> None:
        """Deliver the last step's spikes, then let each core compute this step's."""
        for r in self.routes:
            sent = self.spikes[r.sender] if isinstance(r.sender, str) else r.sender.spikes
            r.receiver.arrived[r.axons] = sent[r.picked]
        for core in self.cores:
            for part in core:
                part.advance(self.program, step)
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
    registers = {name: getattr(whole, name) for name in ("keep", "keep_u", "threshold", "bias")}
    state = replace(whole, **{name: r if isinstance(r, int) else r[own] for name, r in registers.items()})
    state.start(own.shape)
    return _Part(one.population, one.core, own, state, [], np.zeros(len(own), np.bool_))


def _input(network: Network, s: Synapse, rows: sp.csr_matrix, one: Slice) -> _Input:
    """Only the columns that the slice has axons for: a synapse from elsewhere would be lost, as on the chip."""
    source, target = network.grids(s)
    if isinstance(s.wiring, Sparse):
        axons = s.wiring.columns_of(target, one.box)
    else:
        axons = neurons(s.wiring.sources_of(source, target, one.box[None])[0], source)
    return _Input(s, axons, rows[:, axons], np.zeros(len(axons), np.bool_))
