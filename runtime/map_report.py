"""A mapping's figures as tables. They were computed when the program was lowered with --map; here they are only laid out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.errors import InputError

Report = dict[str, Any]
EACH = object()  # in place of a name: any number of entries, each of that form
_COUNTS = dict.fromkeys(("accumulates", "multiplies", "arithmetic pJ", "with movement pJ"), float)
_FORM: dict[Any, Any] = {  # float: a finite number; int: a whole one of 0 or more
    "profile": str,
    "length": int,
    "slices": int,
    "cores": [int, int],
    "chips": [int, int],
    "resources": {EACH: {"used": int, "allowed": int, "core": [int, float, int, int]}},
    "workload": str,
    "tokens": float,
    "traffic": dict.fromkeys(("messages", "optimised", "program order", "random"), float),
    "events": {EACH: float},
    "energy pJ": {EACH: float},
    "seconds": dict.fromkeys(("step", "latency", "sentences a second"), float),
    "static": dict.fromkeys(("W", "streamed pJ", "alone pJ"), float),
    "45 nm": {EACH: _COUNTS},
    "host": {EACH: float},
    "NeuroBench": {EACH: float},
    "sample reset": str,
}
_LARGEST = 1e60  # so that sums and products of figures stay finite
_LONGEST = 300  # characters of a name or sentence


def findings(report: Any) -> Iterator[Finding]:
    """What of a report that was read from a file `tables` could not print."""
    found = list(_differences(report, _FORM, "report"))
    yield from found
    if not found:
        allowed = {"tokens": report["tokens"]} | {f"resources: {name}: allowed": r["allowed"] for name, r in report["resources"].items()}
        yield from (Finding("report", name, number, "more than 0") for name, number in allowed.items() if number == 0)


def _differences(value: Any, form: Any, where: str) -> Iterator[Finding]:
    if isinstance(form, dict):
        yield from _entry_differences(value, form, where)
    elif isinstance(form, list):
        if not isinstance(value, list) or len(value) != len(form):
            yield Finding("report", where, value, f"a list of {len(form)} numbers")
            return
        for n, (inner, inner_form) in enumerate(zip(value, form)):
            yield from _differences(inner, inner_form, f"{where}[{n}]")
    elif form is str:
        if not (isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()):
            yield Finding("report", where, value, f"up to {_LONGEST} printable characters")
    elif not (type(value) in (int, form) and (0 if form is int else -_LARGEST) <= value <= _LARGEST):  # NaN is neither
        yield Finding("report", where, value, "a whole number of 0 or more" if form is int else "a finite number")


def _entry_differences(value: Any, form: dict[Any, Any], where: str) -> Iterator[Finding]:
    wanted = [name for name in form if name is not EACH]
    if not isinstance(value, dict) or (EACH not in form and set(wanted) != value.keys()):
        yield Finding("report", where, list(value) if isinstance(value, dict) else value, f"entries {', '.join(wanted) or 'by name'}")
        return
    for name, inner in value.items():
        yield from _differences(name, str, f"a name in {where}")
        yield from _differences(inner, form.get(name, form.get(EACH)), name if where == "report" else f"{where}: {name}")


def tables(report: Report) -> Iterator[Table | str]:
    """Everything that there is to print, in order. Raises `InputError` for a mapping that was written without figures."""
    if not report:
        raise InputError("the mapping holds no figures", "lower it again with --map")
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
