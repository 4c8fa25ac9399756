"""A mapping's figures, and their tables. They are computed when a program is lowered with --map; here they are only laid out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime import records
from tritspike.runtime.errors import InputError
from tritspike.runtime.unit import Unit


@dataclass(frozen=True)
class Share:
    """Of a board."""

    used: int
    allowed: int


@dataclass(frozen=True)
class Resource:
    """Used on the board and allowed; of the cores in use the least, median and most, and the limit of one."""

    used: int
    allowed: int
    least: int
    median: float
    most: int
    limit: int


@dataclass(frozen=True)
class Traffic:
    """Messages; and messages times weighed hops as placed, in order of latency, and at random."""

    messages: float
    optimised: float
    program_order: float
    random: float


@dataclass(frozen=True)
class Seconds:
    """Of one step, and of one unit from its first step to where all have seen it (of a stream: what is read); units a second when streamed."""

    step: float
    latency: float
    a_second: float


@dataclass(frozen=True)
class Static:
    """What the board draws whatever it computes, in watts; what that adds to a unit where they stream, and to one alone, in picojoules."""

    watts: float
    streamed_pj: float
    alone_pj: float


@dataclass(frozen=True)
class Priced:
    """Operations in 45 nm and their energy, without and with data movement."""

    accumulates: float
    multiplies: float
    arithmetic_pj: float
    movement_pj: float

    @classmethod
    def of(cls, found: Mapping[str, float]) -> Priced:
        """Of `operations.Operations`."""
        return cls(found["accumulates"], found["multiplies"], found["arithmetic pJ"], found["with movement pJ"])


@dataclass(frozen=True)
class OfTexts:
    """What only a program of texts has. length: most tokens, 0 of a stream; tokens: mean of those assumed or measured, 1 of a stream without
    end; host: 8-bit multiplies of each part for so many tokens."""

    length: int
    tokens: float
    host: dict[str, float]


@dataclass(frozen=True)
class Report:
    """All figures of one mapped network, each of its `unit`. workload: where its spike rates are from, in words. operations: of this program
    and of others."""

    profile: str
    unit: Unit
    slices: int
    cores: Share
    chips: Share
    resources: dict[str, Resource]
    workload: str
    traffic: Traffic
    events: dict[str, float]
    energy_pj: dict[str, float]
    static: Static
    seconds: Seconds
    operations: dict[str, Priced]
    neurobench: dict[str, float]
    sample_reset: str
    texts: OfTexts | None

    @property
    def tokens(self) -> float | None:
        """By which a unit's figures are divided to be a token's: a slot's, padding among them, or a text's. None where it has none, or is one."""
        if self.texts is None or self.unit == Unit("token"):
            return None
        return self.unit.slot or self.texts.tokens


def findings(report: Any) -> Iterator[Finding]:
    """What of a report that was read from a file is none, or `tables` could not print."""
    found = list(records.findings(report, Report, "report"))
    yield from found
    if not found:
        allowed = {f"resources: {name}: allowed": r["allowed"] for name, r in report["resources"].items()}
        allowed["unit: windows"] = report["unit"]["windows"]
        allowed |= {"texts: tokens": report["texts"]["tokens"]} if report["texts"] is not None else {}
        yield from (Finding("report", name, number, "more than 0") for name, number in allowed.items() if number <= 0)


def tables(report: Report | None) -> Iterator[Table | str]:
    """Everything that there is to print, in order. Raises `InputError` for a mapping that was written without figures."""
    if report is None:
        raise InputError("the mapping holds no figures", "lower it again with --map")
    yield _headline(report)
    yield _resources(report)
    yield _costs(report)
    yield _counts(report)
    yield _neurobench(report)


def _headline(r: Report) -> str:
    length = "" if r.texts is None else f", {r.texts.length} tokens" if r.texts.length else ", a stream"
    return (
        f"{r.profile}{length}: {r.slices:,} slices on {r.cores.used:,} of {r.cores.allowed:,} cores, {r.chips.used:,} of {r.chips.allowed:,} chips; "
        f"sample reset {r.sample_reset}; spike rates {r.workload}"
    )


def _table(title: str, *columns: str) -> Table:
    """Of columns of numbers behind one of names."""
    table = Table(title=title)
    for n, name in enumerate(columns):
        table.add_column(name, justify="right" if n else "left")
    return table


def _resources(r: Report) -> Table:
    table = _table("what is used", "resource", "used", "allowed", "share", "a core: least", "median", "most", "limit")
    for name, found in r.resources.items():
        share, core = f"{found.used / found.allowed:.1%}", (f"{found.least:,}", f"{found.median:,.0f}", f"{found.most:,}", f"{found.limit:,}")
        table.add_row(name, f"{found.used:,}", f"{found.allowed:,}", share, *core)
    return table


def _costs(r: Report) -> Table:
    """Traffic, energy and time."""
    a = f"a {r.unit.name}"
    held = f", a slot of {r.unit.slot} tokens" if r.unit.slot else f" of {r.tokens:.1f} tokens" if r.tokens else ""
    table = _table(f"{a}{held}, streamed; modelled, not measured", "figure", a, *(["a token"] if r.tokens else []))
    for row in _cost_rows(r, r.tokens or 1.0):
        table.add_row(*row[: len(table.columns)])
    return table


def _cost_rows(r: Report, tokens: float) -> Iterator[tuple[str, str, str]]:
    """(figure, of a unit, of a token)."""
    t, s = r.traffic, r.seconds
    yield "messages", *_both(t.messages, tokens, "{:,.0f}")
    yield "messages x weighed hops", *_both(t.optimised, tokens, "{:,.0f}")
    for other, weighed in (("random", t.random), ("program order", t.program_order)):
        yield f"of {other} placement", f"{t.optimised / weighed:.3f}" if weighed else "no hops", ""
    for cause, picojoules in r.energy_pj.items():
        yield f"energy, uJ: {cause}", *_both(picojoules * 1e-6, tokens, "{:,.2f}")
    for name, picojoules in _totals(r):
        yield name, *_both(picojoules * 1e-6, tokens, "{:,.2f}")
    yield "a step, us", f"{s.step * 1e6:,.1f}", ""
    yield "latency, us", f"{s.latency * 1e6:,.1f}", f"{_token_latency(r, tokens) * 1e6:,.1f}"
    yield "throughput, a second", f"{s.a_second:,.0f}", f"{s.a_second * tokens:,.0f}"


def _token_latency(r: Report, tokens: float) -> float:
    """Of a slot's last token, before which all others have come; else a token's share."""
    s = r.seconds
    return s.latency - (r.unit.slot - 1) / (s.a_second * tokens) if r.unit.slot else s.latency / tokens


def _both(value: float, tokens: float, form: str) -> tuple[str, str]:
    return form.format(value), form.format(value / tokens)


def _totals(r: Report) -> Iterator[tuple[str, float]]:
    """Picojoules a unit: of all events, of the board's static power, and of both."""
    dynamic = sum(r.energy_pj.values())
    yield "energy, uJ: dynamic, all of these", dynamic
    yield f"energy, uJ: static, {r.static.watts:,.4g} W", r.static.streamed_pj
    yield "energy, uJ: dynamic and static", dynamic + r.static.streamed_pj
    if r.unit.name != "token":  # one alone takes its period too
        yield f"the same of a {r.unit.name} alone", dynamic + r.static.alone_pj


def _counts(r: Report) -> Table:
    title = f"a {r.unit.name} in 45 nm operations: 0.9 pJ an accumulate, 4.6 pJ a multiply, 5 pJ a 32-bit access"
    table = _table(title, "model", "accumulates", "multiplies", "uJ", "uJ with data movement")
    for name, found in r.operations.items():
        numbers = (f"{found.accumulates:,.0f}", f"{found.multiplies:,.0f}")
        table.add_row(name, *numbers, f"{found.arithmetic_pj * 1e-6:,.2f}", f"{found.movement_pj * 1e-6:,.2f}")
    return table


def _neurobench(r: Report) -> Table:
    table = _table(f"NeuroBench, an execution being a {r.unit.name}", "metric", "value")
    for name, value in r.neurobench.items():
        table.add_row(name, f"{value:.4f}" if "Sparsity" in name else f"{value:,.0f}")
    return table
