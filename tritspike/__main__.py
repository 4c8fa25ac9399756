"""`tritspike NAME ...`, `python -m tritspike NAME ...`: every command."""

from tritspike.commands import COMMANDS
from tritspike.names import NAMES
from tritspike.runtime.command_line import run, typed_name


def entry() -> None:
    """The process."""
    run(COMMANDS, typed_name("tritspike"), NAMES)


if __name__ == "__main__":
    entry()
