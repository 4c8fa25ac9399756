"""What a mapping takes, counted neuron by neuron and synapse by synapse from the program's materialised matrices; no code of the mapper's."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from tritspike.runtime.program import SOURCE

POSITION_AXES = {"s", "i", "j"}


def coordinates(program, p):
    """By axis, each neuron's coordinate, from nothing but the order of the axes."""
    shape = [p.stages, *(program.dims.axis(a) for a in p.axes)]
    found = dict(zip("s" + p.axes, np.unravel_index(np.arange(program.size(p)), shape)))
    if "p" in found:
        pairs = [(i, j) for i in range(program.dims.positions) for j in range(program.dims.positions) if j <= i or not program.dims.causal]
        i, j = np.array(pairs).T
        found["i"], found["j"] = i[found["p"]], j[found.pop("p")]
    return found


def owners(program, tiling):
    """(neurons,) number of the one slice that holds each neuron; fails where none or several do."""
    at, owner = coordinates(program, tiling.population), np.full(program.size(tiling.population), -1)
    names = "s" + tiling.population.axes.replace("p", "ij")
    for number, box in enumerate(tiling.boxes):
        inside = np.all([(at[a] >= low) & (at[a] < high) for a, (low, high) in zip(names, box)], axis=0)
        assert (owner[inside] == -1).all(), f"{tiling.population.name}: a neuron in two slices"
        owner[inside] = number
    assert (owner >= 0).all(), f"{tiling.population.name}: a neuron in no slice"
    return owner


def used(program, profile, mapping):
    """By core, (neurons, bytes, bytes of synapses, input axons, output slots, configurations), and all synapses that were counted."""
    owner = {t.population.name: owners(program, t) for t in mapping.tilings}
    core = {name: mapping.cores[name][slices] for name, slices in owner.items()}
    held = defaultdict(lambda: [0, 0, 0, 0, 0, set()])
    for t in mapping.tilings:
        p = t.population
        for c in core[p.name]:
            held[c][0] += 1
            held[c][1] += profile.state_bytes + (profile.bias_bytes if p.bias else 0)
            held[c][5].add((p.keep, p.vth, p.bias and p.bias.exponent, (p.latency % program.steps) if p.resets else None))
    synapses = 0
    for s in program.synapses:
        matrix = program.csr(s).tocoo()
        keep = matrix.data != 0
        synapses += int(keep.sum())
        _count(program, profile, mapping, s, matrix.row[keep], matrix.col[keep], matrix.data[keep], owner, core, held)
    return held, synapses


def _count(program, profile, mapping, s, rows, columns, weights, owner, core, held):
    """One projection's lists, axons and slots, slice by slice."""
    source, form = program.by_name[s.source], mapping.forms[s.name]
    low, high = min(weights, default=0), max(weights, default=0)
    bits = max(int(max(-low, high, 1)).bit_length() + int(low < 0 < high), 1)
    bits = 8 if bits == 7 else bits
    at, there = coordinates(program, source), coordinates(program, program.by_name[s.target])
    position = np.stack([at[a] for a in at if a in POSITION_AXES], 1)
    boxes = next(t.boxes for t in mapping.tilings if t.population.name == s.target)
    names = "s" + program.by_name[s.target].axes.replace("p", "ij")
    for number in np.unique(owner[s.target][rows]):
        mine = owner[s.target][rows] == number
        here = int(mapping.cores[s.target][number])
        extent = {a: int(b - a0) for a, (a0, b) in zip(names, boxes[number])}
        lists = defaultdict(list)
        for column, row in zip(columns[mine], rows[mine]):
            lists[int(column)].append(int(row))
        matrix = type(s.wiring).__name__ in ("Matrix", "Pool")
        span = np.prod([n for a, n in extent.items() if a not in POSITION_AXES]) if matrix else np.prod(list(extent.values()))
        index = 0 if form == "dense" or span == 1 else max(int(np.ceil(np.log2(span))), profile.index_bits_min)
        stored = {}
        for column, targets in lists.items():
            base = np.array([[there[a][t] for a in names if a in POSITION_AXES] for t in targets])
            entries = int(span) if form == "dense" and matrix else len(targets)
            relative = tuple(sorted(map(tuple, base - base.min(0)))) + tuple(
                tuple(int(there[a][t]) for a in names if a not in POSITION_AXES) for t in sorted(targets)
            )
            channel = tuple(int(at[a][column]) for a in at if a not in POSITION_AXES)
            stored[(channel, relative) if form == "shared" else column] = _packed(entries, bits + index, profile)
        size = sum(stored.values()) // 8
        held[here][1] += size
        held[here][2] += size
        held[here][3] += len(np.unique(position[list(lists)], axis=0)) if form == "shared" else len(lists)
        if source.role != SOURCE:
            for column in lists:
                held[int(core[s.source][column])][4] += profile.population_axon_slots if form == "shared" else 1


def _packed(entries, bits, profile):
    total = 0
    while entries > 0:
        now = min(entries, profile.synapses_per_header)
        total += -(-(now * bits + profile.header_bits) // profile.word_bits) * profile.word_bits
        entries -= now
    return total
