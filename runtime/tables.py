"""Programs as tables, as a few lines, and as what a notebook shows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tritspike.runtime.executors.fast import facts
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.network.grid import Pairs
from tritspike.runtime.network.network import Network, Population, Scheduled
from tritspike.runtime.network.neuron import Register, numbers

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("population", "kind", "grid", "neurons", "synapses", "latency", "keep", "vth", "bias / 64", "input range")
_TEXT = 3  # columns from the left that hold words
HOST, LIF, COINCIDENCE, RELAY, READOUT = "host", "lif", "coincidence", "relay", "readout"


def kind(program: Scheduled, p: Population) -> str:
    """What a population provably is: played by the host, a relay of another, an AND of two, read and never fired, or none of these."""
    network = program.network
    if p.neuron is None:
        return HOST
    if facts.repeats(network, p) is not None:
        return RELAY
    if facts.coincides(network, p):
        return COINCIDENCE
    silent = facts.is_read(network, p)
    return READOUT if silent else LIF


def population_table(program: Scheduled) -> Table:
    """Populations with neurons, synapses into them, latency, leak, threshold, biases and worst-case input."""
    from rich.table import Table

    table = Table(title="populations")
    for n, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if n < _TEXT else "right")
    for row in rows(program):
        table.add_row(*row)
    return table


def rows(program: Scheduled) -> list[tuple[str, ...]]:
    """A cell a column of `COLUMNS`, a row a population; relays of one population, which are alike, in one."""
    found: dict[str, list[Population]] = {}
    for p in program.network.populations:
        found.setdefault(_repeated(program.network, p), []).append(p)
    return [_row(program, some) for some in found.values()]


def _repeated(network: Network, p: Population) -> str:
    """Its own name; of a relay, that of the first in its chain with it."""
    heard = facts.repeats(network, p)
    if heard is None or facts.repeats(network, network.by_name[heard]) is None:
        return p.name
    return _repeated(network, network.by_name[heard])


def _row(program: Scheduled, alike: list[Population]) -> tuple[str, ...]:
    network, p, many = program.network, alike[0], len(alike) > 1
    at = [program.latency[q.name] for q in alike]
    latency = f"{min(at)}..{max(at)}" if many else str(at[0])
    name = f"{p.name} and {len(alike) - 1} more" if many else p.name
    first = (name, kind(program, p), _grid(p), f"{p.size * len(alike):,}")
    if p.neuron is None:
        return (*first, "", latency, "", "", "", "")
    low, high = reversed(network.input_bounds(p.name))
    bias = "" if p.neuron.bias is None else _range(p.neuron.bias.mantissa, p.neuron.bias.exponent)
    count = sum(s.wiring.count(*network.grids(s)) for q in alike for s in network.inputs(q.name))
    return (*first, f"{count:,}", latency, f"{_range(p.neuron.keep)}/4096", _range(p.neuron.vth), bias, f"{low}..{high}")


def _grid(p: Population) -> str:
    return " x ".join(f"{a.query.name}:{a.key.name}" if isinstance(a, Pairs) else a.name for a in p.grid)


def _range(register: Register, exponent: int = 0) -> str:
    found = numbers(register)
    low, high = int(found.min()) << exponent, int(found.max()) << exponent
    return str(low) if isinstance(register, int) else f"{low}..{high}"


def one_line(program: Program | ArrayProgram) -> str:
    """What it has, takes and was compiled for."""
    network = program.network
    synapses = sum(s.wiring.count(*network.grids(s)) for s in network.synapses)
    return f"{program.neurons():,} neurons, {synapses:,} synapses; {program.takes}, {program.scheduled.depth} steps deep; {_made_for(program)}"


def _made_for(program: Program | ArrayProgram) -> str:
    return "given arrays" if isinstance(program, ArrayProgram) else f"task {program.host.task}, profile {program.profile}"


def few_lines(program: Program) -> str:
    """What it is for, what it is made of, and what it reads."""
    kinds: dict[str, int] = {}
    for p in program.network.populations:
        if p.neuron is not None:
            found = kind(program.scheduled, p)
            kinds[found] = kinds.get(found, 0) + p.size
    made = ", ".join(f"{count:,} {found}" for found, count in kinds.items())
    host = program.host
    answer = (
        f"labels {', '.join(host.labels)}"
        if host.labels
        else f"a token {'behind each' if program.flows else 'at every position'}"
        if program.each
        else "a number"
    )
    first, second = one_line(program).split("; ")[:2]
    return f"{host.task}, {host.weights} weights, for {program.profile}: {answer}\n{first}\n  {made}\n{second}"


def html(program: Program) -> str:
    """`few_lines` over `rows`."""
    head = "".join(f"<th>{escape(c)}</th>" for c in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(program.scheduled))
    return f"<pre>{escape(few_lines(program))}</pre><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def plan_table(program: Scheduled) -> Table:
    """By which rule `fast` runs each population, and why the rules before declined it."""
    from rich.table import Table

    from tritspike.runtime.executors.fast.plan import plan

    table = Table("population", "rule", "declined", title="how fast runs it")
    for taken in plan(program)[1]:
        table.add_row(taken.population, taken.rule, "\n".join(f"{rule}: {why}" for rule, why in taken.declined))
    return table
