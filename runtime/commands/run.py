"""`run`: play arrays into a network that knows no texts, and write what comes out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import engine_arguments
from tritspike.runtime.executors.base import How
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import array_files, arrays
from tritspike.runtime.network import file as network_file
from tritspike.runtime.network.network import Scheduled
from tritspike.runtime.option_values import real
from tritspike.runtime.outputs import ARRAYS, Output

if TYPE_CHECKING:
    from tritspike.runtime.mapping import Mapping


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("program", type=Path, help="a .tsp file that lower made of a NIR or QONNX file, or one that tritspike.net.save wrote")
    command.add_argument("--input", type=Path, required=True, metavar="X", help="(samples, steps, ...) of 0 and 1: .npy, .npz by port, or NIR data")
    command.add_argument("--out", type=Path, required=True, metavar="Y.npz", help="counts, membranes and spikes by name")
    command.add_argument("--record", action="store_true", help="every population's spikes too")
    command.add_argument("--dt", type=real(1e-12, 1e6), metavar="SECONDS", help="of a step, where NIR data holds events in seconds")
    engine_arguments(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    outputs.require([Output(o.out, ARRAYS)], [o.program, o.input])
    program = network_file.load(o.program)
    given = array_files.read(o.input, program, o.dt)
    how = How(threads=o.threads, memory=o.memory << 20, limit=o.time_limit, mapping=_mapping(o, program))
    found = arrays.run(program, given, o.executor, how, o.record).named(program)
    write_atomic(o.out, array_files.to_npz(found))
    for name, array in found.items():
        out.print(f"{name}: {array.dtype} {array.shape}", soft_wrap=True)


def _mapping(o: argparse.Namespace, program: Scheduled) -> Mapping | None:
    from tritspike.runtime import mapping

    return None if o.map is None else mapping.load(o.map, program)
