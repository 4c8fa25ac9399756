"""`tritspike NAME ...`, `python -m tritspike NAME ...`: every command."""

from tritspike.runtime.cli import starting


def entry() -> None:
    """The process."""
    starting()  # before anything that takes long to import
    from tritspike.commands import COMMANDS
    from tritspike.names import NAMES
    from tritspike.runtime.command_line import run, typed_name

    run(COMMANDS, typed_name("tritspike"), NAMES)


if __name__ == "__main__":
    entry()
