"""Arguments that several commands take, and what they become."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tritspike.runtime import limits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.lava import TIME_LIMIT
from tritspike.runtime.option_values import real, whole
from tritspike.runtime.tasks import labelled

if TYPE_CHECKING:
    from tritspike.runtime.executors.base import How
    from tritspike.runtime.host.arrays import ArrayProgram
    from tritspike.runtime.host.program import Program
    from tritspike.runtime.host.text import Encoder
    from tritspike.runtime.mapping import Mapping

MOST = 1_000_000_000  # texts, tokens: more than any run has
MOST_HELD = 100_000  # texts that are held at once
SEED = whole(0, (1 << 63) - 1)  # what SQLite keeps, and every generator takes
_YEAR = 31_536_000.0  # seconds


def program_argument(command: argparse.ArgumentParser) -> None:
    """The first argument of most commands."""
    command.add_argument("program", help="a .tsp file; with `tritspike` also a model's name, such as sst2-ternary, or a checkpoint folder")


def opened(o: argparse.Namespace) -> Program:
    """The program that was named. Raises `FileError`."""
    found: Program = o.names.load(o.program)
    return found


def language_encoder(o: argparse.Namespace) -> Encoder:
    """Of a language model's program. Raises `InputError` for a classifier's."""
    from tritspike.runtime.host import language
    from tritspike.runtime.host.text import Encoder

    program = opened(o)
    language.require_language_model(program, o.program)
    return Encoder(program)


def unicode_text(text: str) -> str:
    """Its bytes as UTF-8 where the locale could not read them: a text is UTF-8 in any locale."""
    try:
        return os.fsencode(text).decode() if any("\udc80" <= c <= "\udcff" for c in text) else text
    except UnicodeError:
        raise InputError(f"text {text!r} is not UTF-8") from None


def run_arguments(command: argparse.ArgumentParser) -> None:
    """How texts are run."""
    engine_arguments(command)
    command.add_argument("--strict", action="store_true", help="refuse texts longer than the compiled length instead of cutting them")


def engine_arguments(command: argparse.ArgumentParser) -> None:
    """The executor, and what bounds it."""
    executor_argument(command)
    command.add_argument(
        "--threads", type=whole(1, limits.MOST_THREADS), default=limits.cores(), help="of fast and onnx (default: all cores: %(default)s)"
    )
    bound_arguments(command)


def bound_arguments(command: argparse.ArgumentParser) -> None:
    """Memory and time."""
    command.add_argument(
        "--memory",
        type=whole(1, 1 << 24),
        default=limits.MEMORY >> 20,
        metavar="MIB",
        help="most spikes that fast holds at once (default: %(default)s)",
    )
    time_limit(command)


def executor_argument(command: argparse.ArgumentParser) -> None:
    """One executor, and the mapping that one of them needs."""
    unmapped_argument(command)
    mapping_argument(command)


def unmapped_argument(command: argparse.ArgumentParser) -> None:
    """One executor; of a command that takes several programs, for which no one mapping is."""
    from tritspike.runtime.executors.table import DEFAULT, EXECUTORS

    command.add_argument("--executor", choices=list(EXECUTORS), default=DEFAULT, help="(default: %(default)s)")


def mapping_argument(command: argparse.ArgumentParser) -> None:
    """For an executor that runs core by core."""
    command.add_argument("--map", type=Path, metavar="FILE.map", help="for partitioned: where each slice lies, as lower --map writes it")


def time_limit(command: argparse.ArgumentParser) -> None:
    """For Lava."""
    command.add_argument(
        "--time-limit",
        type=real(0.001, _YEAR),
        default=TIME_LIMIT,
        metavar="SECONDS",
        help=f"give up on one run of Lava after this long (default: {TIME_LIMIT:g})",
    )


def how(o: argparse.Namespace, program: Program | ArrayProgram) -> How:
    """As the options say; those that a command has not are as they are by default. Raises `FileError`, `InputError` for a mapping of another."""
    from tritspike.runtime.executors.base import How

    named = {"threads": "threads", "limit": "time_limit", "strict": "strict", "count": "activity"}
    given = {name: getattr(o, option) for name, option in named.items() if hasattr(o, option)}
    if hasattr(o, "memory"):
        given["memory"] = o.memory << 20
    return How(**given, mapping=_mapping(o, program))


def _mapping(o: argparse.Namespace, program: Program | ArrayProgram) -> Mapping | None:
    if getattr(o, "map", None) is None:
        return None
    from tritspike.runtime import mapping

    return mapping.load(o.map, program.scheduled)


def example_arguments(command: argparse.ArgumentParser, required: bool) -> None:
    """A split of a task, and where a report goes."""
    command.add_argument("--task", required=required, help=labelled.ARGUMENT)
    command.add_argument("--data", help="folder in the GLUE layout, or of an own task's files if they are not beside it; or 'hub'")
    command.add_argument("--split", choices=["dev", "train"], default="dev", help="(default: dev)")
    command.add_argument("--limit", type=whole(1, MOST), help="the first so many examples")
    command.add_argument("--json", type=Path, metavar="OUT", help="write a report")


def sample_arguments(command: argparse.ArgumentParser) -> None:
    """Which texts are run to compare spikes."""
    source = command.add_mutually_exclusive_group()
    source.add_argument("--data", help="GLUE folder, or an own task's .toml: texts of the program's task; for a language model a text file")
    source.add_argument("--random", type=whole(1, MOST_HELD), default=8, metavar="N", help="random token sequences (default: 8)")
    command.add_argument("--limit", type=whole(1, MOST_HELD), help="at most so many, or of a stream's --data so many tokens (default: 64)")
    command.add_argument("--seed", type=SEED, default=0, help="of --random (default: 0)")
