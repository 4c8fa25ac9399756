"""A against B, and the history of such comparisons."""

from __future__ import annotations

from collections.abc import Sequence

from tritspike.runtime.report.records import Intervals, Section, Span, Table
from tritspike.runtime.tasks.versus import statistics
from tritspike.runtime.tasks.versus.comparison import Comparison, finite
from tritspike.runtime.tasks.versus.runs import Past

_UNIT = "points"
_MOST_RUNS = 60  # that are drawn


def against(c: Comparison, gate: float | None) -> Section:
    """B is what is held against the program."""
    level = f"{statistics.LEVEL:.0%}"
    sentence = (
        f"Difference in points of {c.metric} with its {level} interval ({c.resamples:,} paired resamples); the line at 0 is a tie{_gated(gate)}."
    )
    spans = (Span("B - A", *(finite(value) for value in (c.points, c.interval.low, c.interval.high))),)
    return Section("against", _found(c), (_told(c),), (Intervals(sentence, _UNIT, spans, gate),), (_sides(c),))


def _gated(gate: float | None) -> str:
    return "" if gate is None else f", that at {gate:+g} the gate's: B may not fall below it"


def _found(c: Comparison) -> str:
    if finite(c.points) is None:
        return f"B - A is undefined: one of them has no {c.metric} on these examples"
    low, high = c.interval.low, c.interval.high
    what = f"B is {abs(c.points):.2f} points {'above' if c.points >= 0 else 'below'} A in {c.metric}"
    sure = "no difference that these examples can tell" if low <= 0 <= high else "more than chance explains"
    return f"{what}: {sure}"


def _told(c: Comparison) -> str:
    agreed = ", ".join(f"{name} {value:.3f}" for name, value in c.agreement.items())
    test = (
        ""
        if c.mcnemar is None
        else f" McNemar, exact: only A is right {c.mcnemar.only_a:,} times, only B {c.mcnemar.only_b:,}, p = {c.mcnemar.p:.3g}."
    )
    return f"A is {c.a.source}, B is {c.b.source}; {c.examples:,} examples of {c.asked.task.name}'s {c.asked.split} set. Agreement: {agreed}.{test}"


def _sides(c: Comparison) -> Table:
    rows: list[tuple[str, ...]] = [(name, f"{100 * a:.2f}", f"{100 * c.metrics[1][name]:.2f}") for name, a in c.metrics[0].items()]
    rows.append(("parameters", f"{c.a.parameters:,}", f"{c.b.parameters:,}"))
    rows.append(("bytes", f"{c.a.bytes:,}", f"{c.b.bytes:,}"))
    rows.append(("mean spike rate", *(_rate(side.mean_rate) for side in (c.a, c.b))))
    energies = (side.operations["arithmetic pJ"] if side.operations else None for side in (c.a, c.b))
    rows.append(("uJ of arithmetic a text, 45 nm", *("" if e is None else f"{e * 1e-6:,.2f}" for e in energies)))
    return Table("Both sides", ("figure", f"A: {c.a.kind}", f"B: {c.b.kind}"), tuple(rows))


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1%}"


def history(past: Sequence[Past], where: str, gate: float | None) -> Section:
    """past: newest first, as the history gives them."""
    shown = list(reversed(past[:_MOST_RUNS]))
    spans = tuple(Span(f"{p.time}: {p.b} against {p.a}", p.points, p.low, p.high) for p in shown)
    sentence = f"B - A in points with its interval, a run a mark, oldest first; the line at 0 is a tie{_gated(gate)}, and runs below it are crosses."
    sentence = sentence if gate is not None else sentence.replace(", and runs below it are crosses", "")
    table = Table(
        "Runs, newest first", ("when", "task", "A", "B", "metric", "A scores", "B scores", "B - A", "interval"), tuple(map(_row, past)), 5, True
    )
    return Section("history", _trend(past, gate), (f"From {where}.",), (Intervals(sentence, _UNIT, spans, gate, across=True),), (table,))


def _trend(past: Sequence[Past], gate: float | None) -> str:
    first = past[0]
    last = "an undefined difference" if first.points is None else f"{first.points:+.2f} points"
    runs = f"{len(past):,} comparisons are kept" if len(past) > 1 else "One comparison is kept"
    if gate is None:
        return f"{runs}; the last one found {last}"
    below = sum(p.points is None or p.points < gate for p in past)
    return f"{runs}, {below:,} of them below the gate of {gate:+g}; the last one found {last}"


def _row(p: Past) -> tuple[str, ...]:
    def points(value: float | None, form: str = "{:+.2f}", scale: float = 1) -> str:
        return "undefined" if value is None else form.format(scale * value)

    scores = (points(score, "{:.2f}", 100) for score in (p.a_score, p.b_score))
    return (p.time, p.task, p.a, p.b, p.metric, *scores, points(p.points), f"{points(p.low)} to {points(p.high)}")
