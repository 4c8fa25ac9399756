"""A scheduled network as few processes: neurons fused by registers, synapses by the groups that they join. Plain numpy, no Lava.

A LIF process has one du, dv and vth for all its neurons, and a LIFReset one interval; biases are arrays. (On a CPU arrays happen to work for
du, dv and vth too; a chip has no such thing.) Every process costs one of the operating system's and about half a millisecond a step, so
neurons of equal registers share one, whatever populations they are of; a population whose registers differ is spread over several.

`resets` and the latency say when a process clears u and v: LIFReset does so before it integrates, where `step % interval == offset`, steps
counting from 1. A population of latency l sees its window n begin at step n * period + 1 + l, n < 0 included: both clear at each of these.
What is cleared once has an interval that no run reaches the end of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import arith
from tritspike.runtime.executors.lava.room import MOST_PROCESSES
from tritspike.runtime.network.network import Population, Reads, Scheduled, Stream
from tritspike.runtime.network.neuron import Resets, each

if TYPE_CHECKING:
    import scipy.sparse as sp

Ints = NDArray[np.int64]

CHANNEL_SLOTS = 4  # Lava's default of 64 needs 256 MB of /dev/shm for a million neurons, on every synapse; 4 ran as fast
_ONCE = (1 << 31) - 1  # steps: more than a run has. Lava counts them in Python's own numbers, and LIFReset takes any interval
_MOST_DECAY = 4095  # du and dv have 12 bits; Lava adds 1 to du, and nothing to dv


@dataclass(frozen=True)
class Registers:
    """What one process has one of. u and v are cleared before every step where step % interval == offset; interval 0: never."""

    du: int
    dv: int
    vth: int
    interval: int
    offset: int


@dataclass(frozen=True, eq=False)
class Group:
    """One process of neurons. registers: None for what the host plays. mantissa, exponent: (neurons,) of the biases."""

    registers: Registers | None
    size: int
    mantissa: Ints
    exponent: Ints


@dataclass(frozen=True, eq=False)
class Link:
    """One process of synapses between two groups, by number: weight mantissas (target, source) and their shared exponent."""

    source: int
    target: int
    exponent: int
    weights: sp.csr_matrix


@dataclass(frozen=True, eq=False)
class Part:
    """Neurons of one population, by number, that stand one after another in a group from `begin` on."""

    group: int
    begin: int
    neurons: Ints

    @property
    def seats(self) -> slice:
        """Their places in the group."""
        return slice(self.begin, self.begin + len(self.neurons))


@dataclass(frozen=True, eq=False)
class Plan:
    """All processes of a program. parts: where the neurons of each population are."""

    groups: tuple[Group, ...]
    links: tuple[Link, ...]
    parts: dict[str, tuple[Part, ...]]

    @property
    def played(self) -> tuple[int, ...]:
        """Groups that the host plays and that any synapse hears."""
        return tuple(sorted({link.source for link in self.links if self.groups[link.source].registers is None}))

    def homes(self, populations: Iterable[str]) -> tuple[int, ...]:
        """The groups in which these have neurons."""
        return tuple(sorted({part.group for name in populations for part in self.parts[name]}))

    def processes(self, recorded: Iterable[int] = ()) -> int:
        """Leaf processes, the host's players and the recorders of groups included."""
        neurons = sum(group.registers is not None for group in self.groups)
        return neurons + len(self.played) + len(self.links) + len(tuple(recorded))

    def shared_memory(self, recorded: Iterable[int] = ()) -> int:
        """Bytes of /dev/shm for the channels: slots * neurons * 4 on each end of every synapse, and of every recorder."""
        ends = [n for link in self.links for n in (link.source, link.target)] + list(recorded)
        return sum(self.groups[n].size for n in ends) * CHANNEL_SLOTS * 4


