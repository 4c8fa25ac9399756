"""`python -m runtime classify|glue|verify|inspect|deploy FILE.tsp ...`, `python -m runtime compare A B ...`: a device host's commands."""

from tritspike.runtime.cli import starting


def entry() -> None:
    """The process."""
    starting()  # before anything that takes long to import
    from tritspike.runtime.command_line import run
    from tritspike.runtime.commands.table import COMMANDS

    run(COMMANDS, "python -m runtime")


if __name__ == "__main__":
    entry()
