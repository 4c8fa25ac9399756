"""What a program costs, by what was counted here: in 45 nm operations and, where it is mapped, on its board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.map_report import Priced, Report, Resource
from tritspike.runtime.mapping import Mapping
from tritspike.runtime.on_cores import Costs, costs
from tritspike.runtime.rates import rates_of
from tritspike.runtime.report.played import Played
from tritspike.runtime.report.records import Bar, Bars, Section, Table
from tritspike.runtime.tasks.operations import beside, synaptic_events, window_operations
from tritspike.runtime.unit import Unit, unit

_MICRO = 1e-6  # pJ to uJ
_MOVED = "with data movement"
_COUNTED = "0.9 pJ an accumulate, 4.6 pJ a multiply, 5 pJ a 32-bit access"


@dataclass(frozen=True)
class OnBoard:
    """costs: of a `unit`, at the spike rates that `rates` says in words; figures: the mapping's own."""

    figures: Report
    costs: Costs
    rates: str


def on_board(program: Program | ArrayProgram, played: Played, mapping: Mapping | None, profile: HardwareProfile | None) -> OnBoard | None:
    """At the spikes that were counted here; on a board that is not known here as the mapping has it. None without a mapping's figures."""
    if mapping is None or mapping.report is None:
        return None
    r = mapping.report
    if profile is None:
        return OnBoard(r, Costs(r.energy_pj, r.static, r.seconds, r.traffic.messages, r.traffic.optimised), r.workload)
    found = costs(mapping, profile, rates_of(program.scheduled, played.activity), unit(program).windows)
    return OnBoard(r, found, f"counted on {played.source}")


def section(program: Program | ArrayProgram, played: Played, board: OnBoard | None) -> Section:
    """board: None where there is no mapping."""
    found, of = _priced(program, played), unit(program)
    charts, tables, says = [_operations(found, of, played.source)], [], []
    if board is None:
        says.append("Energy and time on a chip are known for a mapping alone: lower it with --map.")
    else:
        charts.append(_on_chip(board, of.name))
        tables = [_time(board, of.name), _resources(board.figures)]
        says.append(f"On {board.figures.profile}, modelled and not measured; spike rates {board.rates}. {_static(board.costs, of.name)}")
        says.append(_no_time_of_others())
    return Section("costs", _heading(found, of.name), tuple(says), tuple(charts), tuple(tables))


def _no_time_of_others() -> str:
    return "Latency is that of this program on the board: none is modelled for float models, which run elsewhere."


def _priced(program: Program | ArrayProgram, played: Played) -> dict[str, Priced]:
    """45 nm operations from what was counted here."""
    activity = played.activity
    if isinstance(program, ArrayProgram):
        events = sum(activity.events.values()) / activity.samples
        return {"this network": Priced.of(window_operations(program.scheduled, events))}
    return {name: Priced.of(found) for name, found in beside(program, synaptic_events(program, activity), played.lengths.tolist()).items()}


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


def _operations(found: dict[str, Priced], of: Unit, source: str) -> Bars:
    bars = [bar for name, priced in found.items() for bar in _two(name, priced)]
    held = f", of a slot of {of.slot} tokens," if of.slot else ","
    what = f"Energy a {of.name}{held} in microjoules, the mean of {source}, in 45 nm operations"
    return Bars(f"{what} ({_COUNTED}); hatched: data movement too.", tuple(bars))


def _two(name: str, priced: Priced) -> Iterator[Bar]:
    for label, energy, mark in ((name, priced.arithmetic_pj, ""), (f"the same, {_MOVED}", priced.movement_pj, "apart")):
        yield Bar(label, energy * _MICRO, f"{_micro(energy)} uJ", mark)


def _on_chip(board: OnBoard, of: str) -> Bars:
    c = board.costs
    bars = [Bar(f"dynamic: {cause}", e * _MICRO, f"{_micro(e)} uJ") for cause, e in c.energy_pj.items()]
    bars.append(Bar(f"static, {of}s one behind another", c.static.streamed_pj * _MICRO, f"{_micro(c.static.streamed_pj)} uJ", "static"))
    if of != "token":
        bars.append(Bar(f"static, one {of} alone", c.static.alone_pj * _MICRO, f"{_micro(c.static.alone_pj)} uJ", "static"))
    return Bars(
        f"Energy a {of} on {board.figures.profile} in microjoules: solid what events cost, dotted what the board draws whatever it computes.",
        tuple(bars),
    )


def _static(c: Costs, of: str) -> str:
    dynamic = sum(c.energy_pj.values())
    whole = dynamic + c.static.streamed_pj
    share = f"{c.static.streamed_pj / whole:.1%} of {_micro(whole)} uJ a {of}" if whole else "none"
    return f"The board draws {c.static.watts:,.4g} W whatever it computes; that is {share} where they come one behind another."


def _time(board: OnBoard, of: str) -> Table:
    r, c, s = board.figures, board.costs, board.costs.seconds
    rows = (
        ("a step", f"{s.step * 1e6:,.1f} us"),
        (f"a {of} from its first step to its answer", f"{s.latency * 1e6:,.1f} us"),
        (f"{of}s a second, one behind another", f"{s.a_second:,.0f}"),
        (f"messages a {of}", f"{c.messages:,.0f}"),
        (f"messages x weighed hops a {of}", f"{c.weighed:,.0f}"),
        ("cores in use", f"{r.cores.used:,} of {r.cores.allowed:,}"),
        ("chips in use", f"{r.chips.used:,} of {r.chips.allowed:,}"),
        ("samples are cleared", r.sample_reset),
    )
    return Table(f"Time and traffic on {r.profile}, spike rates {board.rates}", ("figure", "value"), rows)


def _resources(r: Report) -> Table:
    head = ("resource", "used", "allowed", "share", "a core: least", "median", "most", "limit")
    return Table("What of the board is used", head, tuple(_row(name, found) for name, found in r.resources.items()), folded=True)


def _row(name: str, r: Resource) -> tuple[str, ...]:
    core = (f"{r.least:,}", f"{r.median:,.0f}", f"{r.most:,}", f"{r.limit:,}")
    return (name, f"{r.used:,}", f"{r.allowed:,}", f"{r.used / r.allowed:.1%}", *core)
