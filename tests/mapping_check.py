"""What a network's mapping takes, counted neuron by neuron and synapse by synapse from its materialised matrices; no code of the mapper's."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.network import Stream
from tritspike.runtime.network.neuron import Resets, each

NAMES = ("neurons", "bytes of memory", "bytes of synapses", "input axons", "output axons", "neuron configurations")


def owners(program, mapped):
    """By population, (neurons,) the slice of each and where in its box it lies; fails where none or several hold it."""
    out, at_all = {}, {}
    for stack, tiling in mapped.partition.tilings.items():
        for stage, name in enumerate(mapped.partition.stacked.members[stack]):
            grid = program.network.by_name[name].grid
            at = [np.full(grids.size(grid), stage), *grids.coordinates(grid).values()]
            owner, local = np.full(grids.size(grid), -1), np.zeros(grids.size(grid), np.int64)
            for number, box in enumerate(tiling.boxes):
                inside = np.all([(a >= low) & (a < high) for a, (low, high) in zip(at, box)], axis=0)
                assert (owner[inside] == -1).all(), f"{name}: a neuron in two slices"
                owner[inside] = number
                for a, (low, high) in zip(at, box):
                    local[inside] = local[inside] * (high - low) + a[inside] - low
            assert (owner >= 0).all(), f"{name}: a neuron in no slice"
            out[name], at_all[name] = owner + mapped.partition.offsets[stack], local
    return out, at_all


def used(program, profile, mapped):
    """By core, `NAMES`, and all synapses that were counted."""
    owner, local = owners(program, mapped)
    held = defaultdict(lambda: dict.fromkeys(NAMES[:5], 0) | {NAMES[5]: set()})
    for p in program.network.populations:
        if p.neuron is not None:
            _neurons(program, profile, p, mapped.slice_core[owner[p.name]], held)
    synapses, lists = 0, defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for s in program.network.synapses:
        name = _form_name(mapped, s)
        matrix = s.wiring.csr(*program.network.grids(s)).tocoo()
        synapses += len(matrix.data)
        for row, column, weight in zip(matrix.row, matrix.col, matrix.data):
            lists[name][int(owner[s.target][row])][s.source, int(column)].append((int(local[s.target][row]), int(weight)))
    for name, slices in lists.items():
        _projection(program, profile, mapped, name, slices, owner, held)
    return held, synapses


def _neurons(program, profile, p, cores, held):
    registers = [np.broadcast_to(each(r, p.grid), p.size) for r in (p.neuron.keep, p.neuron.keep_u, p.neuron.vth)]
    cleared = None
    if p.neuron.resets is not Resets.NEVER:
        tokens = program.timing.slot if isinstance(program.timing, Stream) and p.neuron.resets is Resets.SEQUENCE else 1
        every = program.timing.period * tokens or program.latency[p.name] + 1  # once
        cleared = p.neuron.resets, program.latency[p.name] % every
    for core, *setting in zip(cores.tolist(), *registers):
        held[core]["neurons"] += 1
        held[core]["bytes of memory"] += profile.state_bytes + (profile.bias_bytes if p.neuron.bias else 0)
        held[core]["neuron configurations"].add((*map(int, setting), p.neuron.bias and p.neuron.bias.exponent, cleared))


def _form_name(mapped, s):
    """All synapses from stage to stage of a stack are stored as one."""
    return next(name for name, some in mapped.partition.stacked.synapses.items() if s.name in some)


def _projection(program, profile, mapped, name, slices, owner, held):
    """One projection's lists, axons and slots, slice by slice."""
    form = mapped.partition.forms[name]
    weights = [w for lists in slices.values() for targets in lists.values() for _, w in targets]
    low, high = min(weights, default=0), max(weights, default=0)
    bits = max(int(max(-low, high, 1)).bit_length() + int(low < 0 < high), 1)
    bits = 8 if bits == 7 else bits
    for number, lists in slices.items():
        core, stored, places = int(mapped.slice_core[number]), {}, set()
        spans = {source: max(t for t, _ in targets) - min(t for t, _ in targets) + 1 for source, targets in lists.items()}
        widest = max(spans.values())
        index = 0 if form.name == "dense" or widest == 1 else max(int(np.ceil(np.log2(widest))), profile.index_bits_min)
        for source, targets in lists.items():
            place, channel = _place(program, mapped, source, form.positions)
            begin = min(t for t, _ in targets)
            content = tuple(sorted((t - begin, w) for t, w in targets))
            key = (channel, content) if form.name == "shared" else source
            places.add(place if form.name == "shared" else source)
            stored[key] = _packed(spans[source] if form.name == "dense" else len(targets), bits + index, profile)
            if program.network.by_name[source[0]].neuron is not None:
                slots = profile.population_axon_slots if form.name == "shared" else 1
                held[int(mapped.slice_core[owner[source[0]][source[1]]])]["output axons"] += slots
        size = sum(stored.values()) // 8
        held[core]["bytes of memory"] += size
        held[core]["bytes of synapses"] += size
        held[core]["input axons"] += len(places)


def _place(program, mapped, source, positions):
    """A source neuron's coordinates, those that axons number apart from the others."""
    population, neuron = source
    stages = next(chain for chain in mapped.partition.stacked.members.values() if population in chain)
    at = {mapped.partition.stacked.axis: stages.index(population)}
    at |= {name: int(along[neuron]) for name, along in grids.coordinates(program.network.by_name[population].grid).items()}
    return tuple(at[n] for n in at if n in positions), tuple(at[n] for n in at if n not in positions)


def _packed(entries, bits, profile):
    total = 0
    while entries > 0:
        now = min(entries, profile.synapses_per_header)
        total += -(-(now * bits + profile.header_bits) // profile.word_bits) * profile.word_bits
        entries -= now
    return total


def check(program, profile, mapped):
    """Everything is on one core, within every limit, and no more than was said of it."""
    held, synapses = used(program, profile, mapped)
    assert synapses == sum(s.wiring.count(*program.network.grids(s)) for s in program.network.synapses)
    assert sum(h["neurons"] for h in held.values()) == program.network.neurons()
    assert len(set(mapped.core.tolist())) == len(mapped.core) and mapped.core.min() >= 0 and mapped.core.max() < profile.cores
    said = mapped.used()
    assert held.keys() == said.keys()
    for core, counted in held.items():
        counted["neuron configurations"] = len(counted["neuron configurations"])
        for name, number in counted.items():
            assert number <= said[core][name].used <= said[core][name].limit, (core, name, number, said[core][name])
        assert counted["neurons"] == said[core]["neurons"].used
