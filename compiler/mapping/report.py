"""All figures of one mapping: what `--map` prints, and what is kept in the .map file for `inspect --map`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tritspike.compiler.mapping import place, resources
from tritspike.compiler.mapping.cost import Events, energy, events, static, timing
from tritspike.compiler.mapping.counts import neurobench
from tritspike.compiler.mapping.fit import Mapped
from tritspike.compiler.mapping.workload import Workload
from tritspike.runtime.host.program import Program
from tritspike.runtime.map_report import OfTexts, Priced, Report, Resource, Share, Traffic
from tritspike.runtime.network.network import Stream
from tritspike.runtime.tasks.operations import TEACHER, FloatModel, Operations, float_operations, operations, same_size

_RANDOM = 10  # random placements whose mean the optimiser is compared with


def report(mapped: Mapped, workload: Workload, program: Program | None = None) -> Report:
    """Utilisation, traffic, energy, time and counts of a window. program: the texts' side, whose network is mapped; without, such parts are None."""
    profile, rates = mapped.partition.profile, workload.rates
    found, seconds = events(mapped, rates), timing(mapped, rates)
    return Report(
        profile=profile.name,
        slices=len(mapped.partition),
        cores=Share(mapped.cores, profile.cores),
        chips=Share(len(np.unique(mapped.core // profile.cores_per_chip)), profile.chips),
        resources={name: _resource(mapped.uses[name], limit, profile.cores) for name, limit in resources.limits(profile).items()},
        workload=workload.source,
        traffic=_traffic(mapped),
        events={name: float(value) for name, value in vars(found).items()},
        energy_pj=energy(found, profile),
        static=static(seconds, profile),
        seconds=seconds,
        operations=dict(_operations(found, workload, program)),
        neurobench=neurobench(mapped.partition, found, rates),
        sample_reset="on the chip" if profile.sample_reset else "by host code, which is not part of this project",
        texts=None if program is None else _of_texts(program, workload),
    )


def _operations(found: Events, workload: Workload, program: Program | None) -> Iterator[tuple[str, Priced]]:
    """Of this program and, where it is one of texts, of float models on the same texts."""
    yield f"this {'network' if program is None else 'program'}", _priced(operations(found.synaptic, found.updates, found.leaky_updates))
    for model in [] if program is None else _rivals(program):
        yield model.name, _priced(float_operations(model, workload.tokens))


def _priced(found: Operations) -> Priced:
    return Priced(found["accumulates"], found["multiplies"], found["arithmetic pJ"], found["with movement pJ"])


def _rivals(program: Program) -> list[FloatModel]:
    """Float models of what is on the chip: a head that the host has is left out. The teacher is an encoder's."""
    student = same_size(program)
    chip = [] if student is None else [student if program.host.head is None else replace(student, vocabulary=0)]
    return chip if program.each else [*chip, TEACHER]


def _of_texts(program: Program, workload: Workload) -> OfTexts:
    """Multiplies of 8-bit numbers on the host, for each token: its front end's and, where it has the head, that one's."""
    tokens, head = 1.0 if program.flows else float(np.mean(workload.tokens)), program.host.head
    sizes = {"front end": program.host.front.projection.size} | ({} if head is None else {"head": head.size})
    host, timing = {f"{name}, 8-bit multiplies": size * tokens for name, size in sizes.items()}, program.scheduled.timing
    return OfTexts(0 if program.flows else program.positions, tokens, host, timing.slot if isinstance(timing, Stream) else 0)


def _resource(column: np.ndarray, limit: int, cores: int) -> Resource:
    return Resource(int(column.sum()), limit * cores, int(column.min()), float(np.median(column)), int(column.max()), limit)


def _traffic(mapped: Mapped) -> Traffic:
    t = mapped.traffic
    at_random = float(np.mean([t.weighed(place.random(t, seed)) for seed in range(_RANDOM)]))
    return Traffic(t.messages, t.weighed(mapped.core), t.weighed(place.in_order(t)), at_random)
