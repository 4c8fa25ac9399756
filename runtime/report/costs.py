"""What a program costs: a mapping's figures as they were computed when it was lowered, or counts of what was run here."""

from __future__ import annotations

from collections.abc import Iterator

from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.map_report import Priced, Report, Resource
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.report.played import Played
from tritspike.runtime.report.records import Bar, Bars, Section, Table
from tritspike.runtime.tasks.operations import (
    TEACHER,
    Operations,
    float_operations,
    leaky_updates,
    neuron_updates,
    operations,
    program_operations,
    same_size,
)

_MICRO = 1e-6  # pJ to uJ
_MOVED = "with data movement"
_COUNTED = "0.9 pJ an accumulate, 4.6 pJ a multiply, 5 pJ a 32-bit access"


def section(program: Program | ArrayProgram, played: Played, figures: Report | None) -> Section:
    """figures: of its mapping, None where there is none."""
    found, of = _priced(program, played), _window(program)
    charts, tables, says = [_operations(found, of, played.source)], [], []
    if figures is None:
        says.append("Energy and time on a chip are known for a mapping alone: lower it with --map.")
    else:
        charts.append(_on_chip(figures, of))
        tables = [_time(figures, of), _resources(figures)]
        says.append(f"On {figures.profile}, modelled and not measured; spike rates {figures.workload}. {_static(figures, of)}")
        says.append(_no_time_of_others())
    return Section("costs", _heading(found, of), tuple(says), tuple(charts), tuple(tables))


def _no_time_of_others() -> str:
    return "Latency is that of this program on the board: none is modelled for float models, which run elsewhere."


def _window(program: Program | ArrayProgram) -> str:
    """What figures are of."""
    return "window" if isinstance(program, ArrayProgram) else "token" if program.flows else "text"


def _priced(program: Program | ArrayProgram, played: Played) -> dict[str, Priced]:
    """45 nm operations from what was counted here."""
    if isinstance(program, ArrayProgram):
        return {"this network": _as_priced(_counted(program.scheduled, played))}
    lengths = [1] if program.flows else played.lengths.tolist()
    own, rival = {"this program": _as_priced(program_operations(program, played.activity))}, same_size(program)
    rivals = [model for model in (rival, None if program.each else TEACHER) if model is not None]
    return own | {model.name: _as_priced(float_operations(model, lengths)) for model in rivals}


def _counted(program: Scheduled, played: Played) -> Operations:
    events = sum(played.activity.events.values()) / played.activity.samples
    return operations(events, sum(neuron_updates(program).values()), leaky_updates(program))


def _as_priced(found: Operations) -> Priced:
    return Priced(found["accumulates"], found["multiplies"], found["arithmetic pJ"], found["with movement pJ"])


def _micro(picojoules: float) -> str:
    """In microjoules, two digits where it is little."""
    value = picojoules * _MICRO
    return f"{value:,.2f}" if value >= 0.1 else f"{value:.2g}"


def _heading(found: dict[str, Priced], of: str) -> str:
    own, *others = found.items()
    energy = f"{_micro(own[1].arithmetic_pj)} uJ of arithmetic a {of}"
    if not others:
        return f"It takes {energy}, counted in 45 nm operations"
    name, other = others[-1]
    share = own[1].arithmetic_pj / other.arithmetic_pj if other.arithmetic_pj else 0.0
    return f"It takes {energy}: {share:.2%} of the {name.removeprefix('a ')}'s, counted in 45 nm operations"


def _operations(found: dict[str, Priced], of: str, source: str) -> Bars:
    bars = [bar for name, priced in found.items() for bar in _two(name, priced)]
    return Bars(f"Energy a {of} in microjoules, the mean of {source}, in 45 nm operations ({_COUNTED}); hatched: data movement too.", tuple(bars))


def _two(name: str, priced: Priced) -> Iterator[Bar]:
    for label, energy, mark in ((name, priced.arithmetic_pj, ""), (f"the same, {_MOVED}", priced.movement_pj, "apart")):
        yield Bar(label, energy * _MICRO, f"{_micro(energy)} uJ", mark)


def _on_chip(r: Report, of: str) -> Bars:
    bars = [Bar(f"dynamic: {cause}", e * _MICRO, f"{_micro(e)} uJ") for cause, e in r.energy_pj.items()]
    bars.append(Bar(f"static, {of}s one behind another", r.static.streamed_pj * _MICRO, f"{_micro(r.static.streamed_pj)} uJ", "static"))
    if r.window != "token":
        bars.append(Bar(f"static, one {of} alone", r.static.alone_pj * _MICRO, f"{_micro(r.static.alone_pj)} uJ", "static"))
    return Bars(
        f"Energy a {of} on {r.profile} in microjoules: solid what events cost, dotted what the board draws whatever it computes.", tuple(bars)
    )


def _static(r: Report, of: str) -> str:
    dynamic = sum(r.energy_pj.values())
    whole = dynamic + r.static.streamed_pj
    share = f"{r.static.streamed_pj / whole:.1%} of {_micro(whole)} uJ a {of}" if whole else "none"
    return f"The board draws {r.static.watts:,.4g} W whatever it computes; that is {share} where they come one behind another."


def _time(r: Report, of: str) -> Table:
    s, t = r.seconds, r.traffic
    rows = (
        ("a step", f"{s.step * 1e6:,.1f} us"),
        (f"a {of} from its first step to its answer", f"{s.latency * 1e6:,.1f} us"),
        (f"{of}s a second, one behind another", f"{s.windows_a_second:,.0f}"),
        (f"messages a {of}", f"{t.messages:,.0f}"),
        (f"messages x weighed hops a {of}, as placed", f"{t.optimised:,.0f}"),
        ("the same, cores at random", f"{t.random:,.0f}"),
        ("cores in use", f"{r.cores.used:,} of {r.cores.allowed:,}"),
        ("chips in use", f"{r.chips.used:,} of {r.chips.allowed:,}"),
        ("samples are cleared", r.sample_reset),
    )
    return Table(f"Time and traffic on {r.profile}, at the mapping's spike rates", ("figure", "value"), rows)


def _resources(r: Report) -> Table:
    head = ("resource", "used", "allowed", "share", "a core: least", "median", "most", "limit")
    return Table("What of the board is used", head, tuple(_row(name, found) for name, found in r.resources.items()), folded=True)


def _row(name: str, r: Resource) -> tuple[str, ...]:
    core = (f"{r.least:,}", f"{r.median:,.0f}", f"{r.most:,}", f"{r.limit:,}")
    return (name, f"{r.used:,}", f"{r.allowed:,}", f"{r.used / r.allowed:.1%}", *core)
