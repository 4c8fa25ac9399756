"""`inspect`: a program's populations, and with --map what its mapping was found to use and cost."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.runtime.commands.arguments import opened, program_argument
from tritspike.runtime.errors import FileError
from tritspike.runtime.executors.table import refusals
from tritspike.runtime.host import arrays
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.tables import one_line, plan_table, population_table

_BESIDE = Path()  # in place of a mapping's path: beside the program, by its name


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--plan", action="store_true", help="by which rule fast runs each population, and why the rules before declined it")
    command.add_argument("--check", action="store_true", help="which executors would run it, and what the others refuse it for")
    command.add_argument(
        "--map",
        nargs="?",
        type=Path,
        const=_BESIDE,
        metavar="FILE.map",
        help="the mapping too (default: beside the program)",
    )


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    path = Path(o.program)
    program = arrays.load(path) if arrays.claims(path) else opened(o)
    mapped = () if o.map is None else _mapping(o, program.scheduled)
    out.print(population_table(program.scheduled))
    if o.check:
        for line in refusals(program.scheduled):
            out.print(line, soft_wrap=True)
    if o.plan:
        out.print(plan_table(program.scheduled))
    out.print(one_line(program), soft_wrap=True)
    for item in mapped:
        out.print(item, soft_wrap=isinstance(item, str))


def _mapping(o: argparse.Namespace, program: Scheduled) -> list[object]:
    from tritspike.runtime import map_report, mapping

    path = Path(o.program).with_suffix(".map") if o.map is _BESIDE else o.map
    if not path.exists():
        raise FileError(f"{path}: no such file or directory", "lower --map writes it beside the program")
    return list(map_report.tables(mapping.load(path, program).report))
