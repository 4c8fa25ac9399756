"""The console that every command prints on."""

from __future__ import annotations

from rich.console import Console

from tritspike.runtime.streams import to_nobody


class Plain(Console):
    """Text as it is: brackets and colons in a path are no markup."""

    def __init__(self, stderr: bool, width: int | None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False, force_jupyter=False)

    def on_broken_pipe(self) -> None:
        """Nobody reads on: the command does, for the files that it has still to write and for its exit code."""
        to_nobody(self.file)
