"""Two sides, their difference and the history, laid out to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from tritspike.runtime.tables import COINCIDENCE, RELAY
from tritspike.runtime.tasks.spike_rates import Count, Counts
from tritspike.runtime.tasks.versus.comparison import Comparison, saving
from tritspike.runtime.tasks.versus.runs import Past
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import CHECKPOINT
from tritspike.runtime.tasks.versus.statistics import LEVEL

_APART = {"coincidence neurons": COINCIDENCE, "relays": RELAY}
_NONE = "-"


def tables(c: Comparison) -> Iterator[Table | str]:
    """Everything that there is to print, in order."""
    yield f"{c.asked.task.name} {c.asked.split}: {c.examples:,} examples of {c.data.path}"
    yield _sides(c)
    if c.a.spikes or c.b.spikes:
        yield _rates(c.a, c.b)
    yield from _pair(c)


def _sides(c: Comparison) -> Table:
    table = _table("two models; energy is 45 nm arithmetic, modelled, not measured", ("", "A", "B"))
    table.add_row("model", c.a.source, c.b.source)
    table.add_row("kind", c.a.kind, c.b.kind)
    for name in c.asked.task.metrics:
        table.add_row(name, *(f"{metrics[name]:.4f}" for metrics in c.metrics))
    table.add_row("parameters", f"{c.a.parameters:,}", f"{c.b.parameters:,}")
    table.add_row("bytes", f"{c.a.bytes:,}", f"{c.b.bytes:,}")
    table.add_row("tokens a sentence", *(f"{s.tokens.mean():.1f}" for s in (c.a, c.b)))
    table.add_row("mean spike rate", *(_NONE if s.mean_rate is None else f"{s.mean_rate:.4f}" for s in (c.a, c.b)))
    for row in _energy(c):
        table.add_row(*row)
    return table


def _energy(c: Comparison) -> Iterator[tuple[str, ...]]:
    sides, saved = (c.a, c.b), (saving(c.a, c.b), saving(c.b, c.a))
    for name, key in (("accumulates a sentence", "accumulates"), ("multiplies a sentence", "multiplies")):
        yield name, *(f"{s.operations[key]:,.0f}" if s.operations else _NONE for s in sides)
    for name, key in (("energy, uJ", "arithmetic pJ"), ("with data movement, uJ", "with movement pJ")):
        yield name, *(f"{s.operations[key] * 1e-6:,.2f}" if s.operations else "lower it" if s.kind == CHECKPOINT else _NONE for s in sides)
    for name in dict.fromkeys([*saved[0], *saved[1]]):
        yield f"times less energy than {name}", *(f"{found[name]:.2f}" if name in found else _NONE for found in saved)


def _rates(a: Side, b: Side) -> Table:
    table = _table("spike rates at positions that hold a token", ("population", "A", "B"))
    for name in dict.fromkeys([*a.spikes, *b.spikes]):
        table.add_row(name, *(_rate(s.spikes.get(name)) for s in (a, b)))
    table.add_row("mean", *(_NONE if s.mean_rate is None else f"{s.mean_rate:.4f}" for s in (a, b)))
    for name, role in _APART.items():
        if a.apart or b.apart:
            table.add_row(f"{name}, not in the mean", *(_rate(_together(s.apart, role)) for s in (a, b)))
    return table


def _together(apart: Counts, role: str) -> Count | None:
    """All relays, or all coincidence neurons, as one population: their names end in what they are."""
    found = [count for name, count in apart.items() if name.endswith("relay") == (role == RELAY)]
    return Count(sum(c.spikes for c in found), sum(c.cells for c in found)) if found else None


def _rate(count: Count | None) -> str:
    return f"{count.rate:.4f}" if count else _NONE


def _pair(c: Comparison) -> Iterator[str]:
    how = f"percentile bootstrap, {c.resamples:,} paired resamples, seed {c.seed}"
    yield f"{c.metric}, B - A: {c.points:+.2f} points, {LEVEL:.0%} interval {c.interval.low:+.2f} to {c.interval.high:+.2f} ({how})"
    if c.mcnemar:
        yield f"McNemar, exact: {c.mcnemar.only_a} right in A alone, {c.mcnemar.only_b} in B alone, p = {c.mcnemar.p:.4g}"
    yield f"agreement of A and B: {_agreement(c.agreement)}"


def _agreement(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {_number(value, '.4f')}" for name, value in found.items())


def history_table(runs: Sequence[Past]) -> Table:
    """Kept runs, one a row."""
    table = _table("comparisons, newest first", ("time, UTC", "examples", "A", "B", "metric", "A's", "B's", "B - A, points", "p", "agree"), 4)
    for column in (*table.columns[:2], *table.columns[4:]):
        column.no_wrap = True
    for r in runs:
        scores = (_number(r.a_score, ".4f"), _number(r.b_score, ".4f"))
        points = f"{_number(r.points, '+.2f')} ({_number(r.low, '+.2f')} to {_number(r.high, '+.2f')})"
        agreed = ", ".join(_number(value, ".4f") for value in r.agreement.values())
        table.add_row(r.time, f"{r.task} {r.split}, {r.examples:,}", r.a, r.b, r.metric, *scores, points, _number(r.p, ".3g"), agreed)
    return table


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None or value != value else format(value, form)


def _table(title: str, columns: tuple[str, ...], left: int = 1) -> Table:
    table = Table(title=title)
    for n, name in enumerate(columns):
        table.add_column(name, justify="left" if n < left else "right", overflow="fold", no_wrap=n == 0)
    return table
