"""`run`: play arrays into a network that knows no texts, and write what comes out."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import engine_arguments, how
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import array_files, arrays
from tritspike.runtime.option_values import real
from tritspike.runtime.outputs import ARRAYS, Output

_INPUT = "0 and 1: (samples, steps, ...), or of a stream of several steps a token (samples, tokens, steps, ...); .npy, .npz by port, or NIR data"


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("program", type=Path, help="a .tsp file that lower made of a NIR or QONNX file, or one that tritspike.net.save wrote")
    command.add_argument("--input", type=Path, required=True, metavar="X", help=_INPUT)
    command.add_argument("--out", type=Path, required=True, metavar="Y.npz", help="counts, membranes and spikes by name")
    command.add_argument("--record", action="store_true", help="every population's spikes too")
    command.add_argument("--dt", type=real(1e-12, 1e6), metavar="SECONDS", help="of a step, where NIR data holds events in seconds")
    engine_arguments(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    outputs.require([Output(o.out, ARRAYS)], [o.program, o.input])
    program = arrays.load(o.program)
    given = array_files.read(o.input, program.scheduled, o.dt)
    found = arrays.run(program.scheduled, given, o.executor, how(o, program), o.record).named(program.scheduled)
    write_atomic(o.out, array_files.to_npz(found))
    for name, array in found.items():
        out.print(f"{name}: {array.dtype} {array.shape}", soft_wrap=True)
