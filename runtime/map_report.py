"""A mapping's figures as tables. They were computed when the program was lowered with --map; here they are only laid out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

Report = dict[str, Any]


def tables(report: Report) -> Iterator[Table | str]:
    """Everything that there is to print, in order."""
    yield _headline(report)
    yield _resources(report)
    yield _costs(report)
    yield _counts(report)
    yield _neurobench(report)


def _headline(r: Report) -> str:
    (cores, all_cores), (chips, all_chips) = r["cores"], r["chips"]
    return (
        f"{r['profile']}, {r['length']} tokens: {r['slices']:,} slices on {cores:,} of {all_cores:,} cores, {chips:,} of {all_chips:,} chips; "
        f"sample reset {r['sample reset']}; spike rates {r['workload']}"
    )


def _resources(r: Report) -> Table:
    table = Table(title="what is used")
    for name in ("resource", "used", "allowed", "share", "a core: least", "median", "most", "limit"):
        table.add_column(name, justify="left" if name == "resource" else "right")
    for name, found in r["resources"].items():
        least, median, most, limit = found["core"]
        share = f"{found['used'] / found['allowed']:.1%}"
        table.add_row(name, f"{found['used']:,}", f"{found['allowed']:,}", share, f"{least:,}", f"{median:,.0f}", f"{most:,}", f"{limit:,}")
    return table


def _costs(r: Report) -> Table:
    """Traffic, energy and time."""
    table = Table(title=f"a sentence of {r['tokens']:.1f} tokens, streamed; modelled, not measured")
    for name in ("figure", "a sentence", "a token"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    t, s, tokens = r["traffic"], r["seconds"], r["tokens"]
    table.add_row("messages", *_both(t["messages"], tokens, "{:,.0f}"))
    table.add_row("messages x weighed hops", *_both(t["optimised"], tokens, "{:,.0f}"))
    for other in ("random", "program order"):
        table.add_row(f"of {other} placement", f"{t['optimised'] / t[other]:.3f}" if t[other] else "no hops", "")
    for cause, picojoules in r["energy pJ"].items():
        table.add_row(f"energy, uJ: {cause}", *_both(picojoules * 1e-6, tokens, "{:,.2f}"))
    for name, picojoules in _totals(r):
        table.add_row(name, *_both(picojoules * 1e-6, tokens, "{:,.2f}"))
    table.add_row("a step, us", f"{s['step'] * 1e6:,.1f}", "")
    table.add_row("latency, us", *_both(s["latency"] * 1e6, tokens, "{:,.1f}"))
    table.add_row("throughput, a second", f"{s['sentences a second']:,.0f}", f"{s['sentences a second'] * tokens:,.0f}")
    return table


def _totals(r: Report) -> Iterator[tuple[str, float]]:
    """Picojoules a sentence: of all events, of the board's static power, and of both."""
    dynamic, static = sum(r["energy pJ"].values()), r["static"]
    yield "energy, uJ: dynamic, all of these", dynamic
    yield f"energy, uJ: static, {static['W']:,.4g} W", static["streamed pJ"]
    yield "energy, uJ: dynamic and static", dynamic + static["streamed pJ"]
    yield "the same of a sentence alone", dynamic + static["alone pJ"]


def _both(value: float, tokens: float, form: str) -> tuple[str, str]:
    return form.format(value), form.format(value / tokens)


def _counts(r: Report) -> Table:
    table = Table(title="a sentence in 45 nm operations: 0.9 pJ an accumulate, 4.6 pJ a multiply, 5 pJ a 32-bit access")
    for name in ("model", "accumulates", "multiplies", "uJ", "uJ with data movement"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for name, found in r["45 nm"].items():
        numbers = (f"{found['accumulates']:,.0f}", f"{found['multiplies']:,.0f}")
        table.add_row(name, *numbers, f"{found['arithmetic pJ'] * 1e-6:,.2f}", f"{found['with movement pJ'] * 1e-6:,.2f}")
    return table


def _neurobench(r: Report) -> Table:
    table = Table(title="NeuroBench, of what is on the chip")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, value in r["NeuroBench"].items():
        table.add_row(name, f"{value:.4f}" if "Sparsity" in name else f"{value:,.0f}")
    return table