def plan(program: Scheduled, alone: Collection[str] = ()) -> Plan:
    """Fuse `program`. Deterministic: groups in order of their first neurons. That Lava can hold the registers is for `findings` to say.

    alone: populations that share no process with others, as those whose spikes leave the network.

    Where there are more groups than Lava runs processes there are no links: there could be a million.
    """
    keys: dict[_Key, int] = {}
    parts: dict[str, tuple[Part, ...]] = {}
    sizes: list[int] = []
    for p in program.network.populations:
        parts[p.name] = tuple(_seated(keys, sizes, key, neurons) for key, neurons in _split(program, p, p.name in alone))
    groups = [Group(key.registers, n, np.zeros(n, np.int64), np.zeros(n, np.int64)) for key, n in zip(keys, sizes)]
    for p in program.network.populations:
        _write_biases(groups, p, parts[p.name])
    links = tuple(_links(program, sizes, parts)) if len(groups) <= MOST_PROCESSES else ()
    return Plan(tuple(groups), (*links, *_bridges(groups, links)), parts)


@dataclass(frozen=True)
class _Key:
    """What neurons must share to be in one group. alone: their population, where it has a group of its own."""

    registers: Registers | None
    alone: str | None


def _seated(keys: dict[_Key, int], sizes: list[int], key: _Key, neurons: Ints) -> Part:
    group = keys.setdefault(key, len(keys))
    if group == len(sizes):
        sizes.append(0)
    part = Part(group, sizes[group], neurons)
    sizes[group] += len(neurons)
    return part


def _split(program: Scheduled, p: Population, apart: bool) -> Iterator[tuple[_Key, Ints]]:
    """Its neurons by their registers. A port is a process of its own, and so is what is read: Lava hands membranes over one by one, slowly."""
    if p.neuron is None:
        yield _Key(None, p.name), np.arange(p.size)
        return
    read = any(probe.population == p.name and probe.reads is Reads.MEMBRANE for probe in program.network.probes)
    alone = p.name if read or apart else None
    interval, offset = _clears(program, p)
    table = np.stack(np.broadcast_arrays(*(each(register, p.grid) for register in (p.neuron.keep_u, p.neuron.keep, p.neuron.vth))))
    kinds, kind = np.unique(table.reshape(3, -1), axis=1, return_inverse=True)
    of = np.broadcast_to(kind.ravel(), p.size)
    for n, (keep_u, keep, vth) in enumerate(kinds.T.tolist()):
        yield _Key(_registers(keep_u, keep, vth, interval, offset), alone), np.flatnonzero(of == n)


def _registers(keep_u: int, keep: int, vth: int, interval: int, offset: int) -> Registers:
    """dv keeps 1/4096 of v at the least; neurons that keep nothing at all, of u nor of v, are cleared at every step instead."""
    if not keep_u and not keep:
        return Registers(_MOST_DECAY, _MOST_DECAY, vth, 1, 0)
    return Registers(_MOST_DECAY - keep_u, arith.KEEP_ALL - keep, vth, interval, offset)


def _clears(program: Scheduled, p: Population) -> tuple[int, int]:
    """(interval, offset) of LIFReset."""
    assert p.neuron is not None
    timing, interval = program.timing, program.timing.period
    if p.neuron.resets is Resets.NEVER:
        return 0, 0
    if p.neuron.resets is Resets.SEQUENCE and isinstance(timing, Stream):
        interval = interval * timing.slot or _ONCE
    return interval, (1 + program.latency[p.name]) % interval


def _write_biases(groups: list[Group], p: Population, parts: tuple[Part, ...]) -> None:
    if p.neuron is None or p.neuron.bias is None:
        return
    mantissa = np.broadcast_to(each(p.neuron.bias.mantissa, p.grid), p.size)
    for part in parts:
        groups[part.group].mantissa[part.seats] = mantissa[part.neurons]
        groups[part.group].exponent[part.seats] = p.neuron.bias.exponent


