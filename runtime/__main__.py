"""`python -m runtime classify|glue|verify|inspect|deploy FILE.tsp ...`, `python -m runtime compare A B ...`"""

from runtime.cli import run_command, starting


def entry() -> None:
    """The installed command."""
    starting()
    from runtime.commands import main

    run_command(main)


if __name__ == "__main__":
    entry()
