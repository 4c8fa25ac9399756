"""A whole program as one Lava process, for a network of one's own. Importing this imports Lava."""

from __future__ import annotations

from tritspike.hw_profiles.errors import listed
from tritspike.runtime.errors import ExecutorError, InputError
from tritspike.runtime.executors.lava.plan import Plan, findings, plan
from tritspike.runtime.executors.lava.processes import Whole
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.network import Network, Reads, Scheduled
from tritspike.runtime.network.ranges import require_ranges
from tritspike.runtime.network.soundness import require_sound


def to_lava(program: Program | Scheduled, speaks: str | None = None) -> Whole:
    """One process: an InPort of each port's name, an OutPort `s_out`, and by each probe's name that reads membranes a Var that holds them.

    s_out: spikes of the population `speaks`, by default the one that the first probe counts, or whose spikes its membranes sum. A population of
    latency l sees window n from step n * period + 1 + l on; ports are to be silent behind the last window until all have seen it.
    Run with `Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True)`.
    Raises `ExecutorError` for registers that Lava cannot hold, `RangeError` where some input could leave one, `InputError` where the program
    is not sound, or a name cannot be one of the process.
    """
    scheduled = program.scheduled if isinstance(program, Program) else program
    _require_held(scheduled)
    network = scheduled.network
    names = {probe.name: probe.population for probe in network.probes if probe.reads is Reads.MEMBRANE}
    speaker = speaks or network.heard_for(network.probes[0]).name
    planned = plan(scheduled, alone={speaker, *names.values()})
    read = {name: _group(planned, network, population) for name, population in names.items()}
    spoken = _group(planned, network, speaker)
    process = Whole(planned, read=tuple(sorted(set(read.values()))), spoken=(spoken,))
    heard = {port.name: planned.parts[port.population][0].group for port in network.ports}
    ports = {name: process.heard[group] for name, group in heard.items() if group in process.heard}
    _name(process, {**ports, **{name: process.read[group] for name, group in read.items()}, "s_out": process.spoken[spoken]})
    return process


def _require_held(program: Scheduled) -> None:
    """What Lava itself says nothing about."""
    require_sound(program)
    if found := tuple(findings(program)):
        raise ExecutorError(listed(found))
    require_ranges(program)


def _group(planned: Plan, network: Network, population: str) -> int:
    """The one that a population has for itself. Raises `InputError` where it has none: the host plays it, or its neurons are of several kinds."""
    parts = planned.parts.get(population, ())
    if len(parts) != 1 or network.by_name[population].neuron is None:
        raise InputError(f"{population}: {len(parts)} Lava processes of neurons", "a population on the chip whose neurons share leak and threshold")
    return parts[0].group


def _name(process: Whole, members: dict[str, object]) -> None:
    """Under the program's own names, beside those by which the model finds them."""
    for name, member in members.items():
        if hasattr(process, name):
            raise InputError(f"{name}: a name that a Lava process has already", "another name for the port or probe")
        setattr(process, name, member)
