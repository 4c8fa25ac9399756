"""`lower`: a checkpoint's program to a file, with what --map and --dump-ir write beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.compiler.commands.options import nir_arguments
from tritspike.compiler.explain import table
from tritspike.compiler.frontend.table import Asked
from tritspike.compiler.lower import Lowered, lowered
from tritspike.compiler.mapping import command as mapping_command
from tritspike.compiler.mapping.auto import passed_over
from tritspike.compiler.passes.base import Pass
from tritspike.compiler.pipeline import DEFAULT, PASSES, dumped, named
from tritspike.hw_profiles.profile import AUTO, HardwareProfile
from tritspike.runtime import outputs
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import write_all
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.encoder import HEADS
from tritspike.runtime.host.program import Program
from tritspike.runtime.map_report import Report
from tritspike.runtime.network import file as network_file
from tritspike.runtime.network.wiring.judged import MOST_STEPS
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import GRAPH, PROGRAM, Output
from tritspike.runtime.tables import plan_table


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "checkpoint", nargs="?", help="folder with config.json, model.safetensors, tokenizer.json, or its name, with `tritspike`; or a NIR file"
    )
    boards = "name of a shipped profile, a .toml file, or auto: the smallest board that resets samples by itself (default: loihi2)"
    parser.add_argument("--profile", default="loihi2", help=boards)
    parser.add_argument("--out", type=Path, help="program file to write, usually .tsp")
    parser.add_argument("--length", type=int, help="most tokens a text may have (default: the checkpoint's max_length)")
    parser.add_argument("--head", choices=HEADS, default="host", help="where a language model's last product is made (default: host)")
    nir_arguments(parser)
    parser.add_argument("--steps", type=whole(1, MOST_STEPS), help="of a window, of a NIR file (default: a stream, whose state lives on)")
    parser.add_argument("--dump-ir", type=Path, metavar="DIR", help="write the printed graph after each pass")
    parser.add_argument("--list-passes", action="store_true", help="print the pass table and stop")
    parser.add_argument("--passes", metavar="NAMES", help="only these passes, with commas (default: all of --list-passes)")
    parser.add_argument("--plan", action="store_true", help="by which rule fast runs each population, and why the rules before declined it")
    parser.add_argument("--explain", action="store_true", help="say which limit bound each population's scale")
    parser.add_argument("--map", action="store_true", help="put it on cores; write FILE.map and FILE.svg beside FILE.tsp, and say what it costs")
    parser.add_argument("--rates", type=Path, metavar="TEXTS", help="for --map: a GLUE folder, or a file of one text (or pair, with a tab) a line")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    if o.list_passes:
        for step in PASSES.values():
            out.print(f"{step.name:18} {step.sentence()}{' (only where --passes names it)' if step.optional else ''}", soft_wrap=True)
        return
    if o.rates is not None and not o.map:
        o.refuse("--rates needs --map")
    if o.checkpoint is None or (o.out is None and not (o.explain or o.plan)):
        o.refuse("a checkpoint and --out FILE are needed (or --explain, --plan or --list-passes)")
    o.checkpoint = o.names.find(o.checkpoint)
    _require_outputs(o)
    _lower(o, out)


def _lower(o: argparse.Namespace, out: Console) -> None:
    """Write all, then tell all: what is said to be written is."""
    asked = Asked(length=o.length, head=o.head, dt=o.dt, convention=o.convention, steps=o.steps)
    found = lowered(o.checkpoint, o.profile, _passes(o), asked, o.dump_ir)
    figures = _write(found, o) if o.out is not None else None
    if o.explain:
        for note in found.notes:
            out.print(note, soft_wrap=True)
        out.print(table(found.program.network))
    if o.plan:
        out.print(plan_table(found.program.scheduled))
    if o.out is not None:
        _tell(found.program, found.profile, o, out)
    if figures is not None:
        mapping_command.tell(figures, o.out, out)


def _passes(o: argparse.Namespace) -> tuple[Pass, ...]:
    return DEFAULT if o.passes is None else named(o.passes)


def _require_outputs(o: argparse.Namespace) -> None:
    """Before any work. Raises `FileError`."""
    if o.out is not None and o.out.suffix.lower().strip(".") in mapping_command.ENDS:
        raise FileError(f"{o.out}: cannot be written: {o.out.suffix} is for what --map writes beside a program", "name a .tsp file")
    inputs = [o.checkpoint, *outputs.profile_files(o.profile), *([o.rates] if o.rates else [])]
    found = [Output(o.out, PROGRAM)]
    outputs.require(found, inputs)  # also, a folder such as "." has no name for the others to take
    if o.map and o.out is not None:
        found += mapping_command.outputs(o.out)
    if o.dump_ir is not None and o.dump_ir.exists():
        found += [Output(o.dump_ir / name, GRAPH, named=False) for name in dumped(_passes(o))]
    outputs.require(found, inputs, o.dump_ir)


def _write(found: Lowered, o: argparse.Namespace) -> Report | None:
    """The program's file; with --map the mapping's and the picture too, all or none, and their figures."""
    mapped = mapping_command.mapped(found.program, found.profile, o.rates, found.packed) if o.map else None
    beside = mapping_command.contents(*mapped, o.out) if mapped else {}
    write_all(beside | {o.out: _bytes(found.program)})  # the program last: where it is, so are the others
    return mapped[1] if mapped else None


def _bytes(program: Program | ArrayProgram) -> bytes:
    return network_file.to_bytes(program.scheduled) if isinstance(program, ArrayProgram) else program_file.to_bytes(program)


def _tell(program: Program | ArrayProgram, profile: HardwareProfile, o: argparse.Namespace, out: Console) -> None:
    out.print(
        f"{o.out}: {program.neurons():,} neurons of {profile.neurons:,} on {profile.name}, {program.takes}, {program.scheduled.depth} steps deep",
        soft_wrap=True,
    )
    if o.profile == AUTO and (others := passed_over(program.neurons(), profile)):
        said = f"{profile.name} is the smallest that holds it and resets samples by itself"
        out.print(f"{said}; smaller ones leave that to code on their host, and are taken by name: {', '.join(others)}", soft_wrap=True)
