"""Commands as a table: each is entered once, and the parser, the help and what runs follow from it.

Only the module of the command that was typed is imported, so that help costs little more than Python itself.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import tritspike
from tritspike.runtime.cli import console, run_command

_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
_RAW = argparse.RawDescriptionHelpFormatter
_ABOUT = "Spiking language models on neuromorphic chips: compile, run bit for bit, verify, deploy."


def _load(path: str) -> Any:
    from tritspike.runtime.host import file as program_file

    return program_file.load(Path(path))


@dataclass(frozen=True)
class Names:
    """What a word that stands for a model means. find: the file or folder. load: the program; here that of a file alone, since nothing lowers.

    lower: the program of a checkpoint folder; None where nothing does.
    """

    find: Callable[[str], Path] = Path
    load: Callable[[str], Any] = _load
    lower: Callable[[Path], Any] | None = None


@dataclass(frozen=True)
class Command:
    """Its module, of its name in `package`, has `add_options(parser)` and `run(options, console) -> int | None`.

    example: what is typed behind the command's name.
    """

    package: str
    name: str
    sentence: str
    example: str

    def parser(self, make: Callable[..., argparse.ArgumentParser], name: str, typed: str, fill: bool = True) -> argparse.ArgumentParser:
        """Its own, by `make`; empty but for its help where it was not asked for."""
        about = f"{self.sentence[0].upper()}{self.sentence[1:]}."
        found = make(name, description=about, epilog=f"example: {typed} {self.example}", formatter_class=_RAW)
        if fill:
            module = import_module(f"{self.package}.{self.name.replace('-', '_')}")
            module.add_options(found)
            found.set_defaults(action=module.run, refuse=found.error)
        return found


def run(commands: Sequence[Command], typed: str, names: Names = Names(), single: bool = False) -> None:
    """The process: parse what follows `typed`, the name that the user gave this program, act, exit. single: the one command is not named."""
    run_command(lambda argv: main(commands, typed, argv, names, single))


def main(commands: Sequence[Command], typed: str, argv: list[str], names: Names = Names(), single: bool = False) -> int:
    """Exit code. The action finds in its options also `command`, what was typed, `refuse`, its parser's way to end with usage, and `names`.

    A command that takes any number of words sets `more(options, words)`, for those behind its options: argparse takes a list of words that may
    be empty from the first place where it could stand, and calls the rest unknown.
    """
    (only,) = commands if single else (None,)
    parser = _several(commands, typed, argv) if only is None else only.parser(argparse.ArgumentParser, typed, typed)
    parser.set_defaults(command=shlex.join([*typed.split(), *argv]), names=names)
    options, rest = parser.parse_known_args(argv)
    if rest and not (hasattr(options, "more") and _only_words(rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        at = rest.index("--") if "--" in rest else len(rest)
        options.more(options, rest[:at] + rest[at + 1 :])
    return int(options.action(options, console()) or 0)


def typed_name(module: str) -> str:
    """How this process was called: an installed script by its name, else `python -m MODULE`."""
    script = Path(sys.argv[0]).name
    return f"python -m {module}" if script in ("__main__.py", "-m", "-c", "") else script


def _only_words(rest: Sequence[str]) -> bool:
    """Whether none of these is an option, as argparse tells them: after -- nothing is, nor is a number, nor what has a space in it."""
    found = rest[: rest.index("--")] if "--" in rest else rest
    return all(not w.startswith("-") or w == "-" or " " in w or _NUMBER.fullmatch(w) for w in found)


def _several(commands: Sequence[Command], typed: str, argv: Sequence[str]) -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog=typed, description=_ABOUT, epilog=f"example: {typed} {commands[0].name} {commands[0].example}", formatter_class=_RAW
    )
    top.add_argument("--version", action="version", version=f"tritspike {tritspike.__version__}")
    parsers = top.add_subparsers(required=True, metavar="COMMAND", title="commands")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for command in commands:

        def make(name: str, **more: Any) -> argparse.ArgumentParser:
            return parsers.add_parser(name, help=command.sentence, **more)  # noqa: B023

        command.parser(make, command.name, f"{typed} {command.name}", command.name == chosen)
    return top
