"""Lower a checkpoint to a program: the API, and the command over exactly that call.

python compiler/lower.py CKPT --profile loihi2|auto --out FILE.tsp [--length L] [--head host|chip] [--map [--rates TEXTS]]
    [--dump-ir DIR] [--list-passes] [--explain]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: the packages sit beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runtime.cli import console, run_command, starting

if __name__ == "__main__":
    starting()

from rich.console import Console

from compiler import pipeline
from compiler.emit import emit
from compiler.explain import table
from compiler.frontend.build import HEADS, build
from compiler.frontend.checkpoint import Checkpoint, read_checkpoint
from compiler.ir.graph import Graph
from compiler.mapping import command as mapping_command
from compiler.mapping.auto import smallest
from compiler.passes.base import Pass
from compiler.pipeline import DEFAULT, dumped
from hw_profiles.profile import AUTO, HardwareProfile
from hw_profiles.profile import load as load_profile
from runtime import outputs, program_file
from runtime.errors import FileError
from runtime.files import write_all
from runtime.outputs import GRAPH, PROGRAM, Output
from runtime.program import Program


def lower(
    checkpoint: Checkpoint | str | Path,
    profile: HardwareProfile | str,
    passes: Sequence[Pass] = DEFAULT,
    length: int | None = None,
    dump: Path | None = None,
    head: str = "host",
) -> Program:
    """The program of `checkpoint` on `profile` for texts of up to `length` tokens. Same input, same bytes.

    head: "host" or "chip", where a language model's last product is made (`frontend/build.py`).
    Raises `CheckpointError` or `FileError` for what cannot be read, `RangeViolation` for numbers that some input could push out of a
    register, `DoesNotFit` where the profile has no room.
    """
    found = profile if isinstance(profile, HardwareProfile) else _profile(profile, checkpoint, passes, length, head)
    return emit(lowered_graph(checkpoint, found, passes, length, dump, head), found)


def _profile(name: str, checkpoint: Checkpoint | str | Path, passes: Sequence[Pass], length: int | None, head: str) -> HardwareProfile:
    """The profile of that name; for `auto` the smallest board on which `checkpoint`, lowered by `passes`, can be mapped."""
    if name != AUTO:
        return load_profile(name)
    read = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(Path(checkpoint))
    return smallest(lambda board: emit(lowered_graph(read, board, passes, length, head=head), board))


def lowered_graph(
    checkpoint: Checkpoint | str | Path,
    profile: HardwareProfile,
    passes: Sequence[Pass] = DEFAULT,
    length: int | None = None,
    dump: Path | None = None,
    head: str = "host",
) -> Graph:
    """What `lower` emits, as a graph: for explaining and for tests."""
    read = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(Path(checkpoint))
    return pipeline.run(build(read, length, head), profile, passes, dump)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lower.py", description="Lower a spiking checkpoint to a program for a neuromorphic chip.")
    parser.add_argument("checkpoint", nargs="?", help="folder with config.json, model.safetensors, tokenizer.json")
    parser.add_argument("--profile", default="loihi2", help="name of a shipped profile, a .toml file, or auto: the smallest board (default: loihi2)")
    parser.add_argument("--out", type=Path, help="program file to write, usually .tsp")
    parser.add_argument("--length", type=int, help="most tokens a text may have (default: the checkpoint's max_length)")
    parser.add_argument("--head", choices=HEADS, default="host", help="where a language model's last product is made (default: host)")
    parser.add_argument("--dump-ir", type=Path, metavar="DIR", help="write the printed graph after each pass")
    parser.add_argument("--list-passes", action="store_true", help="print the pass table and stop")
    parser.add_argument("--explain", action="store_true", help="say which limit bound each population's scale")
    parser.add_argument("--map", action="store_true", help="put it on cores; write FILE.map and FILE.svg beside FILE.tsp, and say what it costs")
    parser.add_argument("--rates", type=Path, metavar="TEXTS", help="for --map: a GLUE folder, or a file of one text (or pair, with a tab) a line")
    return parser


def main(argv: list[str]) -> None:
    """The command."""
    parser = _parser()
    o = parser.parse_args(argv)
    out = console()
    if o.list_passes:
        for step in DEFAULT:
            out.print(f"{step.name:18} {step.sentence()}", soft_wrap=True)
        return
    if o.rates is not None and not o.map:
        parser.error("--rates needs --map")
    if o.checkpoint is None or (o.out is None and not o.explain):
        parser.error("a checkpoint and --out FILE are needed (or --explain, or --list-passes)")
    _require_outputs(o)
    _lower(o, out)


def _lower(o: argparse.Namespace, out: Console) -> None:
    """Write all, then tell all: what is said to be written is."""
    profile = _profile(o.profile, o.checkpoint, DEFAULT, o.length, o.head)
    graph = lowered_graph(o.checkpoint, profile, DEFAULT, o.length, o.dump_ir, o.head)
    program = emit(graph, profile) if o.out is not None else None
    figures = _write(program, profile, o) if program is not None else None
    if o.explain:
        out.print(table(graph))
    if program is not None:
        _tell(program, profile, o.out, out)
    if figures is not None:
        mapping_command.tell(figures, o.out, out)


def _require_outputs(o: argparse.Namespace) -> None:
    """Before any work. Raises `FileError`."""
    if o.out is not None and o.out.suffix.lower().strip(".") in mapping_command.ENDS:
        raise FileError(f"{o.out}: cannot be written: {o.out.suffix} is for what --map writes beside a program", "name a .tsp file")
    inputs = [Path(o.checkpoint), *outputs.profile_files(o.profile), *([o.rates] if o.rates else [])]
    found = [Output(o.out, PROGRAM)]
    outputs.require(found, inputs)  # also, a folder such as "." has no name for the others to take
    if o.map and o.out is not None:
        found += mapping_command.outputs(o.out)
    if o.dump_ir is not None and o.dump_ir.exists():
        found += [Output(o.dump_ir / name, GRAPH, named=False) for name in dumped(DEFAULT)]
    outputs.require(found, inputs, o.dump_ir)


def _write(program: Program, profile: HardwareProfile, o: argparse.Namespace) -> dict[str, Any] | None:
    """The program's file; with --map the mapping's and the picture too, all or none, and their figures."""
    mapped = mapping_command.mapped(program, profile, o.rates) if o.map else None
    beside = mapping_command.contents(*mapped, o.out) if mapped else {}
    write_all(beside | {o.out: program_file.to_bytes(program)})  # the program last: where it is, so are the others
    return mapped[1] if mapped else None


def _tell(program: Program, profile: HardwareProfile, path: Path, out: Console) -> None:
    out.print(
        f"{path}: {program.neurons():,} neurons of {profile.neurons:,}, {program.dims.positions} tokens, "
        f"{program.steps} steps a sample, {program.depth} steps deep",
        soft_wrap=True,
    )


if __name__ == "__main__":
    run_command(main)
