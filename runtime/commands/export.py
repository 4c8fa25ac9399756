"""`export`: write a program as an ONNX graph, which any runtime of that standard runs bit for bit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import MOST, opened, program_argument
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.onnx import here
from tritspike.runtime.executors.onnx.here import COMPACT, NEWEST, OLDEST, OPSET
from tritspike.runtime.host.batches import at_length
from tritspike.runtime.host.program import Program
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import ONNX, Output


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--onnx", type=Path, required=True, metavar="OUT.onnx", help="where to")
    command.add_argument("--opset", type=whole(1, 1000), metavar="N", help=f"{OLDEST}..{NEWEST} (default: {OPSET}, with --compact {COMPACT})")
    command.add_argument("--compact", action="store_true", help="ternary and binary weights in two bits each")
    command.add_argument("--length", type=whole(1, MOST), metavar="N", help="for texts of up to N tokens (default: as compiled)")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    outputs.require([Output(o.onnx, ONNX)], [Path(o.program)])
    here.require_here(here.WRITES)
    program = _cut(opened(o), o)
    from tritspike.runtime.executors.onnx.model import Options
    from tritspike.runtime.executors.onnx.write import write

    opset = o.opset or (COMPACT if o.compact else OPSET)
    found = write(program.scheduled, o.onnx, Options(opset=opset, compact=o.compact, about=_about(program)))
    said = f"{', '.join(map(str, found.paths))}: {found.nodes:,} nodes a step, {found.size / (1 << 20):,.1f} MiB, opset {opset}"
    out.print(f"{said}; {program.neurons():,} neurons, {program.takes}", soft_wrap=True)


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
