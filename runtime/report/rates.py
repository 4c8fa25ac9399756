"""Spikes: one text's through all layers, and how often each population fires."""

from __future__ import annotations

from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.rates import rates_of
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
    """Shares of (neuron, step) cells: of a program of texts as `compare` has them, and of all steps."""
    texts = isinstance(program, Program)
    own, apart, average = _of_texts(program, played) if isinstance(program, Program) else _flat(program.scheduled, played.activity)
    bars = [Bar(name, rate, f"{rate:.1%}") for name, rate in own.items()] + [Bar(name, rate, f"{rate:.1%}", "apart") for name, rate in apart.items()]
    sentence = (
        f"Share of (neuron, step) cells that spike, {_where(program)}, counted on {played.source}; hatched: relays and coincidences, not in the mean."
    )
    says = (_of_all_steps(program.scheduled, played.activity),) if texts and average is not None else ()
    return Section("rates", _heading(own, average, texts), says, (Bars(sentence, tuple(bars)),), ())


def _heading(own: Shares, average: float | None, texts: bool) -> str:
    if average is None:
        return "Nothing was counted"
    most = max(own, key=lambda name: own[name], default=None)
    often = "" if most is None or len(own) < 2 else f"; {most} most often, in {own[most]:.1%}"
    return f"{'Where a text has tokens, a' if texts else 'A'} neuron spikes in {average:.1%} of steps{often}"


def _where(program: Program | ArrayProgram) -> str:
    if isinstance(program, ArrayProgram):
        return "of all steps"
    lasting = "; of neurons whose state lasts, at all steps" if program.flows else ""
    return f"where a text has tokens{lasting}"


def _of_all_steps(program: Scheduled, activity: Activity) -> str:
    """The same mean over what a board runs."""
    average = _flat(program, activity)[2] or 0.0
    return f"A board's costs are of all its steps, those of padding and between tokens too: of these it spikes in {average:.1%}."


def _of_texts(program: Program, played: Played) -> tuple[Shares, Shares, float | None]:
    own, apart = spike_counts(program, played.activity, played.lengths)
    return {name: c.rate for name, c in own.items()}, {name: c.rate for name, c in apart.items()}, mean(own)


def _flat(program: Scheduled, activity: Activity) -> tuple[Shares, Shares, float | None]:
    """(of populations with a rule of their own, of coincidences and relays, the mean of the first), in all steps."""
    network, rates = program.network, rates_of(program, activity).spikes
    told = told_by_timing(network)
    kinds = {p.name: kind(program, p) for p in network.populations if repeated(network, p) not in told}
    own = {name: rates[name] for name, found in kinds.items() if found in (HOST, LIF)}
    apart = {name: rates[name] for name, found in kinds.items() if found == COINCIDENCE}
    relays: dict[str, list[float]] = {}
    for p in network.populations:
        if (origin := repeated(network, p)) != p.name and p.name in kinds:
            relays.setdefault(f"{origin}.relay", []).append(rates[p.name])
    return own, apart | {name: sum(some) / len(some) for name, some in relays.items()}, sum(own.values()) / len(own) if own else None
