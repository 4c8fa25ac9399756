"""`export`: write a program for others: as an ONNX graph, which any runtime of that standard runs bit for bit, or as a NIR graph."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import MOST, opened, program_argument
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.onnx import here
from tritspike.runtime.executors.onnx.here import COMPACT, NEWEST, OLDEST, OPSET
from tritspike.runtime.executors.table import ORACLE
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import arrays
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.batches import at_length
from tritspike.runtime.host.program import Program
from tritspike.runtime.interchange.nir_out import READERS, unsaid, write_nir, write_trace
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import NIR, ONNX, Output
from tritspike.runtime.tasks import random_arrays

_SAMPLES = 4  # of a golden trace


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--onnx", type=Path, metavar="OUT.onnx", help="write an ONNX graph")
    command.add_argument("--opset", type=whole(1, 1000), metavar="N", help=f"{OLDEST}..{NEWEST} (default: {OPSET}, with --compact {COMPACT})")
    command.add_argument("--compact", action="store_true", help="ternary and binary weights in two bits each")
    command.add_argument("--length", type=whole(1, MOST), metavar="N", help="for texts of up to N tokens (default: as compiled)")
    command.add_argument("--nir", type=Path, metavar="OUT.nir", help="write a NIR graph")
    command.add_argument("--for", dest="reader", choices=list(READERS), default="nir", help="who reads it: its step, and which nodes it knows")
    command.add_argument("--trace", type=Path, metavar="OUT.nir", help=f"a golden trace: all spikes of {_SAMPLES} random samples, as NIR data")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    files = [Output(path, kind) for path, kind in ((o.onnx, ONNX), (o.nir, NIR), (o.trace, NIR)) if path is not None]
    if not files:
        raise InputError("nothing to write", "--onnx OUT.onnx, --nir OUT.nir or --trace OUT.nir")
    outputs.require(files, [Path(o.program)])
    if o.onnx is not None:
        here.require_here(here.WRITES)
    path = Path(o.program)
    program: Program | ArrayProgram = arrays.load(path) if arrays.claims(path) else _cut(opened(o), o)
    graph = None if o.nir is None else write_nir(program.scheduled, o.reader)  # refused before anything is written
    for line in (*_onnx(o, program), *_nir(o, program.scheduled, graph), *_trace(o, program.scheduled)):
        out.print(line, soft_wrap=True)


def _onnx(o: argparse.Namespace, program: Program | ArrayProgram) -> Iterator[str]:
    if o.onnx is None:
        return
    from tritspike.runtime.executors.onnx.model import Options
    from tritspike.runtime.executors.onnx.write import write

    opset = o.opset or (COMPACT if o.compact else OPSET)
    about = _about(program) if isinstance(program, Program) else {}
    found = write(program.scheduled, o.onnx, Options(opset=opset, compact=o.compact, about=about))
    said = f"{', '.join(map(str, found.paths))}: {found.nodes:,} nodes a step, {found.size / (1 << 20):,.1f} MiB, opset {opset}"
    yield f"{said}; {program.neurons():,} neurons, {program.takes}"


def _nir(o: argparse.Namespace, program: Scheduled, graph: bytes | None) -> Iterator[str]:
    if graph is None:
        return
    write_atomic(o.nir, graph)
    yield f"{o.nir}: {len(graph) / (1 << 20):,.1f} MiB, for {o.reader}, a step of {READERS[o.reader].dt:g} s"
    said = unsaid(program)
    if said["cleared"]:
        yield f"NIR has no word for the resets of {len(said['cleared']):,} populations; the metadata say when"
    if said["truncated"]:
        yield f"nor for what {len(said['truncated']):,} populations lose as their decays are rounded; the metadata say how"


def _trace(o: argparse.Namespace, program: Scheduled) -> Iterator[str]:
    if o.trace is None:
        return
    found = arrays.run(program, random_arrays.random(program, _SAMPLES, 0), ORACLE, How(), record=True)
    write_atomic(o.trace, write_trace(program, found.spikes, o.reader))
    yield f"{o.trace}: spikes of {len(found.spikes)} populations on {_SAMPLES} random samples"


def _cut(program: Program, o: argparse.Namespace) -> Program:
    if o.length is None:
        return program
    if program.flows:
        raise InputError(f"--length {o.length} of a program through which tokens flow", "no --length: it has none")
    return at_length(program, o.length)


def _about(program: Program) -> dict[str, Any]:
    """What a reader makes of what is read."""
    host = program.host
    known = {"task": host.task, "labels": list(host.labels), "logit_scale": host.logit_scale, "class_bias": host.class_bias.tolist()}
    return {"host": known, "profile": program.profile, "positions": program.positions}
