"""Programs as tables, as a few lines, and as what a notebook shows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tritspike.runtime.program import SOURCE, Population, Program

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("population", "role", "axes", "neurons", "synapses", "latency", "keep", "vth", "bias / 64", "input range")
_TEXT = 3  # columns from the left that hold words


def population_table(program: Program) -> Table:
    """Populations with neurons, synapses into them, latency, leak, threshold, biases and worst-case input."""
    from rich.table import Table

    table = Table(title="populations")
    for n, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if n < _TEXT else "right")
    for row in rows(program):
        table.add_row(*row)
    return table


def rows(program: Program) -> list[tuple[str, ...]]:
    """A cell a column of `COLUMNS`, a row a population."""
    return [_row(program, p) for p in program.populations]


def _row(program: Program, p: Population) -> tuple[str, ...]:
    if p.role == SOURCE:
        return (p.name, "host", p.axes, f"{program.size(p):,}", "", "0", "", "", "", "")
    low, high = reversed(program.input_bounds(p.name))
    bias = "" if p.bias is None else f"{p.bias.values().min()}..{p.bias.values().max()}"
    count = sum(program.synapse_count(s) for s in program.inputs(p.name))
    axes = p.axes if p.stages == 1 else f"{p.stages} x {p.axes}"
    numbers = (f"{program.size(p):,}", f"{count:,}", str(p.latency), f"{p.keep}/4096", str(p.vth), bias, f"{low}..{high}")
    return (p.name, p.role, axes, *numbers)


def one_line(program: Program) -> str:
    """What it has, takes and was compiled for."""
    synapses = sum(program.synapse_count(s) for s in program.synapses)
    return (
        f"{program.neurons():,} neurons, {synapses:,} synapses; {program.dims.positions} tokens, {program.steps} steps a sample, "
        f"{program.depth} steps deep; task {program.host.task}, profile {program.profile}"
    )


def few_lines(program: Program) -> str:
    """What it is for, what it is made of, and what it reads."""
    roles: dict[str, int] = {}
    for p in program.populations:
        if p.role != SOURCE:
            roles[p.role] = roles.get(p.role, 0) + program.size(p)
    made = ", ".join(f"{count:,} {role}" for role, count in roles.items())
    host = program.host
    answer = f"labels {', '.join(host.labels)}" if host.labels else "a token at every position" if program.each else "a number"
    first, second = one_line(program).split("; ")[:2]
    return f"{host.task}, {host.weights} weights, for {program.profile}: {answer}\n{first}\n  {made}\n{second}"


def html(program: Program) -> str:
    """`few_lines` over `rows`."""
    head = "".join(f"<th>{escape(c)}</th>" for c in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(program))
    return f"<pre>{escape(few_lines(program))}</pre><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
