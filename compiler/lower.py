"""Lower a checkpoint to a program: the API, and the command over exactly that call.

python compiler/lower.py CKPT --profile loihi2|auto --out FILE.tsp [--length L] [--head host|chip] [--map [--rates TEXTS]]
    [--dump-ir DIR] [--list-passes] [--explain]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run as a script: the packages sit beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


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
from compiler.pipeline import DEFAULT
from hw_profiles.profile import AUTO, HardwareProfile
from hw_profiles.profile import load as load_profile
from runtime import program_file
from runtime.cli import console, run_command
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
    found = profile if isinstance(profile, HardwareProfile) else _profile(profile, checkpoint, length, head)
    return emit(lowered_graph(checkpoint, found, passes, length, dump, head), found)


def _profile(name: str, checkpoint: Checkpoint | str | Path, length: int | None, head: str) -> HardwareProfile:
    """The profile of that name; for `auto` the smallest board on which `checkpoint` can be mapped."""
    if name != AUTO:
        return load_profile(name)
    read = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(Path(checkpoint))
    return smallest(lambda board: emit(lowered_graph(read, board, DEFAULT, length, head=head), board))


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
    parser.add_argument("--rates", type=Path, metavar="TEXTS", help="measure spike rates for --map: a GLUE folder, or a file of one text a line")
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
    profile = _profile(o.profile, o.checkpoint, o.length, o.head)
    graph = lowered_graph(o.checkpoint, profile, DEFAULT, o.length, o.dump_ir, o.head)
    if o.explain:
        out.print(table(graph))
    if o.out is not None:
        _write(emit(graph, profile), profile, o, out)


def _write(program: Program, profile: HardwareProfile, o: argparse.Namespace, out: Console) -> None:
    """The program's file; with --map the mapping's and the picture too, and their report. Nothing is written where mapping is refused."""
    mapped = mapping_command.mapped(program, profile, o.rates) if o.map else None
    program_file.save(program, o.out)
    out.print(
        f"{o.out}: {program.neurons():,} neurons of {profile.neurons:,}, {program.dims.positions} tokens, "
        f"{program.steps} steps a sample, {program.depth} steps deep",
        soft_wrap=True,
    )
    if mapped is not None:
        mapping_command.write(*mapped, o.out, out)


def entry() -> None:
    """The installed command."""
    run_command(main)


if __name__ == "__main__":
    entry()
