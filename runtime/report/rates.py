"""Spikes: one text's through all layers, and how often each population fires."""

from __future__ import annotations

from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.report.played import Played, told_by_timing
from tritspike.runtime.report.records import Band, Bar, Bars, Raster, Section, Table
from tritspike.runtime.tables import COINCIDENCE, HOST, LIF, kind
from tritspike.runtime.tasks.spike_rates import mean, repeated, spike_counts

Shares = dict[str, float]  # spikes a neuron and step, by population


def raster_section(played: Played) -> Section:
    """The text, its tokens and its spikes."""
    raster = played.raster
    spikes, neurons = sum(sum(b.totals) for b in raster.bands), sum(b.neurons for b in raster.bands)
    begin = f"In {len(raster.columns):,} steps there are" if raster.frames == 1 else f"{len(raster.columns):,} tokens cause"
    heading = f"{begin} {spikes:,} spikes in {len(raster.bands)} populations of {neurons:,} neurons"
    says = () if raster.frames == 1 else (f"What is read: {' '.join(raster.columns)}",)
    return Section("spikes", heading, says, (raster,), tuple(_by_step(raster)))


def _by_step(raster: Raster) -> list[Table]:
    """Spikes of all neurons, for those who cannot see the picture."""
    if raster.frames == 1:
        rows = tuple((b.name, f"{b.neurons:,}", f"{sum(b.totals):,}") for b in raster.bands)
        return [Table("Spikes by population", ("population", "neurons", "spikes"), rows, folded=True)]
    head = ("population", *(f"step {n + 1}" for n in range(raster.stops)))
    return [Table("Spikes of all tokens by population and step", head, tuple(_row(b, raster.stops) for b in raster.bands), folded=True)]


def _row(band: Band, stops: int) -> tuple[str, ...]:
    seen = {n + band.latency: f"{total:,}" for n, total in enumerate(band.totals)}
    return (band.name, *(seen.get(n, "") for n in range(stops)))


def rates_section(program: Program | ArrayProgram, played: Played) -> Section:
    """Shares of (neuron, step) cells."""
    own, apart, average = (
        _windowed(program, played) if isinstance(program, Program) and not program.flows else _flat(program.scheduled, played.activity)
    )
    where = "where a text has tokens" if isinstance(program, Program) and not program.flows else "of all steps"
    bars = [Bar(name, rate, f"{rate:.1%}") for name, rate in own.items()] + [Bar(name, rate, f"{rate:.1%}", "apart") for name, rate in apart.items()]
    heading = f"A neuron spikes in {average:.1%} of steps" if average is not None else "Nothing was counted"
    most = max(own, key=lambda name: own[name], default=None)
    heading += "" if most is None or len(own) < 2 else f"; {most} most often, in {own[most]:.1%}"
    sentence = f"Share of (neuron, step) cells that spike, {where}, counted on {played.source}; hatched: relays and coincidences, not in the mean."
    return Section("rates", heading, (), (Bars(sentence, tuple(bars)),), ())


def measured(program: Scheduled, activity: Activity) -> Shares:
    """Of every population, padded positions included: what messages follow from."""
    cells = activity.samples * program.timing.period
    return {p.name: activity.spikes[p.name] / (cells * p.size) for p in program.network.populations}


def _windowed(program: Program, played: Played) -> tuple[Shares, Shares, float | None]:
    own, apart = spike_counts(program, played.activity, played.lengths)
    return {name: c.rate for name, c in own.items()}, {name: c.rate for name, c in apart.items()}, mean(own)


def _flat(program: Scheduled, activity: Activity) -> tuple[Shares, Shares, float | None]:
    """(of populations with a rule of their own, of coincidences and relays, the mean of the first)."""
    network, rates = program.network, measured(program, activity)
    told = told_by_timing(network)
    kinds = {p.name: kind(program, p) for p in network.populations if repeated(network, p) not in told}
    own = {name: rates[name] for name, found in kinds.items() if found in (HOST, LIF)}
    apart = {name: rates[name] for name, found in kinds.items() if found == COINCIDENCE}
    relays: dict[str, list[float]] = {}
    for p in network.populations:
        if (origin := repeated(network, p)) != p.name and p.name in kinds:
            relays.setdefault(f"{origin}.relay", []).append(rates[p.name])
    return own, apart | {name: sum(some) / len(some) for name, some in relays.items()}, sum(own.values()) / len(own) if own else None
