"""`--state`: what a model through which tokens flow has read, kept in a file from run to run."""

from __future__ import annotations

import argparse
from pathlib import Path

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.table import able, executor
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.reading import Kept, load


def state_argument(command: argparse.ArgumentParser) -> None:
    """Its option."""
    text = "go on behind what this file says was read, where it is there, and keep in it what is read now"
    command.add_argument("--state", type=Path, metavar="FILE", help=text)


def require_state(o: argparse.Namespace, program: Program) -> None:
    """Raises `InputError` for a program whose neurons keep nothing of one text for the next, and for an executor that hands no state out."""
    if o.state and not program.flows:
        raise InputError(f"--state of a program that reads {program.positions} tokens at once", "a program through which tokens flow")
    if o.state and not executor(o.executor).can.hands_over:
        raise InputError(f"--state with --executor {o.executor}, which hands out no state", f"--executor {able('hands_over')}")


def kept(o: argparse.Namespace, program: Program) -> Kept | None:
    """What there is to go on from. Raises `FileError`."""
    return load(program, o.state) if o.state and o.state.exists() else None
