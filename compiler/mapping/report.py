"""All figures of one mapping: what `--map` prints, and what is kept in the .map file for `inspect --map`."""

from __future__ import annotations

import numpy as np

from tritspike.compiler.mapping import place, resources
from tritspike.compiler.mapping.cost import events, timing
from tritspike.compiler.mapping.counts import neurobench
from tritspike.compiler.mapping.fit import Mapped
from tritspike.compiler.mapping.workload import Workload
from tritspike.runtime.board_costs import energy, static
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.map_report import OfTexts, Priced, Report, Resource, Share, Traffic
from tritspike.runtime.tasks.operations import Operations, beside, window_operations, with_head
from tritspike.runtime.unit import unit

_RANDOM = 10  # random placements whose mean the optimiser is compared with


def report(mapped: Mapped, workload: Workload, program: Program | None = None) -> Report:
    """Utilisation, traffic, energy, time and counts of a `unit`. program: the texts' side, whose network is mapped; without, such parts are None."""
    profile, rates = mapped.partition.profile, workload.rates
    of = unit(ArrayProgram(scheduled=mapped.partition.stacked.original) if program is None else program)
    found, seconds = events(mapped, rates).times(of.windows), timing(mapped, rates, of.windows)
    return Report(
        profile=profile.name,
        unit=of,
        slices=len(mapped.partition),
        cores=Share(mapped.cores, profile.cores),
        chips=Share(len(np.unique(mapped.core // profile.cores_per_chip)), profile.chips),
        resources={name: _resource(mapped.uses[name], limit, profile.cores) for name, limit in resources.limits(profile).items()},
        workload=workload.source,
        traffic=_traffic(mapped, of.windows),
        events={name: float(value) for name, value in vars(found).items()},
        energy_pj=energy(found, profile),
        static=static(seconds, profile),
        seconds=seconds,
        operations={name: Priced.of(counted) for name, counted in _operations(mapped, workload, program).items()},
        neurobench=neurobench(mapped.partition, found, rates),
        sample_reset="on the chip" if profile.sample_reset else "by host code, which is not part of this project",
        texts=None if program is None else _of_texts(program, workload),
    )


def _operations(mapped: Mapped, workload: Workload, program: Program | None) -> dict[str, Operations]:
    """Of this program and, where it is one of texts, of float models on the same texts."""
    network, rates = mapped.partition.stacked.original, workload.rates
    synaptic = sum(rates.events.values())
    if program is None:
        return {"this network": window_operations(network, synaptic)}
    last = program.last
    return beside(program, with_head(program, synaptic, rates.spikes[last.name] * last.size * network.timing.period), workload.tokens)


def _of_texts(program: Program, workload: Workload) -> OfTexts:
    """Multiplies of 8-bit numbers on the host: its front end's and, where it has the head, that one's."""
    tokens, head = 1.0 if program.longest is None else float(np.mean(workload.tokens)), program.host.head
    sizes = {"front end": program.host.front.projection.size} | ({} if head is None else {"head": head.size})
    host = {f"{name}, 8-bit multiplies": size * tokens for name, size in sizes.items()}
    return OfTexts(0 if program.flows else program.positions, tokens, host)


def _resource(column: np.ndarray, limit: int, cores: int) -> Resource:
    return Resource(int(column.sum()), limit * cores, int(column.min()), float(np.median(column)), int(column.max()), limit)


def _traffic(mapped: Mapped, windows: int) -> Traffic:
    t = mapped.traffic
    at_random = float(np.mean([t.weighed(place.random(t, seed)) for seed in range(_RANDOM)]))
    return Traffic(*(windows * number for number in (t.messages, t.weighed(mapped.core), t.weighed(place.in_order(t)), at_random)))
