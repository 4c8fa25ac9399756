"""`python -m compiler CKPT --profile P --out FILE.tsp`, `python compiler/lower.py ...`: the one command of this folder."""

import sys
from pathlib import Path

from tritspike.runtime.cli import starting


def entry() -> None:
    """The process."""
    starting()  # before anything that takes long to import
    from tritspike.compiler.commands.table import LOWER
    from tritspike.runtime.command_line import run

    run([LOWER], typed(), single=True)


def typed() -> str:
    """What was called: `lower.py`, `tritspike-lower`, or the module."""
    name = Path(sys.argv[0]).name
    return "python -m compiler" if name == "__main__.py" else name


if __name__ == "__main__":
    entry()
