"""The part of `export` that writes NIR: `--nir OUT.nir`, and `--trace` beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tritspike.runtime.files import write_atomic
from tritspike.runtime.interchange.nir_out import READERS, write_nir
from tritspike.runtime.network.network import Scheduled


def add_nir_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("--nir", type=Path, metavar="OUT.nir", help="write a NIR graph")
    command.add_argument("--for", dest="reader", choices=list(READERS), default="nir", help="who reads it: its step, and which nodes it knows")


def export_nir(program: Scheduled, path: Path, reader: str) -> None:
    """Write the file, whole or not at all. Raises `InputError` with everything that NIR cannot say."""
    write_atomic(path, write_nir(program, reader))
