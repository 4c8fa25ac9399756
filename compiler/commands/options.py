"""Options that several commands of the compiler have."""

from __future__ import annotations

import argparse

from tritspike.compiler.frontend.nir.steps import CONVENTIONS
from tritspike.runtime.option_values import real


def nir_arguments(parser: argparse.ArgumentParser) -> None:
    """How a NIR file's seconds become steps."""
    parser.add_argument("--dt", type=real(1e-12, 1e6), metavar="SECONDS", help="of a step, of a NIR file (default: as the file tells, or refused)")
    parser.add_argument("--convention", choices=CONVENTIONS, help="1 - dt/tau or exp(-dt/tau) is left in a step (default: as the file tells)")
