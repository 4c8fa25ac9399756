"""`python -m compiler CKPT --profile P --out FILE.tsp`: the command of `lower.py`."""

from runtime.cli import run_command, starting


def entry() -> None:
    """The installed command."""
    starting()
    from compiler.lower import main

    run_command(main)


if __name__ == "__main__":
    entry()
