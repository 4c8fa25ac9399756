"""A program as few processes: populations fused by parameters, synapses by the groups and exponent they join. Plain numpy, no Lava.

Every leaf process costs an OS process and about half a millisecond a step, so populations with the same keep, threshold and phase
(latency mod T) become one LIFReset, all coincidence neurons one LIF, all relays another, and all synapses between two groups with one
exponent one Sparse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tritspike.runtime.host.program import Program
from tritspike.runtime.program import SOURCE, Population, Synapse
from tritspike.runtime.ranges import require_ranges
from tritspike.runtime.validation import require_sound

CHANNEL_SLOTS = 4  # Lava's default of 64 needs 256 MB of /dev/shm for a million neurons, on every synapse; 4 ran as fast


@dataclass(frozen=True)
class Key:
    """What populations must share to be one process. `phase` is None where nothing resets periodically."""

    role: str
    keep: int
    vth: int
    phase: int | None


@dataclass(frozen=True, eq=False)
class Group:
    """One neuron process: its populations end to end. bias: (neurons,) mantissas and exponents."""

    name: str
    key: Key
    members: tuple[Population, ...]
    offsets: dict[str, int]
    size: int
    bias_mantissa: NDArray[np.int64]
    bias_exponent: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Link:
    """One synapse process between two groups: weight mantissas (target, source) and their shared exponent."""

    source: str
    target: str
    exponent: int
    weights: sp.csr_matrix


@dataclass(frozen=True, eq=False)
class Plan:
    """All processes of a program."""

    groups: tuple[Group, ...]
    links: tuple[Link, ...]

    def processes(self, recorded: bool) -> int:
        """Leaf processes, host side included."""
        return len(self.groups) + len(self.links) + (len(self.groups) if recorded else 0)

    def shared_memory(self, recorded: bool) -> int:
        """Bytes of /dev/shm for the channels: slots * neurons * 4 on each end of every synapse and recorder."""
        sizes = {g.name: g.size for g in self.groups}
        ends = sum(sizes[k.source] + sizes[k.target] for k in self.links) + (sum(sizes.values()) if recorded else 0)
        return ends * CHANNEL_SLOTS * 4


def plan(program: Program) -> Plan:
    """Fuse `program`. Deterministic: groups in order of their first population. The last layer stays alone: it is an output port.

    Raises `InputError` for a program that is not sound, `RangeError` where an accumulator could wrap: Lava says nothing when one does.
    """
    require_sound(program)
    require_ranges(program)
    by_key: dict[Key | str, list[Population]] = {}
    last = program.last.name
    for p in program.populations:
        by_key.setdefault(p.name if p.role == SOURCE or p.name == last else _key(p, program), []).append(p)
    groups = tuple(_group(program, _name(members, n), members) for n, members in enumerate(by_key.values()))
    return Plan(groups, tuple(_links(program, groups)))


def _key(p: Population, program: Program) -> Key:
    phase = (1 + p.latency) % program.steps if p.resets else None
    return Key(p.role, p.keep, p.vth, phase)


def _name(members: list[Population], number: int) -> str:
    return members[0].name if members[0].role == SOURCE else f"{members[0].role}{number}"


def _group(program: Program, name: str, members: list[Population]) -> Group:
    sizes = [program.size(p) for p in members]
    ends = np.cumsum([0, *sizes])
    biases = [_bias(p, n) for p, n in zip(members, sizes)]
    return Group(
        name,
        _key(members[0], program),
        tuple(members),
        {p.name: int(at) for p, at in zip(members, ends)},
        int(ends[-1]),
        np.concatenate([m for m, _ in biases]),
        np.concatenate([e for _, e in biases]),
    )


def _bias(p: Population, neurons: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if p.bias is None:
        return np.zeros(neurons, np.int64), np.zeros(neurons, np.int64)
    return np.tile(p.bias.mantissa, neurons // len(p.bias.mantissa)), np.full(neurons, p.bias.exponent, np.int64)


def _links(program: Program, groups: tuple[Group, ...]) -> list[Link]:
    home = {p.name: g for g in groups for p in g.members}
    parts: dict[tuple[str, str, int], list[dict[str, sp.csr_matrix]]] = {}
    for s in program.synapses:
        source, target = home[s.source], home[s.target]
        stacks = parts.setdefault((source.name, target.name, s.exponent), [])
        block = program.csr(s)
        stack = next((k for k in stacks if not _meets(program, s, block, k)), None)
        if stack is None:
            stacks.append(stack := {})
        stack[s.name] = block
    return [Link(*key, _stacked(program, home, stack)) for key, stacks in parts.items() for stack in stacks]


def _meets(program: Program, s: Synapse, block: sp.csr_matrix, stack: dict[str, sp.csr_matrix]) -> bool:
    """Whether two neurons would have two synapses in one matrix, which would add them up, beyond what a weight can be."""
    others = (program.by_synapse[name] for name in stack)
    same = (stack[o.name] for o in others if (o.source, o.target) == (s.source, s.target))
    return any((abs(block) > 0).multiply(abs(other) > 0).nnz for other in same)


def _stacked(program: Program, home: dict[str, Group], stack: dict[str, sp.csr_matrix]) -> sp.csr_matrix:
    ends = [(home[s.target].offsets[s.target], home[s.source].offsets[s.source]) for s in map(program.by_synapse.__getitem__, stack)]
    blocks = [block.tocoo() for block in stack.values()]
    first = program.by_synapse[next(iter(stack))]
    rows = np.concatenate([b.row + down for b, (down, _) in zip(blocks, ends)])
    columns = np.concatenate([b.col + across for b, (_, across) in zip(blocks, ends)])
    data = np.concatenate([b.data for b in blocks]).astype(np.int32)
    return sp.csr_matrix((data, (rows, columns)), shape=(home[first.target].size, home[first.source].size))
