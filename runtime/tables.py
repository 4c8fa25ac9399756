"""Programs as tables."""

from __future__ import annotations

from rich.table import Table

from tritspike.runtime.program import SOURCE, Program


def population_table(program: Program) -> Table:
    """Populations with neurons, synapses into them, latency, leak, threshold, biases and worst-case input."""
    table = Table(title="populations")
    for column in ("population", "role", "axes", "neurons", "synapses", "latency", "keep", "vth", "bias / 64", "input range"):
        table.add_column(column, justify="left" if column in ("population", "role", "axes") else "right")
    for p in program.populations:
        if p.role == SOURCE:
            table.add_row(p.name, "host", p.axes, f"{program.size(p):,}", "", "0", "", "", "", "")
            continue
        low, high = reversed(program.input_bounds(p.name))
        bias = "" if p.bias is None else f"{p.bias.values().min()}..{p.bias.values().max()}"
        count = sum(program.synapse_count(s) for s in program.inputs(p.name))
        table.add_row(
            p.name,
            p.role,
            p.axes if p.stages == 1 else f"{p.stages} x {p.axes}",
            f"{program.size(p):,}",
            f"{count:,}",
            str(p.latency),
            f"{p.keep}/4096",
            str(p.vth),
            bias,
            f"{low}..{high}",
        )
    return table


def one_line(program: Program) -> str:
    """What it has, takes and was compiled for."""
    synapses = sum(program.synapse_count(s) for s in program.synapses)
    return (
        f"{program.neurons():,} neurons, {synapses:,} synapses; {program.dims.positions} tokens, {program.steps} steps a sample, "
        f"{program.depth} steps deep; task {program.host.task}, profile {program.profile}"
    )
