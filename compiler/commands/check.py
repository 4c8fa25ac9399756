"""`check`: what a network that others wrote would become, and everything that it is refused for; it writes nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.compiler.commands.options import nir_arguments
from tritspike.compiler.frontend.table import require_network, source
from tritspike.compiler.lower import lower_network
from tritspike.runtime.network.wiring.judged import MOST_STEPS
from tritspike.runtime.option_values import whole

_SAMPLES, _STEPS, _RATE = 16, 256, 0.1  # of the random input on which spikes are compared


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("network", type=Path, help="a NIR or QONNX file")
    nir_arguments(parser)
    parser.add_argument("--steps", type=whole(1, MOST_STEPS), help="of a window (default: a stream, whose state lives on)")
    parser.add_argument("--input", type=Path, metavar="X", help="what its spikes are compared on, as `run` takes it (default: random)")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    if require_network(o.network) == "nir":
        _nir(o, out)
        return
    for note in source(o.network).notes:
        out.print(note, soft_wrap=True)


def _nir(o: argparse.Namespace, out: Console) -> None:
    """With a run beside the float network."""
    from tritspike.compiler.frontend.nir import build
    from tritspike.compiler.frontend.nir.match import matches, random_input
    from tritspike.runtime.executors.base import How
    from tritspike.runtime.executors.table import DEFAULT
    from tritspike.runtime.host import array_files, arrays

    found = build(o.network, o.dt, o.convention, o.steps)
    for line in found.lines():
        out.print(line, soft_wrap=True)
    program = lower_network(found.network, found.timing)
    steps = o.steps or _STEPS
    given = random_input(found.floats, _SAMPLES, steps, _RATE) if o.input is None else array_files.read(o.input, program, o.dt)
    ours = arrays.run(program, given, DEFAULT, How(), record=True)
    out.print(f"on {_SAMPLES} samples of {steps} steps of random spikes, {_RATE:g} a step:" if o.input is None else f"on {o.input}:")
    for match in matches(found.floats, given, ours.spikes):
        out.print(f"  {match}", soft_wrap=True)