def _links(program: Scheduled, sizes: list[int], parts: dict[str, tuple[Part, ...]]) -> Iterator[Link]:
    """Between two groups the weights of all synapses add up, as their inputs do: one process, or two where one exponent cannot hold the sums."""
    import scipy.sparse as sp

    blocks: dict[tuple[int, int], list[_Block]] = {}
    for s in program.network.synapses:
        weights = s.wiring.csr(*program.network.grids(s))
        for target in parts[s.target]:
            for source in parts[s.source]:
                blocks.setdefault((source.group, target.group), []).append(_block(weights, s.exponent, target, source))
    for source_group, target_group in tuple(blocks):
        rows, columns, data = (np.concatenate(some) for some in zip(*blocks.pop((source_group, target_group))))
        total = sp.csr_matrix((data, (rows, columns)), shape=(sizes[target_group], sizes[source_group]))
        yield from (Link(source_group, target_group, exponent, some) for exponent, some in _digits(total))


_Block = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def _block(weights: sp.csr_matrix, exponent: int, target: Part, source: Part) -> _Block:
    """(rows, columns, weights) of the synapses between two parts, at their places in the groups."""
    if len(target.neurons) < weights.shape[0]:
        weights = weights[target.neurons]
    if len(source.neurons) < weights.shape[1]:
        weights = weights[:, source.neurons]
    found = weights.tocoo()
    return found.row + np.int32(target.begin), found.col + np.int32(source.begin), found.data.astype(np.int32) << exponent


def _digits(total: sp.csr_matrix) -> Iterator[tuple[int, sp.csr_matrix]]:
    """(exponent, weight mantissas) that add up to `total`: with the least exponent that holds its largest weight, then the rest of it."""
    total.eliminate_zeros()
    while total.nnz:
        exponent = min(max(int(np.abs(total.data).max()).bit_length() - arith.WEIGHT_LIMIT.bit_length(), 0), arith.EXPONENT_LIMIT)
        digits, rest = total.copy(), total
        digits.data = np.sign(total.data) * np.minimum(np.abs(total.data) >> exponent, arith.WEIGHT_LIMIT)
        rest.data = total.data - (digits.data << exponent)
        digits.eliminate_zeros()
        rest.eliminate_zeros()
        yield exponent, digits
        total = rest


def _bridges(groups: list[Group], links: tuple[Link, ...]) -> Iterator[Link]:
    """Synapses of no weight that make one piece of a network of several, since Lava's compiler says nothing and loses all pieces but the last.

    (`collapse_subgraph_to_node` folds each piece into a node, which it puts back by its edges to the rest of the graph: a whole piece has none.)
    """
    import networkx as nx
    import scipy.sparse as sp

    graph = nx.Graph((link.source, link.target) for link in links)
    graph.add_nodes_from(n for n, group in enumerate(groups) if group.registers is not None)
    pieces = sorted(nx.connected_components(graph), key=min)
    for piece in pieces[1:]:
        source = min(pieces[0], key=lambda n: groups[n].size)
        target = min((n for n in piece if groups[n].registers is not None), key=lambda n: groups[n].size)
        yield Link(source, target, 0, sp.csr_matrix((groups[target].size, groups[source].size), dtype=np.int32))


def findings(program: Scheduled) -> Iterator[Finding]:
    """Decays that Lava's LIF cannot hold. What every chip's registers hold is `runtime/network/ranges.py`'s to say.

    Lava itself checks nothing: on a CPU it computes dv = 4096 (keep 0) and du = -1 (keep_u 4096) as one would hope, and wraps other excesses.
    """
    for p in program.network.populations:
        if p.neuron is not None:
            yield from _held(p)


def _held(p: Population) -> Iterator[Finding]:
    assert p.neuron is not None
    keep, keep_u = np.broadcast_arrays(*(each(register, p.grid) for register in (p.neuron.keep, p.neuron.keep_u)))
    for what, found, low, high in (
        ("keep_u", keep_u, 0, _MOST_DECAY),
        ("keep of neurons with a current memory", keep[keep_u > 0], arith.KEEP_ALL - _MOST_DECAY, arith.KEEP_ALL),
    ):
        if found.size and not low <= found.min() <= found.max() <= high:
            yield Finding(p.name, what, f"{found.min()}..{found.max()}", f"{low}..{high}")
